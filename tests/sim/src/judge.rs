//! Validators small enough to think about: a pure function of the change and of the state before it.

use std::sync::Arc;

use bytes::Bytes;
use sluice_core::key::VALIDATORS;
use sluice_core::{Action, Cause, Change, Content, Edit, Finding, Severity, State, Verdict};

/// What a binding may say. `rise` looks at the old value, so a verdict given on the wrong state shows.
pub const RULES: [&str; 4] = ["no-bad", "rise", "short", "warn"];

/// A binding that every host refuses, as it would a component that does not load.
pub const BROKEN: &str = "broken";

/// Runs all bound rules over a change, in the order of their names.
pub fn judge(before: &State, change: &Change) -> Verdict {
    let binds_broken = change.edits.iter().any(|edit| edit.key.as_str().starts_with(VALIDATORS) && new(edit) == BROKEN);
    if binds_broken {
        return Verdict::Reject(Cause::Trap, Arc::new([]));
    }
    let mut findings = Vec::new();
    for (name, rule) in before.range(VALIDATORS, None) {
        for edit in &change.edits {
            let old = before.item(&edit.key).map_or(&b""[..], |item| &item.bytes);
            let (objects, warns) = objections(&rule.bytes, old, edit);
            let finding = |severity| finding(name.as_str(), severity, edit);
            if objects {
                return Verdict::Reject(Cause::Verdict, Arc::new([finding(Severity::Error)]));
            }
            findings.extend(warns.then(|| finding(Severity::Warning)));
        }
    }
    Verdict::Accept(findings.into())
}

/// Whether a rule rejects an edit, and whether it remarks on it.
fn objections(rule: &[u8], old: &[u8], edit: &Edit) -> (bool, bool) {
    let new = new(edit);
    match rule {
        b"no-bad" => (new.starts_with(b"bad"), false),
        b"rise" => (new < old, false),
        b"short" => (new.len() > 8, false),
        b"warn" => (false, new.len().is_multiple_of(2)),
        _ => (false, false),
    }
}

fn new(edit: &Edit) -> Bytes {
    match &edit.action {
        Action::Put(put) => match &put.content {
            Content::Here(bytes) => bytes.clone(),
            Content::At(_) => panic!("a change was judged without the bytes of {}", edit.key),
        },
        Action::Delete => Bytes::new(),
    }
}

fn finding(validator: &str, severity: Severity, edit: &Edit) -> Finding {
    let (validator, code, message) = (validator.into(), "rule".into(), "the rule says so".into());
    Finding { validator, severity, code, message, key: Some(edit.key.clone()), pointer: None, help: None }
}
