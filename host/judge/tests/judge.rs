//! The port: bindings come into force, changes are judged by them, and what is missing is a fault.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sluice_artifacts::{BOUNDS, fixtures};
use sluice_core::{Cause, Digest, Entry, Fault, Finding, Revision, State, Verdict, fold};
use sluice_judge::{Library, Settings, Validators};
use sluice_node::memory::MemoryBlobs;
use sluice_node::{Blobs, Judge, Judgement};
use tokio::runtime::Runtime;

/// A space with its validators, folded entry by entry as a host would.
struct Rig {
    runtime: Runtime,
    blobs: Arc<MemoryBlobs>,
    validators: Validators,
    state: State,
}

impl Rig {
    fn new(cache: Option<&Path>) -> Rig {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let blobs = Arc::new(MemoryBlobs::default());
        let settings =
            Settings { cache: cache.map(Path::to_owned), slots: NonZeroUsize::new(2).unwrap(), ..Settings::default() };
        let library = Library::open(&settings).unwrap();
        let validators = Validators::new(library, blobs.clone(), runtime.handle().clone());
        Rig { runtime, blobs, validators, state: State::default() }
    }

    fn push(&self, component: &'static [u8]) {
        self.runtime.block_on(self.blobs.store(Bytes::from_static(component))).unwrap();
    }

    fn entry(&self, fields: &[(&str, &str)]) -> Entry {
        let owned = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let fields = fields.iter().map(|(name, value)| (owned(name), owned(value))).collect();
        Entry::read(Revision { ms: self.state.index + 1, seq: 0 }, fields)
    }

    fn judge(&self, fields: &[(&str, &str)]) -> Judgement {
        self.judged(&self.entry(fields))
    }

    /// As a node does: what is missing is asked for again.
    fn judged(&self, entry: &Entry) -> Judgement {
        let first = self.validators.judge(entry, &self.state);
        if !matches!(first, Err((Fault::Missing, _))) {
            return first;
        }
        self.validators.wait();
        self.validators.judge(entry, &self.state)
    }

    fn publish(&mut self, fields: &[(&str, &str)]) {
        let entry = self.entry(fields);
        let verdict = self.judged(&entry).unwrap();
        assert!(matches!(verdict, Verdict::Accept(_)), "{verdict:?}");
        fold::fold(&mut self.state, &entry, |_, _| verdict);
    }

    fn bind(&mut self, name: &str, component: &'static [u8], rest: &str) {
        self.push(component);
        let binding = format!("put:_sluice/validators/{name}");
        self.publish(&[(&announcement(component), "{}"), (&binding, &document(component, rest))]);
    }
}

fn announcement(component: &[u8]) -> String {
    format!("put:_sluice/components/{}", Digest::of(component))
}

