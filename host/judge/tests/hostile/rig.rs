//! What all of these tests need: a library, bindings, entries.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use sluice_artifacts::{BOUNDS, fixtures};
use sluice_core::{Digest, Entry, Revision, State, Verdict};
use sluice_judge::{Binding, Library, Limits, Settings, Trial};

/// Enough for honest work, little enough for tests to be quick.
pub const LIMITS: Limits = Limits { fuel: 200_000_000, time_ms: 60_000, ..Limits::DEFAULT };

/// Little, where there are many calls and each shall be short.
pub const FEW: Limits = Limits { fuel: 300_000, memory_bytes: 2 << 20, ..LIMITS };

/// Shared by all tests of this package, and kept: each process would compile everything again.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("validators")
}

pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        Library::open(&Settings { cache: Some(cache()), slots: NonZeroUsize::new(4).unwrap(), ..Settings::default() })
            .unwrap()
    })
}

/// The fixture of a file.
pub fn fixture(name: &str) -> &'static [u8] {
    fixtures::ALL.iter().find(|(found, _)| *found == name).unwrap().1
}

pub fn entry(key: &str, value: &[u8]) -> Entry {
    let name = Bytes::from(format!("put:{key}"));
    Entry::read(Revision { ms: 1_700_000_000_000, seq: 0 }, vec![(name, Bytes::copy_from_slice(value))])
}

pub fn binding(component: &[u8], settings: &str, limits: Limits) -> Binding {
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {settings}}}"#, Digest::of(component));
    Binding { limits, ..Binding::parse("guest", text.as_bytes()).unwrap() }
}

pub fn tried(component: &[u8], limits: Limits) -> Trial {
    let binding = binding(component, "null", limits);
    library().try_out(component, &binding, &entry("app/limits", b"{}"), &State::default()).unwrap()
}

/// The library serves who comes next.
#[track_caller]
pub fn goes_on() {
    let honest = binding(BOUNDS, "{}", LIMITS);
    let after = library().try_out(BOUNDS, &honest, &entry("app/limits", b"{}"), &State::default()).unwrap();
    assert_eq!(after.judgement, Ok(Verdict::accept()));
}
