//! Refuses pools larger than the database takes, and pools that grow too fast at once.

use serde::Deserialize;
use sluice_guest::{Change, Edit, Finding, Verdict, validator};

/// What the binding sets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Connections the database takes.
    connections_max: u32,
    /// How many times as many a change may ask for as there were.
    growth_max: f64,
}

/// A document. What the rule does not need is left to others.
#[derive(Deserialize)]
struct Pool {
    connections: u32,
}

validator!(judge, Settings, check);

/// One change: every document under the keys of the binding, new beside old.
fn judge(change: &Change, settings: &Settings) -> Verdict {
    let bound = change.edits.iter().filter(|edit| edit.bound);
    bound.filter_map(|edit| fault(edit, settings).map(|finding| finding.on(edit.key.as_str()))).collect()
}

/// What is wrong with the settings beyond their form: asked when a binding is published.
fn check(settings: &Settings) -> Vec<Finding> {
    let is_wrong = settings.growth_max < 1.0;
    is_wrong
        .then(|| Finding::error("settings", "is less than 1, so nothing may stay as it is").at("/growth_max"))
        .into_iter()
        .collect()
}

fn fault(edit: &Edit, settings: &Settings) -> Option<Finding> {
    // A delete has no new document, and is fine.
    let new = match edit.new.as_ref()?.json::<Pool>() {
        Ok(pool) => pool.connections,
        Err(finding) => return Some(finding),
    };
    if new > settings.connections_max {
        let message = format!("{new} connections: the database takes {}", settings.connections_max);
        return Some(Finding::error("too-many", message).at("/connections"));
    }
    // An old document that does not parse was there before this rule, and cannot be grown from.
    let old = edit.old()?.json::<Pool>().ok()?.connections;
    let most = f64::from(old) * settings.growth_max;
    (f64::from(new) > most).then(|| {
        let message = format!("{new} connections after {old}: at most {} times as many at once", settings.growth_max);
        Finding::error("too-fast", message).at("/connections").help("grow in steps")
    })
}

#[cfg(test)]
mod tests {
    use sluice_guest::Decision;

    use super::*;

    const SETTINGS: Settings = Settings { connections_max: 100, growth_max: 2.0 };

    fn decision(text: &str) -> Decision {
        judge(&Change::of("db/pool.json", "application/json", text), &SETTINGS).decision
    }

    #[test]
    fn a_pool_within_the_limit_is_accepted_and_one_beyond_it_is_not() {
        assert_eq!(decision(r#"{"connections": 100}"#), Decision::Accept);
        assert_eq!(decision(r#"{"connections": 101}"#), Decision::Reject);
    }

    #[test]
    fn settings_that_allow_nothing_are_refused() {
        assert_eq!(check(&Settings { connections_max: 100, growth_max: 0.5 }).len(), 1);
    }

    /// The documents of `sluice validator test` that are files, judged natively: here a panic says its message.
    #[test]
    fn no_case_panics() {
        for file in std::fs::read_dir("cases").unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.contains(".accept.") || name.contains(".reject.") {
                decision(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
}
