//! A host that has run out of descriptors tells no verdict. One test, for the limit is the whole process's.

use std::num::NonZeroUsize;

use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sluice_artifacts::BOUNDS;
use sluice_core::{Digest, Entry, Fault, Revision, State, Verdict};
use sluice_judge::{Binding, Library, Settings};

#[test]
fn a_host_without_descriptors_is_at_fault_and_not_the_validator() {
    let library = Library::open(&Settings { slots: NonZeroUsize::MIN, ..Settings::default() }).unwrap();
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {{}}}}"#, Digest::of(BOUNDS));
    let binding = Binding::parse("v", text.as_bytes()).unwrap();
    let candidate = library.candidate(BOUNDS, &binding).unwrap();
    let entry = Entry::read(Revision { ms: 1, seq: 0 }, vec![(Bytes::from("put:a"), Bytes::from("{}"))]);
    let judge = || candidate.judge(&entry, &State::default()).unwrap().judgement;
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
    // Its first instance wants a descriptor for the memory that all begin with.
    let judged = judge();
    setrlimit(Resource::Nofile, before).unwrap();
    assert!(matches!(&judged, Err((Fault::Memory | Fault::Internal, why)) if why.contains("this host")), "{judged:?}");
    assert_eq!(judge(), Ok(Verdict::accept()), "and it goes on where it was");
}
