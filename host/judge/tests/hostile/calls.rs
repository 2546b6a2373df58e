//! Validators that mean harm: each is stopped, for the right cause, and the host goes on.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use sluice_artifacts::{BOUNDS, JSON_SCHEMA, fixtures};
use sluice_core::{Action, Cause, Content, Digest, Entry, Fault, Revision, State, Verdict};
use sluice_judge::{Binding, Library, Limits, Settings, Trial};

/// Enough for honest work, little enough for tests to be quick.
const LIMITS: Limits = Limits { fuel: 50_000_000, memory_bytes: 16 << 20, time_ms: 60_000, ..Limits::DEFAULT };

/// Shared by all tests of this package, and kept: each process would compile everything again.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("validators")
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        Library::open(&Settings { cache: Some(cache()), slots: NonZeroUsize::new(4).unwrap() }).unwrap()
    })
}

fn entry(key: &str, value: &[u8]) -> Entry {
    let name = Bytes::from(format!("put:{key}"));
    Entry::read(Revision { ms: 1_700_000_000_000, seq: 0 }, vec![(name, Bytes::copy_from_slice(value))])
}

fn binding(component: &[u8], settings: &str, limits: Limits) -> Binding {
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {settings}}}"#, Digest::of(component));
    Binding { limits, ..Binding::parse("guest", text.as_bytes()).unwrap() }
}

fn tried(component: &[u8], limits: Limits) -> Trial {
    let binding = binding(component, "null", limits);
    library().try_out(component, &binding, &entry("app/limits", b"{}"), &State::default()).unwrap()
}

#[track_caller]
fn stopped(component: &[u8], cause: Cause, word: &str) {
    let trial = tried(component, LIMITS);
    match trial.judgement {
        Ok(Verdict::Reject(found, findings)) => {
            assert_eq!(found, cause, "{findings:?}");
            assert!(findings[0].message.contains(word), "{}", findings[0].message);
        }
        other => panic!("{other:?}"),
    }
    let honest = binding(BOUNDS, "{}", LIMITS);
    let after = library().try_out(BOUNDS, &honest, &entry("app/limits", b"{}"), &State::default()).unwrap();
    assert_eq!(after.judgement, Ok(Verdict::accept()));
}

#[test]
fn one_that_never_ends_runs_out_of_fuel() {
    stopped(fixtures::NEVER_ENDS, Cause::Limit, "fuel");
}

#[test]
fn one_that_eats_memory_runs_out_of_memory() {
    stopped(fixtures::EATS_MEMORY, Cause::Limit, "memory");
}

#[test]
fn one_that_recurses_traps() {
    stopped(fixtures::RECURSES, Cause::Trap, "");
}

#[test]
fn one_that_panics_traps() {
    stopped(fixtures::TRAPS, Cause::Trap, "traps.rs:7:5: 1 edits are too many (wasm trap: wasm `unreachable`");
}

#[test]
fn one_that_says_too_much_is_cut_off() {
    let trial = tried(fixtures::SAYS_TOO_MUCH, Limits::DEFAULT);
    let Ok(Verdict::Reject(Cause::Limit, findings)) = trial.judgement else { panic!("{trial:?}") };
    assert!(findings[0].message.contains("said more than 1048576 bytes at once"), "{findings:?}");
}

#[test]
fn one_that_lies_is_bounded_cleaned_and_believed_only_about_its_own_keys() {
    let Ok(Verdict::Reject(Cause::Verdict, findings)) = tried(fixtures::LIES, LIMITS).judgement else { panic!() };
    assert_eq!(findings.len(), 101);
    assert_eq!(&*findings[100].message, "901 more findings");
    for finding in &*findings {
        let said = format!("{}{}", finding.code, finding.message);
        assert!(!said.contains(char::is_control) && said.len() < 1200, "{said:?}");
        assert_eq!((&finding.key, &finding.pointer), (&None, &None));
    }
}

#[test]
fn one_that_would_remember_cannot() {
    for _ in 0..3 {
        assert_eq!(tried(fixtures::REMEMBERS, LIMITS).judgement, Ok(Verdict::accept()));
    }
}

