//! What a validator can look up, and what it cannot.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use sluice_artifacts::fixtures::{LOOKS_UP, SPEAKS_0_1};
use sluice_core::{Cause, Digest, Entry, Revision, State, Verdict, fold};
use sluice_judge::{Binding, Level, Library, Settings, Trial};

/// Shared by all tests of this package, and kept: each process would compile everything again.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("validators")
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        Library::open(&Settings { cache: Some(cache()), slots: NonZeroUsize::new(2).unwrap(), ..Settings::default() })
            .unwrap()
    })
}

fn entry(ms: u64, fields: &[(&str, &str)]) -> Entry {
    let owned = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Entry::read(Revision { ms, seq: 0 }, fields.iter().map(|(name, value)| (owned(name), owned(value))).collect())
}

fn state(keys: &[(&str, &str)]) -> State {
    let mut state = State::default();
    for (n, (key, value)) in keys.iter().enumerate() {
        fold::fold(&mut state, &entry(n as u64 + 1, &[(&format!("put:{key}"), value)]), |_, _| Verdict::accept());
    }
    state
}

fn judged(rest: &str, document: &str) -> Trial {
    let before = state(&[("up/a", "one"), ("up/b", "two"), ("secret", "s"), ("app/route", "old")]);
    let text = format!(r#"{{"keys": ["app/*"], "component": "{}"{rest}}}"#, Digest::of(LOOKS_UP));
    let binding = Binding::parse("v", text.as_bytes()).unwrap();
    library().try_out(LOOKS_UP, &binding, &entry(9, &[("put:app/route", document)]), &before).unwrap()
}

fn found(document: &str) -> String {
    match judged(r#", "reads": ["up/*"]"#, document).judgement.unwrap() {
        Verdict::Accept(findings) => findings[0].message.to_string(),
        Verdict::Reject(_, findings) => format!("{}: {}", findings[0].code, findings[0].message),
    }
}

#[test]
fn what_the_binding_reads_is_found_as_it_was_before_the_change() {
    assert_eq!(found("get up/a"), "application/octet-stream one");
    assert_eq!(found("get up/c"), "nothing");
    assert_eq!(found("get app/route"), "application/octet-stream old", "its own key, unasked");
    assert_eq!(found("keys up/"), "up/a up/b");
    assert_eq!(found("keys "), "app/route up/a up/b", "and nothing of what it may not see");
}

#[test]
fn what_the_binding_does_not_read_ends_the_call_and_is_named() {
    let denied = "reads: looked up \"secret\", which `reads` of its binding does not name";
    assert_eq!(found("get secret"), denied);
    let trial = judged("", "get up/a");
    assert!(matches!(trial.judgement, Ok(Verdict::Reject(Cause::Trap, _))), "{trial:?}");
}

#[test]
fn looking_up_costs_fuel_and_ends_with_it() {
    let limits = r#", "reads": ["**"], "limits": {"fuel": 1000000}"#;
    let trial = judged(limits, "all up/");
    assert!(matches!(trial.judgement, Ok(Verdict::Reject(Cause::Limit, _))), "{trial:?}");
    let cost = |document: &str| judged(limits, document).cost.fuel;
    assert!(cost("get up/a") > cost("get up/") + 3 && cost("get up/a") == cost("get up/b"));
}

#[test]
fn what_it_logs_is_kept_line_by_line() {
    let journal = judged("", "get app/route").journal;
    assert_eq!((journal.lines.len(), journal.dropped), (1, 0));
    assert_eq!((journal.lines[0].level, &*journal.lines[0].text), (Level::Info, "get app/route"));
    let journal = judged(r#", "limits": {"log_lines": 0}"#, "get app/route").journal;
    assert_eq!((journal.lines.len(), journal.dropped), (0, 1));
}

#[test]
fn a_validator_of_the_version_before_is_served_too() {
    let inspection = library().inspect(SPEAKS_0_1);
    assert_eq!((inspection.refusal, inspection.imports.len()), (None, 0));
    assert_eq!(inspection.description.unwrap().name, "old");
    let text = format!(r#"{{"keys": ["app/*"], "component": "{}", "settings": 7}}"#, Digest::of(SPEAKS_0_1));
    let binding = Binding::parse("v", text.as_bytes()).unwrap();
    let judged = |before: &State| {
        let entry = entry(9, &[("put:app/route", "new")]);
        library().try_out(SPEAKS_0_1, &binding, &entry, before).unwrap().judgement.unwrap()
    };
    assert_eq!(judged(&state(&[("app/route", "old")])), Verdict::accept());
    let Verdict::Reject(Cause::Verdict, findings) = judged(&State::default()) else { panic!() };
    assert_eq!((&*findings[0].code, &*findings[0].message), ("new", "7"));
}
