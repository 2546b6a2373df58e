//! What is thrown at the doors through which strangers reach a host, and what must hold whatever it is. The
//! property tests beside this file and the fuzzer in `tests/fuzz` share it.

use bytes::Bytes;
use sluice_artifacts::{EXPRESSION, JSON_SCHEMA, fixtures};
use sluice_core::{Digest, Entry, Revision, State, Verdict};
use sluice_judge::{Binding, Library, Limits, Trial};

/// Enough to get somewhere, little enough for many calls a second.
const LIMITS: Limits = Limits { fuel: 2_000_000, memory_bytes: 16 << 20, time_ms: 60_000, ..Limits::DEFAULT };

/// Bytes of a component: they are one or are refused in words, and if they are one its call ends.
pub fn component_bytes(library: &Library, component: &[u8]) {
    let inspection = library.inspect(component);
    match inspection.refusal {
        Some(why) => assert!(!why.contains(char::is_control), "{why:?}"),
        None => judged(&tried(library, component, "null", b"{}")),
    }
}

/// The memory a validator answers from: it is a verdict or breaks a rule.
pub fn returned_values(library: &Library, answer: &[u8]) {
    let (_, echo) = fixtures::ALL.iter().find(|(name, _)| *name == "echoes_bytes").unwrap();
    judged(&tried(library, echo, "null", answer));
}

/// Settings of a binding: they are JSON or refused as none, and a validator takes them or says what is wrong.
pub fn settings(library: &Library, settings: &str) {
    for component in [JSON_SCHEMA, EXPRESSION] {
        if parsed(component, settings).is_some() {
            judged(&tried(library, component, settings, b"{}"));
        }
    }
}

fn parsed(component: &[u8], settings: &str) -> Option<Binding> {
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {settings}}}"#, Digest::of(component));
    // Such a text can end the settings and go on with a list of keys of its own.
    let binding = Binding::parse("guest", text.as_bytes()).ok()?;
    Some(Binding { limits: LIMITS, ..binding })
}

fn tried(library: &Library, component: &[u8], settings: &str, document: &[u8]) -> Trial {
    let fields = vec![(Bytes::from_static(b"put:a"), Bytes::copy_from_slice(document))];
    let entry = Entry::read(Revision { ms: 1, seq: 0 }, fields);
    library.try_out(component, &parsed(component, settings).unwrap(), &entry, &State::default()).unwrap()
}

/// There is a verdict, the same on every host, and its words are fit to be shown.
fn judged(trial: &Trial) {
    let (Verdict::Accept(findings) | Verdict::Reject(_, findings)) = trial.judgement.as_ref().unwrap();
    assert!(findings.len() <= 101);
    for finding in findings.iter() {
        let said = [Some(&finding.code), Some(&finding.message), finding.help.as_ref(), finding.pointer.as_ref()];
        assert!(said.into_iter().flatten().all(|text| !text.contains(char::is_control) && text.len() < 4096));
    }
    assert!(trial.journal.lines.iter().all(|line| !line.text.contains(char::is_control)));
}
