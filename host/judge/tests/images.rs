//! Images: the same answers and the same fuel, without the work of taking the settings in.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use sluice_artifacts::{BOUNDS, EXPRESSION, FREEZE_WINDOW, JSON_SCHEMA, NO_SECRETS, SIZE_AND_SHAPE, fixtures};
use sluice_core::{Digest, Entry, Revision, State, Verdict, fold};
use sluice_judge::{Binding, Library, Settings, Trial};

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

fn entry(ms: u64, value: &str) -> Entry {
    let field = (Bytes::from("put:app/a.json"), Bytes::copy_from_slice(value.as_bytes()));
    Entry::read(Revision { ms, seq: 0 }, vec![field])
}

/// Each document judged in turn, on the one before.
fn judged(component: &[u8], binding: &Binding, documents: &[&str]) -> Vec<Trial> {
    let mut before = State::default();
    let mut trials = Vec::new();
    for (n, document) in documents.iter().enumerate() {
        let entry = entry(n as u64 + 1, document);
        trials.push(library().try_out(component, binding, &entry, &before).unwrap());
        fold::fold(&mut before, &entry, |_, _| Verdict::accept());
    }
    trials
}

/// Compares calls before and after the image is made; gives the fuel of configuring.
#[track_caller]
fn same(component: &[u8], settings: &str, documents: &[&str]) -> u64 {
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {settings}}}"#, Digest::of(component));
    let binding = Binding::parse("v", text.as_bytes()).unwrap();
    let plain = judged(component, &binding, documents);
    library().bake(component, &binding).unwrap();
    let baked = judged(component, &binding, documents);
    for (plain, baked) in plain.iter().zip(&baked) {
        assert_eq!((&plain.judgement, plain.has_warned), (&baked.judgement, baked.has_warned));
        assert_eq!((plain.cost.fuel, plain.cost.memory_bytes), (baked.cost.fuel, baked.cost.memory_bytes));
        assert!(plain.configured_fuel > 0 && baked.configured_fuel == 0);
        assert_eq!(plain.journal.lines, baked.journal.lines);
    }
    plain[0].configured_fuel
}

const DOCUMENTS: [&str; 5] = [r#"{"max": 7}"#, r#"{"max": 900, "more": [1, 2, 3]}"#, "{", "max: 3", r#"{"max": "x"}"#];

#[test]
fn ready_made_validators_answer_alike_with_and_without() {
    same(BOUNDS, r#"{"/max": [1, 100]}"#, &DOCUMENTS);
    same(SIZE_AND_SHAPE, r#"{"bytes_max": 20, "depth_max": 3, "growth_max": 2, "small_bytes": 1}"#, &DOCUMENTS);
    same(NO_SECRETS, "null", &DOCUMENTS);
    same(
        FREEZE_WINDOW,
        r#"{"windows": [{"days": ["thu"], "from": "00:00", "until": "24:00", "reason": "no"}]}"#,
        &DOCUMENTS,
    );
}

#[test]
fn rules_and_schemas_are_compiled_once() {
    let rules = r#"{"rules": [{"expr": "new.max <= 2 * old.max", "message": "at most doubled", "on": ["update"]}]}"#;
    assert!(same(EXPRESSION, rules, &DOCUMENTS) > 20_000);
    let schema = r#"{"schema": {"properties": {"max": {"type": "integer", "maximum": 100}}}}"#;
    assert!(same(JSON_SCHEMA, schema, &DOCUMENTS) > 20_000);
}

#[test]
fn a_call_leaves_nothing_behind_in_an_image_either() {
    same(fixtures::REMEMBERS, "null", &["1", "2", "3"]);
}

#[test]
fn what_goes_wrong_goes_wrong_alike() {
    same(fixtures::TRAPS, "null", &["1"]);
    same(fixtures::LIES, "null", &["1"]);
    same(fixtures::RECURSES, "null", &["1"]);
}

#[test]
fn an_older_version_has_no_image_and_is_served_all_the_same() {
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": 7}}"#, Digest::of(fixtures::SPEAKS_0_1));
    let binding = Binding::parse("v", text.as_bytes()).unwrap();
    let why = library().bake(fixtures::SPEAKS_0_1, &binding).unwrap_err();
    assert!(why.0.contains("without configure"), "{why:?}");
}
