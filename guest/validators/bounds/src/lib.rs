//! Refuses numbers outside their bounds. Settings: `{"/max": [1, 100]}`, JSON Pointer to least and most.

use std::collections::BTreeMap;

use sluice_guest::{Change, Finding, Verdict, validator};

type Bounds = BTreeMap<String, [f64; 2]>;

validator!(within, Bounds);
fn within(change: &Change, bounds: &Bounds) -> Verdict {
    change.judge(|document| {
        let value: serde_json::Value = document.json()?;
        Ok(bounds.iter().filter_map(move |(pointer, [least, most])| {
            let number = value.pointer(pointer)?.as_f64().filter(|n| !(least..=most).contains(&n))?;
            let message = format!("{number} is not within {least} to {most}");
            Some(Finding::error("out-of-bounds", message).at(pointer))
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Vec<String> {
        let bounds = BTreeMap::from([("/max".to_owned(), [1.0, 100.0])]);
        let verdict = within(&Change::of("checkout/limits", "application/json", text), &bounds);
        verdict.findings.into_iter().map(|found| format!("{} {}", found.code, found.message)).collect()
    }

    #[test]
    fn a_number_within_its_bounds_is_accepted_and_one_outside_is_not() {
        assert!(judge(r#"{"max": 100}"#).is_empty());
        assert_eq!(judge(r#"{"max": 101}"#), ["out-of-bounds 101 is not within 1 to 100"]);
    }

    #[test]
    fn what_is_absent_or_no_number_is_left_to_others() {
        assert!(judge(r#"{"min": 7, "max": "many"}"#).is_empty());
    }

    #[test]
    fn a_document_that_does_not_parse_is_refused() {
        assert_eq!(judge("{"), ["parse EOF while parsing an object at line 1 column 1"]);
    }
}
