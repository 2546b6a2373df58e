//! A disk that fails under an open store. Device files stand in for it: they are real files that
//! cannot take, flush or cut off what is written.

use std::fs::{self, OpenOptions};
use std::path::Path;

use bytes::Bytes;
use sluice_core::{Entry, Settled, Step, Verdict, fold};

use super::*;
use crate::files::Output;
use crate::folder::list;

fn batch(number: u64, state: &mut State) -> Batch {
    let field = (Bytes::from(format!("put:k/{number}")), Bytes::from(format!("value {number}")));
    let entry = Arc::new(Entry::read(Revision { ms: number, seq: 0 }, vec![field]));
    let outcome = fold::fold(state, &entry, |_, _| Verdict::accept());
    let steps = vec![Step::Folded(Settled { entry, verdict: None, outcome })];
    Batch { number, steps, state: state.clone(), is_restored: false }
}

/// A store with one batch whose log has been swapped for a device, and the batches to come.
fn failing(folder: &Path, device: &str) -> (DiskStore, [Batch; 3]) {
    let mut state = State::default();
    let batches = [1, 2, 3].map(|number| batch(number, &mut state));
    let store = DiskStore::open(folder, "shop", Settings::default()).unwrap().store;
    store.persist(&batches[0]).unwrap();
    let file = OpenOptions::new().write(true).open(device).unwrap();
    let file = Output { file, path: device.into() };
    store.inner().log = Log::new(0, file, 0);
    (store, batches)
}

fn reopened(folder: &Path, state: &State, logs: usize) {
    let opened = DiskStore::open(folder, "shop", Settings::default()).unwrap();
    assert_eq!(opened.report.damaged, []);
    assert_eq!((opened.state.root(), opened.state.chain), (state.root(), state.chain));
    assert_eq!(list(folder).unwrap().logs.len(), logs);
}

#[test]
fn a_full_disk_is_told_and_the_batch_goes_to_another_file_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (store, batches) = failing(folder.path(), "/dev/full");
    let lost = store.persist(&batches[1]).unwrap_err();
    let log = folder.path().join("log-0");
    let text = format!("cannot write {}: No space left on device (os error 28): free some space", log.display());
    assert_eq!(lost.0, text);
    batches[1..].iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    reopened(folder.path(), &batches[2].state, 2);
}

#[test]
fn a_file_that_was_not_flushed_is_never_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, batches) = failing(folder.path(), "/dev/null");
    let lost = store.persist(&batches[1]).unwrap_err();
    assert!(lost.0.starts_with("cannot flush ") && lost.0.contains("log-0: "), "{}", lost.0);
    assert!(store.inner().log.is_suspect());
    batches[1..].iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    reopened(folder.path(), &batches[2].state, 2);
}

#[test]
fn what_a_failed_write_left_behind_does_not_count() {
    for part in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let (store, batches) = failing(folder.path(), "/dev/null");
        store.persist(&batches[1]).unwrap_err();
        let mut left = Vec::new();
        let after = store.inner().position.after(&batches[1].steps);
        put_frame(&mut left, |out| put_record(out, after, &batches[1].steps));
        let mut log = OpenOptions::new().append(true).open(folder.path().join("log-0")).unwrap();
        io::Write::write_all(&mut log, &left[..left.len() / part]).unwrap();
        batches[1..].iter().for_each(|batch| store.persist(batch).unwrap());
        drop(store);
        reopened(folder.path(), &batches[2].state, 2);
    }
}

#[test]
fn a_folder_that_comes_back_is_written_to_again() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, away) = (parent.path().join("store"), parent.path().join("away"));
    let (store, batches) = failing(&folder, "/dev/full");
    store.persist(&batches[1]).unwrap_err();
    fs::rename(&folder, &away).unwrap();
    for _ in 0..3 {
        let lost = store.persist(&batches[1]).unwrap_err();
        assert!(lost.0.starts_with("cannot create ") && lost.0.contains("log-1: "), "{}", lost.0);
    }
    fs::rename(&away, &folder).unwrap();
    batches[1..].iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    reopened(&folder, &batches[2].state, 2);
}