fn document(component: &[u8], rest: &str) -> String {
    format!(r#"{{"component": "{}", {rest}}}"#, Digest::of(component))
}

#[track_caller]
fn rejected(judgement: Judgement) -> (Cause, Vec<Finding>) {
    match judgement {
        Ok(Verdict::Reject(cause, findings)) => (cause, findings.to_vec()),
        other => panic!("{other:?}"),
    }
}

const LIMITS: &str = r#""keys": ["app/**"], "settings": {"/max": [1, 100]}"#;

#[test]
fn a_change_is_judged_by_the_bindings_before_it() {
    let mut rig = Rig::new(None);
    assert_eq!(rig.judge(&[("put:app/limits", r#"{"max": 900}"#)]), Ok(Verdict::accept()));
    rig.bind("limits", BOUNDS, LIMITS);
    assert_eq!(rig.judge(&[("put:app/limits", r#"{"max": 9}"#)]), Ok(Verdict::accept()));
    assert_eq!(rig.judge(&[("put:web/limits", r#"{"max": 900}"#)]), Ok(Verdict::accept()));
    assert_eq!(rig.judge(&[("del:app/limits", "")]), Ok(Verdict::accept()));

    let (cause, findings) = rejected(rig.judge(&[("put:web/a", "-"), ("put:app/limits", r#"{"max": 900}"#)]));
    assert_eq!((cause, findings.len()), (Cause::Verdict, 1));
    let finding = &findings[0];
    assert_eq!((&*finding.validator, &*finding.code), ("limits", "out-of-bounds"));
    assert_eq!(&*finding.message, "900 is not within 1 to 100");
    assert_eq!((finding.key.as_ref().unwrap().as_str(), finding.pointer.as_deref()), ("app/limits", Some("/max")));
}

#[test]
fn every_validator_is_heard_and_one_no_is_enough() {
    let mut rig = Rig::new(None);
    rig.bind("a", BOUNDS, LIMITS);
    rig.bind("b", fixtures::REMEMBERS, r#""keys": ["**"]"#);
    rig.bind("c", BOUNDS, r#""keys": ["app/*"], "settings": {"/min": [1, 2]}"#);
    let (_, findings) = rejected(rig.judge(&[("put:app/limits", r#"{"max": 0, "min": 0}"#)]));
    let names: Vec<_> = findings.iter().map(|finding| &*finding.validator).collect();
    assert_eq!(names, ["a", "c"]);
}

#[test]
fn a_binding_that_cannot_work_is_refused_where_it_is_wrong() {
    let rig = Rig::new(None);
    rig.push(BOUNDS);
    rig.push(b"hello");
    rig.push(include_bytes!("imports_a_clock.wasm"));
    let clock = include_bytes!("imports_a_clock.wasm");
    for (text, code, pointer) in [
        ("{".to_owned(), "binding", ""),
        (document(BOUNDS, r#""keys": ["a//b"]"#), "binding", "/keys/0"),
        (document(b"hello", r#""keys": ["a"]"#), "component", "/component"),
        (document(clock, r#""keys": ["a"]"#), "component", "/component"),
        (document(BOUNDS, r#""keys": ["a"], "settings": {"/max": "many"}"#), "settings", "/settings/~1max"),
    ] {
        let all = [BOUNDS, b"hello", clock].map(announcement);
        let [bounds, hello, clock] = [&all[0], &all[1], &all[2]].map(|field| (field.as_str(), "{}"));
        let (cause, findings) = rejected(rig.judge(&[("put:_sluice/validators/v", &text), bounds, hello, clock]));
        let found = (cause, &*findings[0].code, findings[0].pointer.as_deref());
        assert_eq!(found, (Cause::Verdict, code, Some(pointer)), "{findings:?}");
        assert_eq!(findings[0].key.as_ref().unwrap().as_str(), "_sluice/validators/v");
    }
}

#[test]
fn a_component_out_of_reach_is_a_fault_until_it_comes() {
    let rig = Rig::new(None);
    let (announcement, document) = (announcement(BOUNDS), document(BOUNDS, LIMITS));
    let binding = [("put:_sluice/validators/v", document.as_str()), (&announcement, "{}")];
    assert!(matches!(rig.judge(&binding), Err((Fault::Missing, _))));
    rig.push(BOUNDS);
    assert_eq!(rig.judge(&binding), Ok(Verdict::accept()));
}

#[test]
fn a_component_that_nobody_announced_is_refused_at_once() {
    let mut rig = Rig::new(None);
    rig.push(BOUNDS);
    let document = document(BOUNDS, LIMITS);
    let (_, findings) = rejected(rig.judge(&[("put:_sluice/validators/v", &document)]));
    assert_eq!((&*findings[0].code, findings[0].pointer.as_deref()), ("component", Some("/component")));
    assert!(findings[0].message.contains("was not announced"), "{findings:?}");
    rig.publish(&[(&announcement(BOUNDS), "{}")]);
    rig.publish(&[("put:_sluice/validators/v", &document)]);
    let (_, findings) = rejected(rig.judge(&[("put:_sluice/components/bounds", "{}")]));
    assert!(findings[0].message.contains("64 hex digits"), "{findings:?}");
}

#[test]
fn a_component_that_is_bound_stays_announced() {
    let mut rig = Rig::new(None);
    rig.bind("limits", BOUNDS, LIMITS);
    let withdrawal = announcement(BOUNDS).replace("put:", "del:");
    let (_, findings) = rejected(rig.judge(&[(&withdrawal, "")]));
    assert_eq!(&*findings[0].code, "in-use");
    rejected(rig.judge(&[(&withdrawal, ""), ("put:_sluice/validators/limits", &document(BOUNDS, LIMITS))]));
    rig.publish(&[(&withdrawal, ""), ("del:_sluice/validators/limits", "")]);
}

#[test]
fn a_validator_that_refuses_everything_can_be_unbound() {
    let mut rig = Rig::new(None);
    rig.bind("no", fixtures::LIES, r#""keys": ["**", "_sluice/**"]"#);
    rejected(rig.judge(&[("put:a", "1")]));
    rig.publish(&[("del:_sluice/validators/no", "")]);
    assert_eq!(rig.judge(&[("put:a", "1")]), Ok(Verdict::accept()));
}

#[test]
fn limits_of_the_binding_hold() {
    let mut rig = Rig::new(None);
    rig.bind("loop", fixtures::NEVER_ENDS, r#""keys": ["a"], "limits": {"fuel": 100000}"#);
    let (cause, findings) = rejected(rig.judge(&[("put:a", "1")]));
    assert_eq!(cause, Cause::Limit);
    assert!(findings[0].message.contains("100000"));
}

#[test]
fn it_is_ready_when_nothing_need_be_fetched_or_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(Some(folder.path()));
    rig.bind("limits", BOUNDS, LIMITS);
    let change = [("put:app/limits", r#"{"max": 9}"#)];
    assert!(rig.validators.is_ready(&rig.entry(&change), &rig.state));
    assert!(!rig.validators.is_ready(&rig.entry(&[("del:_sluice/validators/limits", "")]), &rig.state));

    let mut later = Rig::new(Some(folder.path()));
    later.state = rig.state.clone();
    assert!(!later.validators.is_ready(&later.entry(&change), &later.state));
    assert!(later.validators.is_ready(&later.entry(&[("put:web/a", "1")]), &later.state));
}

#[test]
fn a_restart_judges_from_disk_without_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(Some(folder.path()));
    rig.bind("limits", BOUNDS, LIMITS);
    let bad = [("put:app/limits", r#"{"max": 900}"#)];

    let mut later = Rig::new(Some(folder.path()));
    later.state = rig.state.clone();
    assert_eq!(later.judge(&bad), rig.judge(&bad));

    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "cwasm")).unwrap();
    let whole = fs::read(&file).unwrap();
    let middle = whole.len() / 2;
    let flipped = [&whole[..middle], &[whole[middle] ^ 1], &whole[middle + 1..]].concat();
    fs::write(&file, flipped).unwrap();
    let mut damaged = Rig::new(Some(folder.path()));
    damaged.state = rig.state.clone();
    assert!(matches!(damaged.judge(&bad), Err((Fault::Missing, _))), "damaged code must not run");
    damaged.push(BOUNDS);
    assert_eq!(damaged.judge(&bad), rig.judge(&bad));
    assert_eq!(fs::read(&file).unwrap().len(), whole.len(), "compiled and kept again");
}

#[test]
fn two_threads_judge_at_the_same_time() {
    let mut rig = Rig::new(None);
    rig.bind("limits", BOUNDS, LIMITS);
    let rig = &rig;
    std::thread::scope(|scope| {
        for offset in [0, 1] {
            scope.spawn(move || {
                for max in (offset..200).step_by(2) {
                    let verdict = rig.judge(&[("put:app/limits", &format!(r#"{{"max": {max}}}"#))]).unwrap();
                    assert_eq!(matches!(verdict, Verdict::Accept(_)), (1..=100).contains(&max));
                }
            });
        }
    });
}

#[test]
fn a_guest_sees_old_and_new_and_who_and_when() {
    let mut rig = Rig::new(None);
    rig.bind("limits", BOUNDS, LIMITS);
    rig.publish(&[("put:app/limits", r#"{"max": 9}"#), ("author", "mei"), ("x-ticket", "7")]);
    let (_, findings) = rejected(rig.judge(&[("put:app/limits", "{"), ("reason", "typo")]));
    assert_eq!(&*findings[0].code, "parse");
}

#[test]
fn a_validator_that_monitors_tells_and_refuses_nothing_until_it_enforces() {
    let mut rig = Rig::new(None);
    let bad = [("put:app/limits", r#"{"max": 900}"#)];
    rig.bind("limits", BOUNDS, &format!(r#"{LIMITS}, "mode": "monitor""#));
    let Ok(Verdict::Accept(findings)) = rig.judge(&bad) else { panic!("it only monitors") };
    assert_eq!(findings.iter().map(|found| &*found.code).collect::<Vec<_>>(), ["monitored", "out-of-bounds"]);
    assert_eq!(rig.judge(&[("put:app/limits", r#"{"max": 9}"#)]), Ok(Verdict::accept()));

    rig.bind("limits", BOUNDS, &format!(r#"{LIMITS}, "mode": "enforce""#));
    assert_eq!(rejected(rig.judge(&bad)).0, Cause::Verdict);
    rig.bind("limits", BOUNDS, &format!(r#"{LIMITS}, "mode": "off""#));
    assert_eq!(rig.judge(&bad), Ok(Verdict::accept()));
}

#[test]
fn a_monitor_that_hangs_or_traps_holds_nothing_up() {
    let mut rig = Rig::new(None);
    let short = r#""keys": ["app/**"], "limits": {"time_ms": 20, "fuel": 50000000000}"#;
    rig.bind("hangs", fixtures::NEVER_ENDS, &format!(r#"{short}, "mode": "monitor""#));
    assert_eq!(rig.judge(&[("put:app/a", "1")]), Ok(Verdict::accept()));
    rig.bind("hangs", fixtures::NEVER_ENDS, short);
    assert_eq!(rig.judge(&[("put:app/a", "1")]).unwrap_err().0, Fault::Time);
}

#[test]
fn a_change_that_is_judged_again_is_answered_by_those_who_were_not_at_fault() {
    let mut rig = Rig::new(None);
    rig.bind("a", BOUNDS, LIMITS);
    rig.bind("b", fixtures::NEVER_ENDS, r#""keys": ["app/**"], "limits": {"time_ms": 20, "fuel": 50000000000}"#);
    let bad = [("put:app/a", r#"{"max": 900}"#)];
    for _ in 0..2 {
        assert_eq!(rig.judge(&bad).unwrap_err().0, Fault::Time);
    }
    rig.publish(&[("del:_sluice/validators/b", "")]);
    let (_, findings) = rejected(rig.judge(&bad));
    assert_eq!(&*findings[0].message, "900 is not within 1 to 100");
    rig.bind("a", BOUNDS, r#""keys": ["app/**"], "settings": {"/max": [1, 1000]}"#);
    assert_eq!(rig.judge(&bad), Ok(Verdict::accept()), "other settings, another question");
}
