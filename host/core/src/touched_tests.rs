use bytes::Bytes;

use super::*;
use crate::digest::Digest;
use crate::fold::{fold, hold};
use crate::verdict::Verdict;

fn entry(ms: u64, text: &str) -> Arc<Entry> {
    let (name, value) = text.split_once('=').unwrap();
    let fields = match name.strip_prefix("bind:") {
        Some(name) => {
            let (keys, reads) = value.split_once('<').unwrap();
            let document = format!(r#"{{"keys":["{keys}"],"reads":["{reads}"],"component":"{}"}}"#, Digest::ZERO);
            vec![(Bytes::from(format!("put:_sluice/validators/{name}")), Bytes::from(document))]
        }
        None => vec![(Bytes::from(name.to_owned()), Bytes::from(value.to_owned()))],
    };
    Arc::new(Entry::read(Revision { ms, seq: 0 }, fields))
}

fn state() -> State {
    let mut state = State::default();
    fold(&mut state, &entry(1, "bind:v=a/*<b/*"), |_, _| Verdict::accept());
    state
}

/// Whether a later entry is blocked by an earlier one, and whether it is kept behind it.
#[track_caller]
fn check(earlier: &str, later: &str, expected: (bool, bool)) {
    let (state, later) = (state(), entry(9, later));
    let (reach, earlier) = (Reach::of(&later, &state), entry(8, earlier));
    let mut touched = Touched::default();
    touched.add(&earlier, &Reach::of(&earlier, &state));
    assert_eq!((touched.blocks(&later, &reach), touched.keeps(&later, &reach)), expected);
    touched.remove(&earlier);
    assert_eq!((touched.blocks(&later, &reach), touched.keeps(&later, &reach)), (false, false));
    assert!(touched.keys.is_empty() && touched.reads.is_empty() && touched.governs.is_empty());
}

#[test]
fn who_reads_is_blocked_by_who_writes_and_keeps_who_writes_later() {
    check("put:b/x=1", "put:a/x=1", (true, false));
    check("put:a/x=1", "put:b/x=1", (false, true));
    check("put:a/x=1", "put:a/y=1", (false, false));
}

#[test]
fn who_is_named_is_blocked_by_a_binding_and_keeps_a_later_one() {
    check("bind:w=c<d", "put:c=1", (true, false));
    check("put:c=1", "bind:w=c<d", (false, true));
    check("bind:v=c<d", "put:a/x=1", (true, false));
    check("bind:w=c<d", "put:d=1", (false, false));
    check("bind:w=**<d", "bind:x=**<d", (false, false));
}

#[test]
fn a_barrier_blocks_and_is_blocked() {
    check("put:_sluice/trust=1", "put:z=1", (true, false));
    check("put:z=1", "put:_sluice/trust=1", (true, false));
}

#[test]
fn who_waits_behind_a_binding_keeps_those_who_write_what_it_looks_up() {
    let (mut state, binding, reader) = (state(), entry(2, "bind:w=c<d"), entry(3, "put:c=1"));
    let writer = entry(4, "put:d=1");
    hold(&mut state, &binding);
    assert_eq!(waits_behind(&state, &writer), None);
    hold(&mut state, &reader);
    assert_eq!(waits_behind(&state, &writer), Some(reader.revision));
    assert_eq!(waits_behind(&state, &entry(5, "put:z=1")), None);
}

#[test]
fn a_mass_delete_is_a_barrier_for_it_counts_all_keys() {
    let mass = |count: usize| {
        let fields = (0..count).map(|n| (Bytes::from(format!("del:k/{n}")), Bytes::new()));
        Arc::new(Entry::read(Revision { ms: 8, seq: 0 }, fields.collect()))
    };
    for (count, is_barrier) in [(9, false), (10, true)] {
        let (state, put, mass) = (State::default(), entry(9, "put:z=1"), mass(count));
        let mut touched = Touched::default();
        touched.add(&mass, &Reach::of(&mass, &state));
        assert_eq!(touched.blocks(&put, &Reach::of(&put, &state)), is_barrier);
        let mut touched = Touched::default();
        touched.add(&put, &Reach::of(&put, &state));
        assert_eq!(touched.blocks(&mass, &Reach::of(&mass, &state)), is_barrier);
    }
}
