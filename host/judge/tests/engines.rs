//! The same verdict and the same fuel, however the code was made and wherever the memory comes from.

use std::num::NonZeroUsize;
use std::path::Path;

use bytes::Bytes;
use sluice_artifacts::{BOUNDS, EXPRESSION, FREEZE_WINDOW, NO_SECRETS, SIZE_AND_SHAPE, fixtures};
use sluice_core::{Digest, Entry, Revision, State, Verdict, fold};
use sluice_judge::{Binding, Build, Library, Settings};

/// Validators, settings, and what may be looked up.
const ALL: [(&[u8], &str); 8] = [
    (BOUNDS, r#"{"/max": [1, 100]}"#),
    (SIZE_AND_SHAPE, r#"{"bytes_max": 60, "depth_max": 3, "growth_max": 2, "small_bytes": 1}"#),
    (NO_SECRETS, "null"),
    (FREEZE_WINDOW, r#"{"windows": [{"days": ["thu"], "from": "00:00", "until": "24:00", "reason": "no"}]}"#),
    (EXPRESSION, r#"{"rules": [{"expr": "new.max * 0.1 <= 2.0 * old.max", "message": "at most doubled"}]}"#),
    (fixtures::LIES, "null"),
    (fixtures::EATS_MEMORY, "null"),
    (fixtures::LOOKS_UP, "null"),
];
const DOCUMENTS: [&str; 8] = [
    r#"{"max": 7, "share": 0.1}"#,
    r#"{"max": 900, "more": [1, 2, 3.5e300, -0.0, 1e-320]}"#,
    "{",
    "max: .nan\nlist: [1, 2]",
    r#"{"password": "Zq7Kx2Vw9RtY4mNp8LsB3hGd6FjC5Zq7"}"#,
    "get app/a.json",
    "keys app/",
    "",
];

fn entry(ms: u64, value: &str) -> Entry {
    let field = (Bytes::from("put:app/a.json"), Bytes::copy_from_slice(value.as_bytes()));
    Entry::read(Revision { ms, seq: 0 }, vec![field])
}

/// All validators on all documents, each on the one before: verdicts, fuel, memory.
fn all(library: &Library) -> Vec<String> {
    let mut told = Vec::new();
    for (component, settings) in ALL {
        let digest = Digest::of(component);
        let text = format!(
            r#"{{"keys": ["**"], "reads": ["app/*"], "component": "{digest}", "settings": {settings},
                "limits": {{"fuel": 50000000, "memory_bytes": 16777216}}}}"#
        );
        let binding = Binding::parse("v", text.as_bytes()).unwrap();
        let mut before = State::default();
        for (n, document) in DOCUMENTS.iter().enumerate() {
            let entry = entry(n as u64 + 1, document);
            let trial = library.try_out(component, &binding, &entry, &before).unwrap();
            told.push(format!("{document}: {:?} {} {}", trial.judgement, trial.cost.fuel, trial.cost.memory_bytes));
            fold::fold(&mut before, &entry, |_, _| Verdict::accept());
        }
    }
    told
}

#[test]
fn engines_built_otherwise_come_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |cache: Option<&Path>| Settings {
        cache: cache.map(Path::to_owned),
        slots: NonZeroUsize::new(2).unwrap(),
        ..Settings::default()
    };
    let usual = all(&Library::open(&settings(Some(folder.path()))).unwrap());
    let cached = all(&Library::open(&settings(Some(folder.path()))).unwrap());
    assert_eq!(usual, cached, "from the cache");
    for build in [Build::OnDemand, Build::Unoptimised, Build::Interpreted] {
        let other = all(&Library::built(&settings(None), build).unwrap());
        for (usual, other) in usual.iter().zip(&other) {
            assert_eq!(usual, other, "{build:?}");
        }
    }
}
