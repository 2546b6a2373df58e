//! Refuses references to keys that do not exist.
//!
//! Settings: `{"references": [{"in": "routes/*", "at": "/upstream", "to": "upstreams/{}.json"}]}`: what a document
//! under `in` holds at `at` names a key, which is there once the change is applied. A key that something still
//! refers to is not deleted. The binding's `keys` name both sides, and so do its `reads`.

mod place;
mod settings;

use std::collections::BTreeSet;

use serde_json::Value;
use settings::{Rule, Settings, check};
use sluice_documents::parse;
use sluice_guest::{Change, Edit, Finding, Verdict, current, validator};

/// Findings told of one edit. The first few show what is wrong.
const FINDINGS_MAX: usize = 20;

validator!(judge, Settings, check);

/// Rejects a change after which a reference would lead nowhere.
fn judge(change: &Change, settings: &Settings) -> Verdict {
    let bound = change.edits.iter().filter(|edit| edit.bound);
    bound.flat_map(|edit| faults(change, edit, settings).into_iter().take(FINDINGS_MAX)).collect()
}

fn faults(change: &Change, edit: &Edit, settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in &settings.references {
        match &edit.new {
            Some(document) if rule.is_in(&edit.key) => match parse(&edit.key, document) {
                Ok(value) => found.extend(dangling(change, &value, rule)),
                Err(finding) => found.push(finding),
            },
            Some(_) => (),
            None => found.extend(left_behind(change, edit, rule)),
        }
    }
    found.into_iter().map(|finding| finding.on(&edit.key)).collect()
}

/// References of a document that lead nowhere.
fn dangling(change: &Change, value: &Value, rule: &Rule) -> Vec<Finding> {
    let told = |(pointer, name): (String, String)| {
        let key = rule.key(&name);
        let message = format!("`{name}` refers to {key}, which does not exist");
        let help = format!("publish {key} first, or in the same change");
        // What cannot be a key at all is not looked up: no binding could read it.
        let is_there = is_key(&key) && change.after(&key).is_some();
        (!is_there).then(|| rule.finding("dangling", message).at(pointer).help(help))
    };
    place::names(value, &rule.at).into_iter().filter_map(told).collect()
}

fn is_key(text: &str) -> bool {
    let is_segment =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    text.split('/').all(is_segment)
}

/// Documents that refer to a key which is being deleted.
fn left_behind(change: &Change, edit: &Edit, rule: &Rule) -> Option<Finding> {
    let name = rule.name(&edit.key)?;
    let refers = |key: &String| {
        let document = change.after(key)?;
        // What does not parse was there before this rule, and refers to nothing.
        let value = parse(key, &document).ok()?;
        place::names(&value, &rule.at).iter().any(|(_, named)| named == name).then_some(())
    };
    let edited = change.edits.iter().map(|edit| edit.key.clone());
    let candidates: BTreeSet<String> = current::keys(rule.prefix()).chain(edited).collect();
    let referring: Vec<String> =
        candidates.into_iter().filter(|key| rule.is_in(key) && refers(key).is_some()).take(FINDINGS_MAX).collect();
    let (first, others) = referring.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    let message = format!("{first}{more} still refers to it");
    Some(rule.finding("referenced", message).help("change what refers to it first, or in the same change"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_guest::testing::given;
    use sluice_guest::{Decision, Operation};

    use super::*;

    const STATE: [(&str, &str, &str); 3] = [
        ("routes/shop", "application/json", r#"{"upstream": "a", "backup": [{"to": "b"}]}"#),
        ("upstreams/a.json", "", "{}"),
        ("upstreams/b.json", "", "{}"),
    ];

    fn settings() -> Settings {
        let references = json!([
            {"in": "routes/*", "at": "/upstream", "to": "upstreams/{}.json"},
            {"in": "routes/*", "at": "/backup/*/to", "to": "upstreams/{}.json", "severity": "warning"},
        ]);
        serde_json::from_value(json!({ "references": references })).unwrap()
    }

    fn delete(key: &str) -> Change {
        let mut change = Change::of(key, "", "");
        change.edits[0].new = None;
        change.edits[0].operation = Operation::Delete;
        change
    }

    fn told(change: &Change) -> (Decision, Vec<String>) {
        let verdict = given(&STATE, || judge(change, &settings()));
        let line = |found: Finding| format!("{} {}", found.pointer.unwrap_or_default(), found.message);
        (verdict.decision, verdict.findings.into_iter().map(line).collect())
    }

    fn route(text: &str) -> Change {
        Change::of("routes/blog", "application/json", text)
    }

    #[test]
    fn a_reference_to_what_exists_is_accepted_and_one_to_nothing_is_not() {
        assert_eq!(told(&route(r#"{"upstream": "a"}"#)).0, Decision::Accept);
        let nowhere = "/upstream `c` refers to upstreams/c.json, which does not exist";
        assert_eq!(told(&route(r#"{"upstream": "c"}"#)), (Decision::Reject, vec![nowhere.into()]));
        assert_eq!(told(&route(r#"{"upstream": "no key\n"}"#)).0, Decision::Reject);
        let (decision, messages) = told(&route(r#"{"upstream": "a", "backup": [{"to": "b"}, {"to": "x"}]}"#));
        assert_eq!((decision, messages.len(), messages[0].starts_with("/backup/1/to ")), (Decision::Warn, 1, true));
    }

    #[test]
    fn both_sides_may_come_in_one_change() {
        let mut change = route(r#"{"upstream": "c"}"#);
        change.edits.extend(Change::of("upstreams/c.json", "", "{}").edits);
        assert_eq!(told(&change).0, Decision::Accept);
    }

    #[test]
    fn what_is_referred_to_stays_until_nothing_refers_to_it() {
        let still = " routes/shop still refers to it";
        assert_eq!(told(&delete("upstreams/a.json")), (Decision::Reject, vec![still.into()]));
        let mut change = delete("upstreams/a.json");
        change.edits.extend(Change::of("routes/shop", "application/json", r#"{"upstream": "b"}"#).edits);
        assert_eq!(told(&change).0, Decision::Accept);
        let mut change = delete("upstreams/a.json");
        change.edits.extend(delete("routes/shop").edits);
        assert_eq!(told(&change).0, Decision::Accept);
        assert_eq!(told(&delete("other")).0, Decision::Accept);
    }

    #[test]
    fn settings_that_refer_to_nothing_are_refused() {
        let wrong = |rule: Value| check(&serde_json::from_value(json!({ "references": [rule] })).unwrap());
        assert_eq!(wrong(json!({"in": "a/*", "at": "/b", "to": "c"}))[0].pointer.as_deref(), Some("/references/0/to"));
        assert_eq!(wrong(json!({"in": "a/*", "at": "b", "to": "{}"}))[0].pointer.as_deref(), Some("/references/0/at"));
        assert_eq!(wrong(json!({"in": "a/*", "at": "", "to": "{}"})), []);
        assert_eq!(check(&Settings { references: Vec::new() }).len(), 1);
    }
}
