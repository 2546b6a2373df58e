//! Limits how large, deep and wide documents are, and how much of one may change at once.
//!
//! Settings: `{"bytes_max": 65536, "depth_max": 8, "growth_max": 3, "removed_max": 0.5}` and more, all of them
//! optional. A value that shrinks to nothing or triples is more often an accident than a wish.

mod loss;
mod settings;
mod shape;

use settings::{Settings, check};
use sluice_documents::parse;
use sluice_guest::{Change, Content, Document, Edit, Finding, Verdict, validator};

/// Findings told of one document. One mistake can break a limit in a hundred places; the first few show it.
const FINDINGS_MAX: usize = 20;

validator!(judge, Settings, check);

/// Rejects a change if a document in it is too large, or changes by too much. Deletes pass.
fn judge(change: &Change, settings: &Settings) -> Verdict {
    let bound = change.edits.iter().filter(|edit| edit.bound);
    bound.flat_map(|edit| faults(edit, settings)).collect()
}

fn faults(edit: &Edit, settings: &Settings) -> Vec<Finding> {
    let Some(new) = &edit.new else { return Vec::new() };
    let mut found: Vec<Finding> = bytes(new, settings).into_iter().collect();
    let old = settings.compares().then(|| edit.old()).flatten();
    if let Some(old) = &old {
        found.extend(ratios(size(old), size(new), settings));
    }
    // What is too large is not read as well: reading it is what the limit saves.
    if found.is_empty() {
        match shapes(edit, old.as_ref(), new, settings) {
            Ok(more) => found = more,
            // No limit of ours is broken, but none can be checked: that is never a matter of taste.
            Err(finding) => return vec![finding.on(&edit.key)],
        }
    }
    let told = found.into_iter().take(FINDINGS_MAX);
    told.map(|finding| Finding { severity: settings.severity, ..finding }.on(&edit.key)).collect()
}

fn bytes(new: &Document, settings: &Settings) -> Option<Finding> {
    let (size, most) = (size(new), settings.bytes_max?);
    let message = format!("{size} bytes, at most {most} are allowed");
    (size > most).then(|| Finding::error("large", message).at(""))
}

fn ratios(old: usize, new: usize, settings: &Settings) -> Option<Finding> {
    if old.max(new) <= settings.small_bytes {
        return None;
    }
    if let Some(most) = settings.growth_max.filter(|most| new as f64 > most * old as f64) {
        let message = format!("it grew from {old} to {new} bytes, at most {most} times as many are allowed at once");
        return Some(Finding::error("grown", message).at(""));
    }
    let most = settings.shrink_max.filter(|most| old.saturating_sub(new) as f64 > most * old as f64)?;
    let share = loss::percent(most);
    let message = format!("it shrank from {old} to {new} bytes, at most {share} of it may go at once");
    Some(Finding::error("shrunk", message).at(""))
}

fn shapes(edit: &Edit, old: Option<&Document>, new: &Document, settings: &Settings) -> Result<Vec<Finding>, Finding> {
    let old = old.zip(settings.removed_max);
    if !settings.has_shape() && old.is_none() {
        return Ok(Vec::new());
    }
    let value = parse(&edit.key, new)?;
    let mut found = shape::oversized(&value, settings);
    // An old value that cannot be read holds nothing that could be missed.
    if let Some((old, most)) = old
        && let Ok(old) = parse(&edit.key, old)
    {
        found.extend(loss::losses(&old, &value, most, settings));
    }
    Ok(found)
}

