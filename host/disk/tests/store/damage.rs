//! Files that are not what they were: a power cut, a dying disk, a stray program.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_disk::{DiskStore, OpenError, OpenReport, Settings, verify};
use sluice_node::Store;

use crate::history::{History, Move, SPACE, open, prefix, same, settings};

/// A folder with a small log of one record a batch, some of them refusals and held entries.
fn small() -> (tempfile::TempDir, History, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let put = |key, shape| Move::Fold { key, value: vec![key; 9], token: Some(key), base: None, verdict: None, shape };
    let moves = [put(3, 0), put(4, 15), Move::Hold { key: 5, value: vec![5] }, put(3, 12), Move::Release(None)];
    let moves: Vec<Move> = moves.into_iter().flat_map(|one| [one, Move::Cut]).collect();
    let history = History::of(&moves);
    let store = open(folder.path()).store;
    history.batches.iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    let log = folder.path().join("log-0");
    (folder, history, log)
}

/// What is left after replacing a file, checked without and with changing the folder, and used on.
fn survives(folder: &Path, file: &Path, bytes: &[u8], history: &History) -> (usize, OpenReport) {
    fs::write(file, bytes).unwrap();
    let (state, seen) = verify(folder, SPACE).unwrap();
    let opened = open(folder);
    same(&opened.state, &state);
    assert_eq!(opened.report.damaged.len(), seen.damaged.len());
    let count = prefix(&opened.state, history);
    history.batches[count..].iter().for_each(|batch| opened.store.persist(batch).unwrap());
    drop(opened.store);
    let again = open(folder);
    same(&again.state, &history.state);
    assert_eq!(again.report.damaged, [], "damage is told once");
    (count, opened.report)
}

#[test]
fn a_log_cut_off_anywhere_opens_to_a_state_the_host_had() {
    let (folder, history, log) = small();
    let whole = fs::read(&log).unwrap();
    let mut counts = Vec::new();
    for length in 0..whole.len() {
        let (count, report) = survives(folder.path(), &log, &whole[..length], &history);
        assert!(count < history.batches.len());
        let lost: u64 = report.damaged.iter().map(|damage| damage.bytes).sum();
        assert_eq!(count == 0 && !report.damaged.is_empty(), report.is_emptied, "{report:?}");
        assert!(lost <= length as u64);
        counts.push(count);
        reset(folder.path());
    }
    assert!(counts.is_sorted(), "more bytes never give less");
    counts.dedup();
    assert_eq!(counts, [0, 1, 2, 3, 4]);
}

#[test]
fn a_flipped_byte_in_a_log_is_found_wherever_it_is() {
    let (folder, history, log) = small();
    let whole = fs::read(&log).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let (count, report) = survives(folder.path(), &log, &bytes, &history);
        assert!(count < history.batches.len(), "byte {at}");
        assert_eq!(report.damaged.len(), 1, "byte {at}");
        let damage = &report.damaged[0];
        let aside = fs::read(damage.set_aside.as_ref().unwrap()).unwrap();
        assert_eq!(aside, bytes[damage.at as usize..], "what is damaged is kept");
        reset(folder.path());
    }
}

#[test]
fn room_taken_ahead_is_no_damage_and_hides_none() {
    let (folder, history, log) = small();
    let used = fs::metadata(&log).unwrap().len() as usize;
    reset(folder.path());
    let settings = Settings { log_step_bytes: 64, ..settings() };
    let store = DiskStore::open(folder.path(), SPACE, settings).unwrap().store;
    history.batches.iter().for_each(|batch| store.persist(batch).unwrap());
    drop(store);
    let whole = fs::read(&log).unwrap();
    assert_eq!(whole.len(), used.next_multiple_of(64));
    assert!(whole.len() > used && used % 64 < 48, "room for a head and more: {used}");
    for at in 0..=whole.len() {
        let zeroed = [&whole[..at], &vec![0; whole.len() - at]].concat();
        let (count, report) = survives(folder.path(), &log, &zeroed, &history);
        assert_eq!(count == history.batches.len(), zeroed == whole, "zeros from byte {at}");
        assert!(report.damaged.len() <= 1);
        reset(folder.path());
    }
    for at in used..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] = 1;
        let (count, report) = survives(folder.path(), &log, &bytes, &history);
        assert_eq!((count, report.damaged.len()), (history.batches.len(), 1), "byte {at}");
        reset(folder.path());
    }
}

