//! What a folder remembers of crashes, and the set it gives back then. A crash is a folder as it is while it is open.

use std::fs;
use std::path::Path;

use sluice_core::Revision;
use sluice_disk::{Claim, DiskStore, Opened, Settings};
use sluice_node::Store;

use crate::damage::names;
use crate::disk::quick;
use crate::history::{History, SPACE, same, settings};

/// Images after each batch, so that generations come and go.
fn busy() -> Settings {
    Settings { image_min_bytes: 1, image_factor: 0, ..settings() }
}

/// Starts on a folder, counting crashes.
fn started(folder: &Path) -> (Claim, u32) {
    let mut claim = Claim::of(folder, SPACE, busy()).unwrap();
    let crashes = claim.begin();
    (claim, crashes)
}

/// The folder as a crash leaves it.
fn crashed(folder: &Path) -> tempfile::TempDir {
    let copy = quick();
    for name in names(folder) {
        fs::copy(folder.join(&name), copy.path().join(&name)).unwrap();
    }
    copy
}

fn written(store: &DiskStore, history: &History, batches: std::ops::Range<usize>) {
    for batch in &history.batches[batches] {
        store.persist(batch).unwrap();
        store.finish_image();
    }
}

/// Three batches that are proven, and more that are not.
fn proven_then(more: usize) -> (tempfile::TempDir, History, DiskStore) {
    let (folder, history) = (quick(), History::of_puts(9, 40));
    let (claim, crashes) = started(folder.path());
    let Opened { store, .. } = claim.open().unwrap();
    assert_eq!(crashes, 0);
    written(&store, &history, 0..3);
    store.outlive().unwrap();
    store.outlive().unwrap();
    written(&store, &history, 3..3 + more);
    (folder, history, store)
}

#[test]
fn after_two_crashes_the_proven_set_comes_back_however_many_images_came_since() {
    for more in 0..=6 {
        let (folder, history, store) = proven_then(more);
        let once = crashed(folder.path());
        drop(store);
        let (claim, crashes) = started(once.path());
        assert_eq!((crashes, claim.is_on_hold()), (1, false));
        let Opened { store, state, .. } = claim.open().unwrap();
        same(&state, &history.batches[2 + more].state);
        let twice = crashed(once.path());
        drop(store);
        for _ in 0..3 {
            let (mut claim, crashes) = started(twice.path());
            assert_eq!((crashes, claim.is_on_hold()), (2, true));
            assert_eq!(claim.tried(), history.batches[2 + more].state.cursor);
            let (state, report) = claim.proven().unwrap();
            same(&state, &history.batches[2].state);
            assert_eq!(report.damaged, []);
        }
    }
}

#[test]
fn what_a_hold_leaves_alone_is_all_there_when_it_ends() {
    let (folder, history, store) = proven_then(4);
    let once = crashed(folder.path());
    drop(store);
    let store = started(once.path()).0.open().unwrap().store;
    let twice = crashed(once.path());
    drop(store);
    let (mut claim, _) = started(twice.path());
    claim.proven().unwrap();
    let newest = Revision { ms: 99, seq: 0 };
    let Opened { store, state, .. } = claim.retry(newest, false).unwrap();
    same(&state, &history.batches[6].state);
    let thrice = crashed(twice.path());
    // Alive for the probation time: all is forgiven.
    store.outlive().unwrap();
    store.outlive().unwrap();
    let fine = crashed(twice.path());
    drop(store);
    let (claim, crashes) = started(thrice.path());
    assert_eq!((crashes, claim.is_on_hold(), claim.tried()), (3, true, newest));
    let (claim, crashes) = started(fine.path());
    assert_eq!((crashes, claim.is_on_hold()), (1, false));
}

#[test]
fn a_stop_is_no_crash() {
    let (folder, ..) = proven_then(2);
    for _ in 0..3 {
        let (claim, crashes) = started(folder.path());
        assert_eq!(crashes, 0);
        drop(claim.open().unwrap());
    }
}

#[test]
fn once_a_newer_set_is_proven_old_generations_go() {
    let (folder, history, store) = proven_then(5);
    let images = |folder: &Path| names(folder).iter().filter(|name| name.starts_with("image-")).count();
    assert!(images(folder.path()) > 2, "{:?}", names(folder.path()));
    store.outlive().unwrap();
    store.outlive().unwrap();
    written(&store, &history, 8..9);
    assert_eq!(images(folder.path()), 2, "{:?}", names(folder.path()));
}

#[test]
fn a_damaged_record_counts_no_crash_and_keeps_nobody_from_starting() {
    let (folder, history, store) = proven_then(2);
    let copy = crashed(folder.path());
    drop(store);
    let record = copy.path().join("probation");
    let whole = fs::read(&record).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&record, &bytes).unwrap();
        assert_eq!(started(copy.path()).1, 0, "byte {at}");
        fs::write(&record, &whole[..at]).unwrap();
        assert_eq!(started(copy.path()).1, 0, "{at} bytes");
    }
    same(&started(copy.path()).0.open().unwrap().state, &history.batches[4].state);
}