fn size(document: &Document) -> usize {
    match &document.body {
        Content::Text(text) => text.len(),
        Content::Bytes(bytes) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use sluice_guest::testing::given;
    use sluice_guest::{Decision, Operation, Severity};

    fn updated(key: &str, old: &str, new: &str, settings: Value) -> Vec<String> {
        let mut change = Change::of(key, "", new);
        change.edits[0].operation = Operation::Update;
        given(&[(key, "", old)], || told(&change, settings))
    }

    fn told(change: &Change, settings: Value) -> Vec<String> {
        let verdict = judge(change, &serde_json::from_value(settings).unwrap());
        assert_eq!(verdict.decision == Decision::Accept, verdict.findings.is_empty());
        let line = |found: Finding| format!("{} {} {}", found.code, found.pointer.unwrap_or_default(), found.message);
        verdict.findings.into_iter().map(line).collect()
    }

    fn new(key: &str, text: &str, settings: Value) -> Vec<String> {
        told(&Change::of(key, "", text), settings)
    }

    #[test]
    fn a_document_is_measured_in_bytes_whatever_it_is() {
        let settings = json!({"bytes_max": 3});
        assert_eq!(new("a", "äb", settings.clone()), [""; 0]);
        assert_eq!(new("a", "äbc", settings), ["large  4 bytes, at most 3 are allowed"]);
    }

    #[test]
    fn the_three_forms_are_measured_alike_and_places_are_told() {
        let settings = json!({"items_max": 2, "names_max": 2, "string_bytes_max": 4});
        for (key, text) in [
            ("a.json", r#"{"a/b": {"x": [1, 2, 3]}, "t": "12345"}"#),
            ("a.yaml", "a/b: {x: [1, 2, 3]}\nt: '12345'"),
            ("a.toml", "t = '12345'\n['a/b']\nx = [1, 2, 3]"),
        ] {
            let mut found = new(key, text, settings.clone());
            found.sort();
            let list = "many-items /a~1b/x 3 items in a list, at most 2 are allowed";
            assert_eq!(found, ["long-string /t 5 bytes in a string, at most 4 are allowed", list]);
        }
        let names = new("a", r#"{"a": 1, "b": 2, "longer": [{"c": 3}]}"#, settings);
        assert_eq!(names.iter().filter(|line| line.starts_with("many-names  3 ")).count(), 1, "{names:?}");
        assert_eq!(names.iter().filter(|line| line.starts_with("long-string  6 ")).count(), 1, "{names:?}");
    }

    #[test]
    fn depth_is_told_once_where_it_goes_too_far() {
        let settings = json!({"depth_max": 2});
        assert_eq!(new("a", r#"{"a": [1]}"#, settings.clone()), [""; 0]);
        let found = new("a", r#"{"a": [1, [[[2]]]]}"#, settings);
        assert_eq!(found, ["deep /a/1 3 levels of lists and objects, at most 2 are allowed"]);
    }

    #[test]
    fn a_value_that_triples_or_nearly_vanishes_is_told_and_a_small_one_is_not() {
        let settings = json!({"growth_max": 3, "shrink_max": 0.5});
        let text = |length: usize| "x".repeat(length);
        let found = updated("a", &text(1000), &text(3001), settings.clone());
        assert_eq!(found, ["grown  it grew from 1000 to 3001 bytes, at most 3 times as many are allowed at once"]);
        let found = updated("a", &text(2000), &text(999), settings.clone());
        assert_eq!(found, ["shrunk  it shrank from 2000 to 999 bytes, at most 50 % of it may go at once"]);
        for (old, new) in [(1000, 3000), (2000, 1000), (10, 1024), (1024, 0)] {
            assert_eq!(updated("a", &text(old), &text(new), settings.clone()), [""; 0], "{old} to {new}");
        }
        assert_eq!(told(&Change::of("a", "", &text(9000)), settings), [""; 0], "what is new has not grown");
    }

    #[test]
    fn items_that_go_missing_are_counted_where_they_were() {
        let settings = json!({"removed_max": 0.5, "small_items": 3});
        let routes = |count: usize| (0..count).map(|n| (format!("r{n}"), json!([n]))).collect::<Value>();
        let compare = |old: Value, new: Value| updated("a.json", &old.to_string(), &new.to_string(), settings.clone());
        let old = json!({"routes": routes(10), "hosts": [1, 2, 3, 4]});
        assert_eq!(compare(old.clone(), json!({"routes": routes(5), "hosts": [1, 2]})), [""; 0]);
        let lost = ["many-removed /routes 6 of 10 items of `routes` are gone, at most 50 % may go at once"];
        assert_eq!(compare(old.clone(), json!({"routes": routes(4), "hosts": [5, 6, 7, 8]})), lost);
        let gone = "4 of 4 items of `hosts` are gone, at most 50 % may go at once";
        assert_eq!(compare(old.clone(), json!({"routes": routes(10)})), [format!("many-removed  {gone}")]);
        let null = json!({"routes": routes(10), "hosts": null});
        assert_eq!(compare(old.clone(), null), [format!("many-removed /hosts {gone}")]);
        assert_eq!(compare(json!([[1, 2, 3, 4], [1]]), json!([[1], [1, 2]])).len(), 1);
        assert_eq!(compare(json!([[1, 2, 3, 4], [1]]), json!([[1]])), [""; 0], "which one was dropped is unknown");
    }

    #[test]
    fn what_cannot_be_read_is_refused_if_it_must_be_read() {
        assert_eq!(new("a.json", "{", json!({"bytes_max": 9})), [""; 0]);
        assert!(new("a.json", "{", json!({"depth_max": 9, "severity": "warning"}))[0].starts_with("parse "));
        assert_eq!(updated("a.json", "{", "{}", json!({"removed_max": 0.1})), [""; 0]);
    }

    #[test]
    fn a_warning_rejects_nothing_and_a_delete_passes() {
        let settings: Settings = serde_json::from_value(json!({"bytes_max": 1, "severity": "warning"})).unwrap();
        let mut change = Change::of("a", "", "12");
        let verdict = judge(&change, &settings);
        assert_eq!((verdict.decision, verdict.findings[0].severity), (Decision::Warn, Severity::Warning));
        change.edits[0].new = None;
        assert_eq!(judge(&change, &settings).findings, []);
    }

    #[test]
    fn limits_that_limit_nothing_are_refused() {
        let wrong = |settings: Value| check(&serde_json::from_value(settings).unwrap()).len();
        assert_eq!([wrong(json!({})), wrong(json!({"growth_max": 0.5})), wrong(json!({"removed_max": 50}))], [1; 3]);
        assert_eq!(wrong(json!({"depth_max": 8})), 0);
        assert!(serde_json::from_value::<Settings>(json!({"depth": 8})).is_err());
    }
}
