//! Validators small enough to think about: a pure function of the change and of the state before it.

use std::sync::Arc;

use bytes::Bytes;
use sluice_core::key::{COMPONENTS, VALIDATORS};
use sluice_core::{Action, Binding, Cause, Change, Content, Edit, Finding, Key, Severity, State, Verdict};

/// What a binding's settings may say, and which keys it looks up for that. `rise` looks at the old value, `below` at
/// another key's and `few` at all of a kind, so a verdict given on the wrong state shows.
pub const RULES: [(&str, &str); 7] = [
    ("no-bad", ""),
    ("rise", ""),
    ("short", ""),
    ("warn", ""),
    ("below z", "z"),
    ("below shop/routes", "shop/*"),
    ("few shop/", "shop/**"),
];

/// The components that bindings name.
pub const COMPONENT: [&str; 2] = [
    "00000000000000000000000000000000000000000000000000000000000000aa",
    "00000000000000000000000000000000000000000000000000000000000000bb",
];

/// What announces a component that is no longer to be bound.
pub const WITHDRAWN: &str = "withdrawn";

/// The verdict of all bound rules, in the order of their names, and on bindings themselves.
pub fn judge(before: &State, change: &Change) -> Verdict {
    if change.edits.iter().any(|edit| !is_let_in(before, edit)) {
        return Verdict::Reject(Cause::Trap, Arc::new([]));
    }
    let mut findings = Vec::new();
    for binding in bound(before, change) {
        for edit in change.edits.iter().filter(|edit| names(binding, &edit.key)) {
            let (objects, warns) = objections(before, &binding.settings, edit);
            let finding = |severity| finding(&binding.name, severity, edit);
            if objects {
                return Verdict::Reject(Cause::Verdict, Arc::new([finding(Severity::Error)]));
            }
            findings.extend(warns.then(|| finding(Severity::Warning)));
        }
    }
    Verdict::Accept(findings.into())
}

/// The bindings that judge a change.
pub fn bound<'s>(before: &'s State, change: &'s Change) -> impl Iterator<Item = &'s Binding> {
    // Every binding in force can be read: the others were refused.
    let all = before.bindings().values().filter_map(|binding| (**binding).as_ref().ok());
    all.filter(|binding| binding.is_on() && change.edits.iter().any(|edit| names(binding, &edit.key)))
}

fn names(binding: &Binding, key: &Key) -> bool {
    binding.names(&key.as_str().split('/').collect::<Vec<_>>())
}

/// A binding is refused that cannot be read, or whose component was withdrawn.
fn is_let_in(before: &State, edit: &Edit) -> bool {
    let Some(name) = edit.key.as_str().strip_prefix(VALIDATORS) else { return true };
    if matches!(edit.action, Action::Delete) {
        return true;
    }
    Binding::parse(name, &new(edit)).is_ok_and(|binding| {
        let announced = before.find(format!("{COMPONENTS}{}", binding.component).as_bytes());
        announced.is_none_or(|item| item.bytes != WITHDRAWN)
    })
}

/// Whether a rule rejects an edit, and whether it remarks on it.
fn objections(before: &State, rule: &str, edit: &Edit) -> (bool, bool) {
    let old = before.item(&edit.key).map_or(&b""[..], |item| &item.bytes);
    let new = new(edit);
    match rule.trim_matches('"').split_once(' ').unwrap_or((rule.trim_matches('"'), "")) {
        ("no-bad", _) => (new.starts_with(b"bad"), false),
        ("rise", _) => (new < old, false),
        ("short", _) => (new.len() > 8, false),
        ("warn", _) => (false, new.len().is_multiple_of(2)),
        ("below", other) => (before.find(other.as_bytes()).is_some_and(|item| new > item.bytes), false),
        ("few", prefix) => (before.range(prefix, None).count() > 1, false),
        (_, _) => (false, false),
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
