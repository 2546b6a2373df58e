//! Children that compile, in all the ways they can fail: each is a fault of the host, and says what to do.

use std::fs;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use sluice_artifacts::BOUNDS;
use sluice_core::{Digest, Entry, Fault, Revision, State, Verdict};
use sluice_judge::{Bounds, Child, Compiler, Library, Settings, Validators};
use sluice_node::memory::MemoryBlobs;
use sluice_node::{Blobs, Judge};

fn library(program: &str, script: &str, bounds: Bounds) -> Library {
    let child = Child { program: program.into(), args: vec!["-c".into(), script.into()], bounds };
    Library::open(&Settings { compiler: Compiler::Child(child), ..Settings::default() }).unwrap()
}

/// Why a component cannot be had from a child that is this script.
fn why(script: &str, bounds: Bounds) -> String {
    library("/bin/sh", script, bounds).inspect(BOUNDS).refusal.unwrap()
}

#[track_caller]
fn says(script: &str, words: &str) {
    let found = why(script, Bounds::default());
    assert!(found.contains(words), "{found}");
}

#[test]
fn a_child_that_is_killed_is_told_as_killed() {
    says("kill -9 $$", "was killed (signal: 9 (SIGKILL))");
    says("kill -6 $$", "raise compiler.memory_bytes of this host above 2147483648");
}

#[test]
fn an_answer_that_is_not_whole_is_none() {
    says("echo rubbish", "gave no answer that is whole (exit status: 0)");
    says("exit 3", "gave no answer that is whole (exit status: 3)");
    says("printf 'sluice code v1\n\n\\000\\000\\000\\000\\000\\000\\000\\000\\004code'", "gave no answer");
    says("exec cat", "gave no answer");
}

#[test]
fn an_executable_that_is_gone_is_named() {
    let found = library("/nowhere/sluice", "", Bounds::default()).inspect(BOUNDS).refusal.unwrap();
    assert!(found.contains("compiler /nowhere/sluice does not start: No such file"), "{found}");
}

#[test]
fn a_child_that_waits_or_works_without_end_is_ended() {
    let begun = Instant::now();
    let bounds = Bounds { time: Duration::from_millis(50), ..Bounds::default() };
    assert!(why("kill -STOP $$", bounds).contains("longer than 0.05 s: raise compiler.time_s"));
    assert!(why("exec 1>&-; kill -STOP $$", bounds).contains("longer than 0.05 s"), "its pipe closed");
    let bounds = Bounds { cpu: Duration::from_secs(1), ..Bounds::default() };
    assert!(why("while :; do :; done", bounds).contains("used up 1 s of processor time: raise compiler.cpu_s"));
    assert!(begun.elapsed() < Bounds::default().cpu);
}

#[test]
fn a_child_has_bounds_and_nothing_of_its_parents() {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("left open")).unwrap();
    // Far from the few that the shell opens itself.
    let left_open = fcntl_dupfd_cloexec(&file, 700).unwrap();
    fcntl_setfd(&left_open, FdFlags::empty()).unwrap();
    let told = folder.path().join("told");
    let script = format!(
        "{{ echo $(ulimit -d) $(ulimit -v) $(ulimit -t) $(ulimit -c) $PWD $HOME $USER; echo /proc/$$/fd/*; }} > {}",
        told.display()
    );
    let bounds = Bounds { memory_bytes: 1 << 30, cpu: Duration::from_millis(6_500), ..Bounds::default() };
    assert!(why(&script, bounds).contains("gave no answer"));
    let told = fs::read_to_string(told).unwrap();
    let (limits, open) = told.split_once('\n').unwrap();
    assert_eq!(limits, "1048576 5242880 7 0 /");
    assert!(open.contains("/fd/0 ") && !open.contains(&format!("/fd/{}", left_open.as_raw_fd())), "{open}");
}

/// A space whose validators a failing child compiles.
struct Rig {
    _runtime: tokio::runtime::Runtime,
    validators: Validators,
}

impl Rig {
    fn new(script: &str) -> Rig {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let blobs = Arc::<MemoryBlobs>::default();
        runtime.block_on(blobs.store(Bytes::from_static(BOUNDS))).unwrap();
        let library = library("/bin/sh", script, Bounds::default());
        let validators = Validators::new(library, blobs, runtime.handle().clone());
        Rig { _runtime: runtime, validators }
    }
}

fn entry(fields: &[(&str, &str)]) -> Entry {
    let owned = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let fields = fields.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    Entry::read(Revision { ms: 1, seq: 0 }, fields)
}

#[test]
fn what_a_child_cannot_compile_is_held_and_not_tried_without_pause() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let rig = Rig::new(&format!("echo start >> {}; kill -9 $$", starts.display()));
    let digest = Digest::of(BOUNDS);
    let announced = format!("put:_sluice/components/{digest}");
    let document = format!(r#"{{"keys": ["app/**"], "component": "{digest}"}}"#);
    let binding = entry(&[(&announced, "{}"), ("put:_sluice/validators/v", &document)]);
    let judge = || rig.validators.judge(&binding, &State::default());
    assert!(matches!(judge(), Err((Fault::Missing, why)) if why.contains("being fetched and compiled")));
    rig.validators.wait();
    for _ in 0..100 {
        let Err((Fault::Missing, why)) = judge() else { panic!() };
        assert!(why.starts_with(&format!("component {digest}: its compiler was killed")), "{why}");
        let other = rig.validators.judge(&entry(&[("put:web/a", "1")]), &State::default());
        assert_eq!(other, Ok(Verdict::accept()), "other keys go on");
    }
    rig.validators.wait();
    assert!(fs::read_to_string(starts).unwrap().lines().count() <= 2, "it is left alone for a second");
}
