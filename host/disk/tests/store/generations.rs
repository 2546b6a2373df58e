//! Images and logs taking turns, and a process that dies between any two steps of it.

use std::fs;
use std::path::Path;

use sluice_disk::{DiskStore, Settings};
use sluice_node::Store;

use crate::damage::names;
use crate::history::{History, SPACE, open, same, settings};

fn copy(from: &Path, to: &Path) {
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// An image is begun with the last of some batches, and its files are seen as they are then.
fn rotated() -> (tempfile::TempDir, tempfile::TempDir, History) {
    let (folder, early) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let history = History::of_puts(8, 50);
    for (at, batch) in history.batches.iter().enumerate() {
        let image_min_bytes = if at == 2 || at == 5 { 1 } else { u64::MAX };
        let settings = Settings { image_min_bytes, image_factor: 0, ..settings() };
        let store = DiskStore::open(folder.path(), SPACE, settings).unwrap().store;
        if at == 5 {
            copy(folder.path(), early.path());
        }
        store.persist(batch).unwrap();
        store.finish_image();
    }
    (folder, early, history)
}

#[test]
fn the_previous_generation_is_kept_and_the_one_before_goes() {
    let (folder, early, history) = rotated();
    assert_eq!(names(early.path()), ["image-1", "lock", "log-0", "log-1"]);
    assert_eq!(names(folder.path()), ["image-1", "image-2", "lock", "log-1", "log-2"]);
    let opened = open(folder.path());
    assert_eq!(opened.report.records, 2);
    same(&opened.state, &history.state);
}

#[test]
fn a_process_may_die_between_any_two_steps() {
    let (folder, early, history) = rotated();
    let late = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let steps: [&[(&str, &str)]; 5] = [
        // The log that was left was written on; the next is being made, is there, and so is its image.
        &[("log-1", "log-1"), ("log-2", "log-2.new")],
        &[("log-1", "log-1"), ("log-2", "log-2")],
        &[("log-1", "log-1"), ("log-2", "log-2"), ("image-2", "image-2.new")],
        &[("log-1", "log-1"), ("log-2", "log-2"), ("image-2", "image-2")],
        &[("log-1", "log-1"), ("image-2", "image-2")],
    ];
    for (at, step) in steps.iter().enumerate() {
        let crashed = tempfile::tempdir().unwrap();
        copy(early.path(), crashed.path());
        for (from, to) in *step {
            fs::write(crashed.path().join(to), late(from)).unwrap();
        }
        let opened = open(crashed.path());
        assert_eq!(opened.report.damaged, [], "step {at}");
        let count = if step.iter().any(|(_, name)| *name == "log-2") { 8 } else { 6 };
        same(&opened.state, &history.batches[count - 1].state);
        assert!(names(crashed.path()).iter().all(|name| !name.ends_with(".new")), "step {at}");
        history.batches[count..].iter().for_each(|batch| opened.store.persist(batch).unwrap());
        drop(opened);
        same(&open(crashed.path()).state, &history.state);
    }
}

#[test]
fn images_are_written_while_batches_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::default();
    let settings = Settings { image_min_bytes: 64 << 10, image_factor: 1, ..settings() };
    let store = DiskStore::open(folder.path(), SPACE, settings).unwrap().store;
    for n in 0..2000_u32 {
        history.put(&format!("k/{}", n % 700), vec![n as u8; 1000]);
        history.cut();
        store.persist(&history.batches[n as usize]).unwrap();
    }
    drop(store);
    let opened = open(folder.path());
    assert!(opened.report.image.is_some() && opened.report.records < 2000, "{:?}", opened.report);
    same(&opened.state, &history.state);
}

#[test]
fn closing_does_not_wait_for_an_image_and_leaves_none_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::of_puts(200, 10_000);
    let settings = Settings { image_min_bytes: 1_900_000, ..settings() };
    let store = DiskStore::open(folder.path(), SPACE, settings).unwrap().store;
    history.batches.iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    assert!(names(folder.path()).iter().all(|name| !name.ends_with(".new")));
    same(&open(folder.path()).state, &history.state);
}