#[test]
fn time_is_a_fault_and_no_verdict() {
    let trial = tried(fixtures::NEVER_ENDS, Limits { fuel: u64::MAX, time_ms: 50, ..LIMITS });
    assert!(matches!(trial.judgement, Err((Fault::Time, _))), "{:?}", trial.judgement);
    assert!(trial.cost.time >= Duration::from_millis(50), "{:?}", trial.cost);
}

#[test]
fn memory_that_is_too_small_to_begin_with_is_a_limit() {
    let trial = tried(BOUNDS, Limits { memory_bytes: 1000, ..LIMITS });
    assert!(matches!(trial.judgement, Ok(Verdict::Reject(Cause::Limit, _))), "{:?}", trial.judgement);
}

#[test]
fn the_same_call_costs_the_same_fuel_and_memory() {
    let costs: Vec<_> = (0..3).map(|_| tried(fixtures::LIES, LIMITS).cost).map(|c| (c.fuel, c.memory_bytes)).collect();
    assert!(costs[0].0 > 0 && costs.windows(2).all(|two| two[0] == two[1]), "{costs:?}");
}

#[test]
fn many_threads_wait_for_room_and_all_are_answered() {
    let bounds = binding(BOUNDS, r#"{"/max": [1, 100]}"#, LIMITS);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let bounds = &bounds;
            scope.spawn(move || {
                for value in 90 + thread..110 + thread {
                    let entry = entry("a", format!(r#"{{"max": {value}}}"#).as_bytes());
                    let trial = library().try_out(BOUNDS, bounds, &entry, &State::default()).unwrap();
                    assert_eq!(matches!(trial.judgement, Ok(Verdict::Accept(_))), value <= 100);
                }
            });
        }
    });
}

#[test]
fn large_documents_fit() {
    let text = format!(r#"{{"max": 7, "rest": [{}0]}}"#, "123456, ".repeat(300_000));
    let mut entry = entry("a", b"{}");
    let Action::Put(put) = &mut entry.content.as_mut().unwrap().edits[0].action else { panic!() };
    put.content = Content::Here(text.into());
    let bounds = binding(BOUNDS, r#"{"/max": [1, 100]}"#, Limits::DEFAULT);
    let trial = library().try_out(BOUNDS, &bounds, &entry, &State::default()).unwrap();
    assert_eq!(trial.judgement, Ok(Verdict::accept()), "{:?}", trial.cost);
}

#[test]
fn a_schema_judges_yaml_as_a_host_would_see_it() {
    let settings = r#"{"schema": {"properties": {"max": {"type": "integer", "maximum": 100}}}}"#;
    let schema = binding(JSON_SCHEMA, settings, Limits::DEFAULT);
    for (key, text, is_good) in [("a.yaml", "max: 7", true), ("a.toml", "max = 101", false), ("a.json", "{", false)] {
        let trial = library().try_out(JSON_SCHEMA, &schema, &entry(key, text.as_bytes()), &State::default()).unwrap();
        assert_eq!(matches!(trial.judgement, Ok(Verdict::Accept(_))), is_good, "{trial:?}");
        assert!(trial.cost.fuel < Limits::DEFAULT.fuel / 20, "{trial:?}");
    }
}

#[test]
fn what_is_no_validator_is_refused_in_words() {
    for (bytes, part) in [
        (&b"hello"[..], "not a WebAssembly component"),
        (b"\0asm\x01\0\0\0", "not a WebAssembly component"),
        (b"\0asm\x0d\0\x01\0", "exports nothing, and not sluice:validator/validator@1.0.0"),
        (b"\0asm\x0d\0\x01\0junk", "does not compile"),
        (include_bytes!("imports_a_clock.wasm"), "asks for wasi:clocks/wall-clock"),
    ] {
        let inspection = library().inspect(bytes);
        let refusal = inspection.refusal.unwrap();
        assert!(refusal.contains(part), "{refusal}");
    }
}

#[test]
fn a_validator_says_what_it_is() {
    let inspection = library().inspect(BOUNDS);
    assert_eq!((inspection.refusal, inspection.imports), (None, vec!["sluice:validator/log@1.0.0".to_owned()]));
    assert_eq!(inspection.exports, ["sluice:validator/validator@1.0.0"]);
    assert_eq!(inspection.description.unwrap().name, "bounds");
}
