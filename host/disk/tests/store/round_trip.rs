//! What was written comes back.

use proptest::prelude::*;
use sluice_core::State;
use sluice_disk::{DiskStore, Settings, verify};
use sluice_node::Store;

use crate::history::{History, Move, SPACE, moves, open, prefix, same, settings};

#[test]
fn it_keeps_what_every_store_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let opened = || {
        let opened = DiskStore::open(folder.path(), SPACE, Settings::default()).unwrap();
        (Box::new(opened.store) as Box<dyn Store>, opened.state)
    };
    sluice_node::conformance::store(opened);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// `cuts` says after how many batches the store is closed and opened again; `image` how often images come.
    #[test]
    fn any_history_comes_back(moves in moves(60), cut in 1..20_usize, image in prop_oneof![Just(1), 200..2000_u64, Just(u64::MAX)]) {
        let folder = tempfile::tempdir().unwrap();
        let history = History::of(&moves);
        let mut before = State::default();
        for batches in history.batches.chunks(cut) {
            let settings = Settings { image_min_bytes: image, image_factor: 0, ..settings() };
            let opened = DiskStore::open(folder.path(), SPACE, settings).unwrap();
            prop_assert_eq!(&opened.report.damaged, &[]);
            same(&opened.state, &before);
            for batch in batches {
                opened.store.persist(batch).unwrap();
                opened.store.persist(batch).unwrap();
            }
            // Otherwise closing stops the image: both are to be seen.
            if image % 2 == 1 {
                opened.store.finish_image();
            }
            before = batches.last().unwrap().state.clone();
        }
        same(&open(folder.path()).state, &history.state);
        let (state, report) = verify(folder.path(), SPACE).unwrap();
        same(&state, &history.state);
        prop_assert_eq!(report.damaged, &[]);
    }
}

#[test]
fn a_batch_written_before_the_restart_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::of_puts(3, 10);
    let store = open(folder.path()).store;
    history.batches.iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    let opened = open(folder.path());
    history.batches.iter().for_each(|batch| opened.store.persist(batch).unwrap());
    drop(opened);
    let opened = open(folder.path());
    assert_eq!(opened.report.records, 3);
    same(&opened.state, &history.state);
}

#[test]
fn a_batch_that_does_not_follow_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::of_puts(3, 10);
    let store = open(folder.path()).store;
    store.persist(&history.batches[0]).unwrap();
    let lost = store.persist(&history.batches[2]).unwrap_err();
    assert_eq!(lost.0, "the batch up to 3-3 does not follow 1-3, where the store stands: restart the host");
    store.persist(&history.batches[1]).unwrap();
    drop(store);
    assert_eq!(prefix(&open(folder.path()).state, &history), 2);
}

#[test]
fn a_node_started_anew_on_the_same_store_is_not_taken_for_its_predecessor() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::of(&[Move::Hold { key: 5, value: vec![1] }, Move::Cut, Move::Release(None)]);
    history.batches[1].number = 1;
    let store = open(folder.path()).store;
    history.batches.iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    same(&open(folder.path()).state, &history.state);
}
