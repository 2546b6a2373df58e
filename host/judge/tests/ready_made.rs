//! The validators people use, as components: each says no where it should, yes elsewhere, and at a bearable cost.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use sluice_artifacts::{EXPRESSION, FREEZE_WINDOW, NO_SECRETS, SIZE_AND_SHAPE};
use sluice_core::{Digest, Entry, Finding, Revision, State, Verdict, fold};
use sluice_judge::{Binding, Library, Settings};

/// 2026-12-24T18:00:00Z
const CHRISTMAS: u64 = 1_798_135_200_000;
/// Fuel of a small change. It is a hundredth of a second, and more would be felt.
const FUEL_MAX: u64 = 10_000_000;

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

/// What a component says of an entry: whether it accepts it, and its findings.
fn judged(component: &[u8], settings: &str, entry: &Entry, before: &State) -> (bool, Vec<Finding>) {
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {settings}}}"#, Digest::of(component));
    let binding = Binding::parse("v", text.as_bytes()).unwrap();
    let trial = library().try_out(component, &binding, entry, before).unwrap();
    assert!(trial.cost.fuel < FUEL_MAX, "{:?}", trial.cost);
    match trial.judgement.unwrap() {
        Verdict::Accept(findings) => (true, findings.to_vec()),
        Verdict::Reject(_, findings) => (false, findings.to_vec()),
    }
}

#[test]
fn size_and_shape_compares_new_with_old() {
    let mut before = State::default();
    let routes = |count: usize| (0..count).map(|n| format!("  r{n}: [10.0.0.{n}]\n")).collect::<String>();
    let published = |ms: u64, count: usize| entry(ms, &[("put:app/a.yaml", &format!("routes:\n{}", routes(count)))]);
    fold::fold(&mut before, &published(1, 10), |_, _| Verdict::accept());
    let settings = r#"{"bytes_max": 4096, "removed_max": 0.5}"#;
    assert!(judged(SIZE_AND_SHAPE, settings, &published(2, 9), &before).0);
    let (accepted, findings) = judged(SIZE_AND_SHAPE, settings, &published(2, 2), &before);
    assert!(!accepted);
    assert_eq!((&*findings[0].code, findings[0].pointer.as_deref()), ("many-removed", Some("/routes")));
}

#[test]
fn a_freeze_is_of_log_time() {
    let settings = r#"{"windows": [{"from": "2026-12-20T00:00:00Z", "until": "2027-01-04T06:00:00Z",
        "reason": "end of year"}], "except": [{"metadata": "x-emergency"}]}"#;
    let judged = |ms, fields: &[(&str, &str)]| judged(FREEZE_WINDOW, settings, &entry(ms, fields), &State::default());
    assert!(judged(CHRISTMAS - 7 * 86_400_000, &[("put:a", "1")]).0);
    let (accepted, findings) = judged(CHRISTMAS, &[("put:a", "1")]);
    assert_eq!((accepted, &*findings[0].code), (false, "frozen"));
    let (accepted, findings) = judged(CHRISTMAS, &[("put:a", "1"), ("x-emergency", "INC-7")]);
    assert_eq!((accepted, &*findings[0].code), (true, "freeze-exception"));
}

#[test]
fn a_secret_is_refused_and_not_told() {
    // Put together here, so that no scanner of source code takes it for a real one.
    let token = ["ghp", "_Zq7Kx2Vw9RtY4mNp8LsB3hGd6FjC5Zq7Kx2V"].concat();
    let document = |token: &str| entry(1, &[("put:app/ci.yaml", &format!("ci:\n  github: {token}\n"))]);
    assert!(judged(NO_SECRETS, "null", &document("${GITHUB_TOKEN}"), &State::default()).0);
    let (accepted, findings) = judged(NO_SECRETS, "{}", &document(&token), &State::default());
    assert!(!accepted);
    assert_eq!((&*findings[0].code, findings[0].pointer.as_deref()), ("token", Some("/ci/github")));
    assert!(!format!("{findings:?}").contains(&token[4..9]));
    assert!(judged(NO_SECRETS, r#"{"severity": "warning"}"#, &document(&token), &State::default()).0);
}

#[test]
fn an_expression_compares_new_with_old() {
    let mut before = State::default();
    let published = |ms: u64, max: u64| entry(ms, &[("put:app/a.toml", &format!("max = {max}"))]);
    fold::fold(&mut before, &published(1, 10), |_, _| Verdict::accept());
    let settings =
        r#"{"rules": [{"expr": "new.max <= 2 * old.max", "message": "at most doubled", "pointer": "/max"}]}"#;
    assert!(judged(EXPRESSION, settings, &published(2, 20), &before).0);
    let (accepted, findings) = judged(EXPRESSION, settings, &published(2, 21), &before);
    assert!(!accepted);
    assert_eq!((&*findings[0].message, findings[0].pointer.as_deref()), ("at most doubled", Some("/max")));
}
