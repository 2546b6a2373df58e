//! Refuses changes that are published while a freeze is on.
//!
//! Settings: `{"windows": [{"from": "2026-12-20T00:00:00Z", "until": "2027-01-04T06:00:00Z", "reason": "year's
//! end"}], "except": [{"author": "oncall"}, {"metadata": "x-emergency"}]}`. What counts is the time of the log
//! entry, so a host that judges it a day later comes to the same answer.

mod exception;
mod moment;
mod window;

use exception::Exception;
use moment::Moment;
use serde::Deserialize;
use sluice_guest::{Change, Finding, Verdict, validator};
use window::Written;

/// What a binding says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    windows: Vec<Written>,
    #[serde(default)]
    except: Vec<Exception>,
}

validator!(judge, Settings, check);

/// Rejects a change, deletes too, that was published in one of the windows and is no exception.
fn judge(change: &Change, settings: &Settings) -> Verdict {
    let now = Moment(change.published_at().try_into().unwrap_or(i64::MAX / 2));
    let mut found = Vec::new();
    for written in &settings.windows {
        match written.read() {
            Ok(window) => found.extend(window.end(now).map(|end| frozen(written.reason(), now, end, settings))),
            // The host asks `check` before it lets a binding in, so this is a host that did not.
            Err(finding) => found.push(finding),
        }
    }
    match settings.except.iter().find(|exception| exception.holds(change)) {
        Some(exception) if !found.is_empty() => {
            let message = format!("published during a freeze: {} is an exception", exception.words());
            Verdict::accept_with([Finding::info("freeze-exception", message)])
        }
        _ => found.into_iter().collect(),
    }
}

fn frozen(reason: &str, now: Moment, end: Moment, settings: &Settings) -> Finding {
    let finding = Finding::error("frozen", format!("no changes until {end}: {reason}; this one is of {now}"));
    let ways: Vec<_> = settings.except.iter().map(Exception::words).collect();
    match ways.is_empty() {
        true => finding.help(format!("publish it after {end}")),
        false => finding.help(format!("publish it after {end}, or as an exception: {}", ways.join("; or "))),
    }
}

/// What is wrong with the settings.
fn check(settings: &Settings) -> Vec<Finding> {
    let windows = settings.windows.iter().enumerate().filter_map(|(n, window)| {
        let finding = window.read().err()?;
        Some((format!("/windows/{n}"), finding))
    });
    let exceptions = settings.except.iter().enumerate();
    let exceptions = exceptions.filter_map(|(n, exception)| Some((format!("/except/{n}"), exception.fault()?)));
    let within = |(place, finding): (String, Finding)| {
        let pointer = place + finding.pointer.as_deref().unwrap_or_default();
        finding.at(pointer)
    };
    windows.chain(exceptions).map(within).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_guest::{Decision, Operation};

    const SETTINGS: &str = r#"{
        "windows": [
            {"from": "2026-12-20T00:00:00Z", "until": "2027-01-04T06:00:00Z", "reason": "year's end"},
            {"days": ["fri"], "from": "16:00", "until": "24:00", "offset": "+01:00", "reason": "weekend"}
        ],
        "except": [{"author": "oncall", "metadata": "x-incident"}, {"metadata": "x-emergency", "value": "yes"}]
    }"#;

    fn told(change: &Change) -> (Decision, Vec<String>) {
        let verdict = judge(change, &serde_json::from_str(SETTINGS).unwrap());
        (verdict.decision, verdict.findings.into_iter().map(|finding| finding.message).collect())
    }

    fn change(published_at: &str) -> Change {
        let moment: Moment = published_at.parse().unwrap();
        let mut change = Change::of("app/a", "", "1");
        change.revision.millis = moment.0.unsigned_abs();
        change
    }

    #[test]
    fn a_change_in_a_window_is_refused_and_one_beside_it_is_not() {
        let (decision, messages) = told(&change("2026-12-24T18:00:00Z"));
        assert_eq!(decision, Decision::Reject);
        assert_eq!(
            messages,
            ["no changes until 2027-01-04T06:00:00Z: year's end; this one is of 2026-12-24T18:00:00Z"]
        );
        assert_eq!(told(&change("2026-12-16T18:00:00Z")), (Decision::Accept, vec![]));
    }

    #[test]
    fn every_window_that_is_on_is_told() {
        assert_eq!(told(&change("2027-01-01T16:00:00Z")).1.len(), 2);
    }

    #[test]
    fn a_delete_is_a_change_too() {
        let mut change = change("2026-12-24T18:00:00Z");
        change.edits[0].new = None;
        change.edits[0].operation = Operation::Delete;
        assert_eq!(told(&change).0, Decision::Reject);
    }

    #[test]
    fn an_exception_needs_all_it_names_and_is_told() {
        let mut change = change("2026-12-24T18:00:00Z");
        change.author = Some("oncall".into());
        assert_eq!(told(&change).0, Decision::Reject);
        change.metadata = vec![("x-incident".into(), "".into()), ("x-emergency".into(), "no".into())];
        assert_eq!(told(&change).0, Decision::Reject);
        change.metadata.push(("x-incident".into(), "817".into()));
        let told_why = "published during a freeze: author oncall with x-incident is an exception";
        assert_eq!(told(&change), (Decision::Accept, vec![told_why.into()]));
        change.author = None;
        change.metadata.push(("x-emergency".into(), "yes".into()));
        assert_eq!(told(&change).0, Decision::Accept);
    }

    #[test]
    fn settings_that_cannot_be_used_say_where() {
        let text = r#"{"windows": [{"from": "now", "until": "then", "reason": ""}], "except": [{}, {"author": "a", "value": "b"}]}"#;
        let found = check(&serde_json::from_str(text).unwrap());
        let places: Vec<_> = found.iter().map(|finding| finding.pointer.as_deref().unwrap()).collect();
        assert_eq!(places, ["/windows/0/from", "/except/0", "/except/1/value"]);
        for text in [r#"{}"#, r#"{"windows": [{"days": ["friday"], "from": "1", "until": "2", "reason": ""}]}"#] {
            assert!(serde_json::from_str::<Settings>(text).is_err(), "{text}");
        }
    }
}
