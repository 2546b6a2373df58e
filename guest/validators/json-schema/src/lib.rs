//! Judges JSON, YAML and TOML documents by a JSON Schema.
//!
//! Settings: `{"schema": {…}}`, and if wished `"formats": true`, which makes `format` a rule instead of a
//! note, as the drafts leave open. The draft is the one `$schema` names, 2020-12 by default. A schema has to
//! be whole: there is no network to fetch a `$ref` from; only its own draft's metaschema is known besides.

#[cfg(target_family = "wasm")]
mod entropy;
mod objection;
mod settings;

use sluice_documents::parse;
use sluice_guest::{Change, Document, Finding, Verdict, validator};

pub use settings::{Rules, Settings};

/// Findings told of one document. One mistake can break a hundred rules; the first few show it.
const FINDINGS_MAX: usize = 20;

validator!(judge, Settings => Rules, settings::prepare);

/// Rejects a change if a document in it does not parse or breaks the schema. Deletes pass.
fn judge(change: &Change, rules: &Rules) -> Verdict {
    change.documents().flat_map(|(key, document)| faults(key, document, rules)).collect()
}

fn faults(key: &str, document: &Document, rules: &Rules) -> Vec<Finding> {
    let found = match parse(key, document) {
        Ok(value) => objection::objections(&value, rules, FINDINGS_MAX),
        Err(finding) => vec![finding],
    };
    found.into_iter().map(|finding| finding.on(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sluice_guest::Decision;

    fn told(key: &str, text: &str, schema: serde_json::Value) -> Vec<String> {
        let settings: Settings = serde_json::from_value(json!({ "schema": schema })).unwrap();
        let media = if key.ends_with(".txt") { "text/plain" } else { "application/octet-stream" };
        let verdict = judge(&Change::of(key, media, text), &settings.rules().unwrap());
        assert_eq!(verdict.decision == Decision::Accept, verdict.findings.is_empty());
        let line = |found: Finding| format!("{} {} {}", found.code, found.pointer.unwrap_or_default(), found.message);
        verdict.findings.into_iter().map(line).collect()
    }

    fn limits() -> serde_json::Value {
        json!({"type": "object", "properties": {"max": {"type": "integer", "maximum": 100}}, "required": ["max"]})
    }

    #[test]
    fn the_three_forms_are_judged_alike() {
        for (key, text) in [("a.json", r#"{"max": 101}"#), ("a.yaml", "max: 101"), ("a.toml", "max = 101")] {
            assert_eq!(told(key, text, limits()), ["maximum /max 101 is greater than the maximum of 100"]);
        }
        for (key, text) in [("a.json", r#"{"max": 7}"#), ("a.yml", "max: 7"), ("a.toml", "max = 7")] {
            assert!(told(key, text, limits()).is_empty());
        }
    }

    #[test]
    fn a_document_that_does_not_parse_says_where() {
        for (key, text) in [("a.json", "{\n\"max\": }"), ("a.toml", "b = 1\nmax = ")] {
            let found = told(key, text, limits());
            assert!(found[0].starts_with("parse ") && found[0].contains("line 2 column "), "{found:?}");
        }
        let found = told("a.yaml", "a: 1\nb: [", limits());
        assert!(found[0].starts_with("parse ") && found[0].contains("line "), "{found:?}");
    }

    #[test]
    fn a_document_of_unknown_form_is_refused() {
        assert!(told("notes.txt", "max: 7", limits())[0].starts_with("media-type "));
    }

    #[test]
    fn a_document_that_does_not_say_is_read_as_json() {
        assert!(told("checkout/limits", r#"{"max": 7}"#, limits()).is_empty());
        assert!(told("checkout/limits", "max: 7", limits())[0].starts_with("parse "));
    }

    #[test]
    fn many_violations_are_told_in_part() {
        let text = serde_json::to_string(&vec!["x"; 1000]).unwrap();
        assert_eq!(told("a.json", &text, json!({"items": {"type": "integer"}})).len(), FINDINGS_MAX);
    }

    #[test]
    fn an_alternative_that_fails_says_what_came_closest() {
        let schema =
            json!({"anyOf": [{"type": "string"}, {"properties": {"port": {"type": "integer"}}, "type": "object"}]});
        let settings: Settings = serde_json::from_value(json!({ "schema": schema })).unwrap();
        let verdict = judge(&Change::of("a.json", "", r#"{"port": "http"}"#), &settings.rules().unwrap());
        let help = verdict.findings[0].help.as_deref().unwrap();
        assert!(help.contains("/port") && help.contains("integer"), "{help}");
    }
}
