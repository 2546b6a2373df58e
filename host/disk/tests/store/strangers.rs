//! Files in the place of others: swapped, brought from another host, or from another space.

use std::fs;
use std::path::Path;

use sluice_disk::{DiskStore, OpenReport, Settings};
use sluice_node::Store;

use crate::history::{History, SPACE, open, prefix, same, settings};

/// Two generations, `image-1`, `log-1`, `image-2` and `log-2`, of this space; and what a host has that began with
/// `first`.
fn generations(space: &str, first: u64) -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::of_puts(7, 60);
    for (at, batch) in history.batches[..].iter().enumerate() {
        let is_due = at as u64 == first || at as u64 == first + 2;
        let settings = Settings { image_min_bytes: if is_due { 1 } else { u64::MAX }, image_factor: 0, ..settings() };
        let store = DiskStore::open(folder.path(), space, settings).unwrap().store;
        store.persist(batch).unwrap();
        store.finish_image();
    }
    (folder, history)
}

/// Opens to a state the host had, says what was wrong, and goes on to the newest.
fn survives(folder: &Path, history: &History) -> (usize, OpenReport) {
    let opened = open(folder);
    let count = prefix(&opened.state, history);
    history.batches[count..].iter().for_each(|batch| opened.store.persist(batch).unwrap());
    drop(opened.store);
    let again = open(folder);
    same(&again.state, &history.state);
    assert_eq!(again.report.damaged, []);
    (count, opened.report)
}

const FILES: [&str; 4] = ["image-1", "image-2", "log-1", "log-2"];

#[test]
fn files_that_changed_places_are_found_out() {
    for (a, b) in [("image-1", "image-2"), ("log-1", "log-2"), ("image-1", "log-1"), ("image-2", "log-1")] {
        let (folder, history) = generations(SPACE, 1);
        let (a_path, b_path) = (folder.path().join(a), folder.path().join(b));
        let (a_bytes, b_bytes) = (fs::read(&a_path).unwrap(), fs::read(&b_path).unwrap());
        fs::write(&a_path, b_bytes).unwrap();
        fs::write(&b_path, a_bytes).unwrap();
        let (_, report) = survives(folder.path(), &history);
        assert!(!report.damaged.is_empty() && !report.is_emptied, "{a} and {b}: {report:?}");
    }
}

#[test]
fn a_file_of_another_host_leaves_a_state_of_the_log() {
    for name in FILES {
        let ((folder, history), (other, _)) = (generations(SPACE, 1), generations(SPACE, 2));
        fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
        let (count, report) = survives(folder.path(), &history);
        assert!(count >= 2, "{name}: {count} of 7, {report:?}");
    }
}

#[test]
fn a_file_of_another_space_is_named_and_the_generation_before_is_used() {
    for name in FILES {
        let ((folder, history), (other, _)) = (generations(SPACE, 1), generations("stock", 1));
        fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
        let (count, report) = survives(folder.path(), &history);
        let told: Vec<String> = report.damaged.iter().map(ToString::to_string).collect();
        let words = format!("{name}: it belongs to space \"stock\" at byte 0: ");
        assert!(told.iter().any(|told| told.contains(&words)), "{told:?}");
        match name {
            // The logs behind the other image, or the newer one, have it all.
            "image-1" | "image-2" | "log-1" => assert_eq!(count, 7, "{name}"),
            _ => assert!(count >= 4, "{name}: {count}"),
        }
    }
}