/// Three generations: `image-1`, `log-1`, `image-2`, `log-2`, and the states at the start of each log.
fn imaged() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::of(&[Move::Hold { key: 5, value: vec![5] }, Move::Cut]);
    for n in 0..5_u8 {
        history.put(&format!("k/{n}"), vec![n; 100]);
        history.cut();
    }
    for (at, batch) in history.batches.iter().enumerate() {
        let image_min_bytes = if at == 1 || at == 3 { 1 } else { u64::MAX };
        let settings = Settings { image_min_bytes, image_factor: 0, ..settings() };
        let store = DiskStore::open(folder.path(), SPACE, settings).unwrap().store;
        store.persist(batch).unwrap();
        store.finish_image();
    }
    assert_eq!(names(folder.path()), ["image-1", "image-2", "lock", "log-1", "log-2"]);
    (folder, history)
}

#[test]
fn a_damaged_image_costs_nothing_while_the_one_before_is_there() {
    let (folder, history) = imaged();
    let image = folder.path().join("image-2");
    let whole = fs::read(&image).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&image, &bytes).unwrap();
        let opened = open(folder.path());
        same(&opened.state, &history.state);
        assert_eq!(opened.report.damaged.len(), 1, "byte {at}");
        assert_eq!(opened.report.image, Some(folder.path().join("image-1")));
        assert_eq!(fs::read(folder.path().join("image-2.damaged")).unwrap(), bytes);
    }
    for length in 0..whole.len() {
        fs::write(&image, &whole[..length]).unwrap();
        same(&open(folder.path()).state, &history.state);
    }
    fs::write(&image, [&whole[..], b"!"].concat()).unwrap();
    assert_eq!(open(folder.path()).report.damaged.len(), 1);
}

#[test]
fn two_damages_at_once_still_give_a_state_the_host_had() {
    let files = ["image-1", "image-2", "log-1", "log-2"];
    for (first, second) in files.iter().flat_map(|a| files.iter().map(move |b| (a, b))).filter(|(a, b)| a < b) {
        let (folder, history) = imaged();
        for name in [first, second] {
            let path = folder.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() * 2 / 3;
            bytes[middle] ^= 0x10;
            fs::write(&path, bytes).unwrap();
        }
        let opened = open(folder.path());
        let count = prefix(&opened.state, &history);
        history.batches[count..].iter().for_each(|batch| opened.store.persist(batch).unwrap());
        drop(opened);
        same(&open(folder.path()).state, &history.state);
    }
}

#[test]
fn a_host_whose_files_are_all_damaged_starts_with_nothing_and_says_so() {
    let (folder, history, log) = small();
    let (count, report) = survives(folder.path(), &log, b"not ours at all, but it has our name", &history);
    assert_eq!((count, report.is_emptied), (0, true));
    let text = report.damaged[0].to_string();
    assert!(text.contains("log-0: it does not start as ours do at byte 0: 36 bytes were not used, see "), "{text}");
    assert_eq!(names(folder.path()), ["lock", "log-0.damaged", "log-1"]);
}

#[test]
fn only_so_many_damaged_files_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..9 {
        fs::write(folder.path().join(format!("log-{number}")), b"noise").unwrap();
    }
    assert_eq!(open(folder.path()).report.damaged.len(), 9);
    let damaged = names(folder.path()).into_iter().filter(|name| name.ends_with(".damaged")).count();
    assert_eq!(damaged, settings().damaged_files_max);
}

#[test]
fn a_newer_format_is_left_alone() {
    let (folder, _, log) = small();
    let mut bytes = fs::read(&log).unwrap();
    bytes[8] = 2;
    let sum = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    fs::write(&log, &bytes).unwrap();
    let error = DiskStore::open(folder.path(), SPACE, settings()).err().unwrap();
    assert!(matches!(error, OpenError::Newer { version: 2, .. }));
    assert!(
        error
            .to_string()
            .ends_with("log-0 has format 2, this sluice knows 1: use a newer sluice, or name another folder")
    );
    assert_eq!(fs::read(&log).unwrap(), bytes);
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Empties a folder.
fn reset(folder: &Path) {
    for name in names(folder) {
        fs::remove_file(folder.join(name)).unwrap();
    }
}
