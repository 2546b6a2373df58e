//! The end of the process, of the power, or of the disk's patience, at every single change the store makes.

use std::path::Path;
use std::sync::Arc;

use sluice_core::{Batch, Lost};
use sluice_disk::{DiskStore, Files, OpenError, Opened, Settings};
use sluice_node::Store;

use crate::damage::names;
use crate::disk::{CRASHES, Crash, Disk, Kept, Recorder, quick};
use crate::history::{History, Move, SPACE, open, prefix, same, settings};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// Puts, refusals, held entries, and in the middle a state that comes from a snapshot.
fn history() -> History {
    let put = |key, shape| Move::Fold { key, value: vec![key; 40], token: Some(key), base: None, verdict: None, shape };
    let moves = [put(3, 0), Move::Hold { key: 5, value: vec![5] }, put(4, 12), put(3, 15), Move::Release(None)];
    let mut history = History::of(&moves.into_iter().flat_map(|one| [one, Move::Cut]).collect::<Vec<_>>());
    // Made elsewhere: the steps that led there are not known here.
    for key in 20..23 {
        history.put(&format!("away/{key}"), vec![key; 30]);
    }
    history.cut();
    let restored = history.batches.last_mut().unwrap();
    (restored.steps, restored.is_restored) = (Vec::new(), true);
    for key in 30..36 {
        history.put(&format!("k/{key}"), vec![key; 60]);
        history.cut();
    }
    history
}

/// Small enough for images to take turns, and flushed as in earnest.
fn small(watch: &Arc<Recorder>) -> Settings {
    let files = Files::watched(watch.clone());
    Settings { sync: true, log_step_bytes: 512, image_min_bytes: 300, image_factor: 0, files, ..settings() }
}

/// Every batch, each tried until it is written; answers how many changes had been made when each was confirmed.
fn written(store: &DiskStore, batches: &[Batch], watch: &Recorder) -> Vec<usize> {
    let mut confirmed = Vec::new();
    for batch in batches {
        let tries: Vec<Result<(), Lost>> = (0..5).map(|_| store.persist(batch)).take_while(Result::is_err).collect();
        assert!(tries.len() < 5, "{tries:?}");
        confirmed.push(watch.kept().len());
        store.finish_image();
    }
    confirmed
}

/// What is there is a state of the history with all that was confirmed, and everything can go on from it.
#[track_caller]
fn goes_on(folder: &Path, history: &History, confirmed: usize, what: &str) {
    let opened = open(folder);
    let count = prefix(&opened.state, history);
    assert!(count >= confirmed, "{what}: {count} batches of {confirmed} confirmed: {:?}", opened.report);
    history.batches[count..].iter().for_each(|batch| opened.store.persist(batch).unwrap());
    drop(opened);
    let again = open(folder);
    same(&again.state, &history.state);
    assert_eq!(again.report.damaged, [], "{what}");
}

/// Crashes in every way at every change that was made to a folder which was like `before`.
fn crashes(before: &Disk, kept: &[Kept], history: &History, confirmed: impl Fn(usize) -> usize, name: &str) -> usize {
    let mut disk = before.clone();
    let mut count = 0;
    for at in 0..=kept.len() {
        for crash in CRASHES {
            let folder = quick();
            match (crash, kept.get(at)) {
                (Crash::Torn, Some(change @ Kept::Write(..))) => {
                    let mut torn = disk.clone();
                    torn.make(change, true);
                    torn.left(crash, folder.path());
                }
                (Crash::Torn, _) => continue,
                _ => disk.left(crash, folder.path()),
            }
            let what = format!("{name}, {crash:?} before change {at}, {:?}", kept.get(at).map(shown));
            goes_on(folder.path(), history, confirmed(at), &what);
            count += 1;
        }
        if let Some(change) = kept.get(at) {
            disk.make(change, false);
        }
    }
    count
}

fn shown(kept: &Kept) -> String {
    let text = format!("{kept:?}");
    text.chars().take(80).collect()
}

/// A whole run on a sound disk: its changes, and how many there were when each batch was confirmed.
fn run(history: &History) -> (Vec<Kept>, Vec<usize>) {
    let folder = quick();
    let watch = Arc::new(Recorder::default());
    let store = DiskStore::open(folder.path(), SPACE, small(&watch)).unwrap().store;
    let confirmed = written(&store, &history.batches, &watch);
    drop(store);
    same(&open(folder.path()).state, &history.state);
    let kept = watch.kept().clone();
    (kept, confirmed)
}

#[test]
fn a_crash_at_any_change_leaves_a_state_with_all_that_was_confirmed() {
    let history = history();
    let (kept, confirmed) = run(&history);
    let images = kept.iter().filter(|kept| matches!(kept, Kept::Rename(_, to) if shows(to, "image-"))).count();
    let removed = kept.iter().filter(|kept| matches!(kept, Kept::Remove(_))).count();
    assert!(images >= 3 && removed >= 3, "images take turns: {images} made, {removed} files removed");
    let before = |at: usize| confirmed.iter().filter(|made| **made <= at).count();
    let count = crashes(&Disk::default(), &kept, &history, before, "run");
    assert!(count > 5 * kept.len(), "{count} crashes at {} changes", kept.len());
}

#[test]
fn a_crash_while_damage_is_put_aside_leaves_no_less() {
    let history = history();
    let (kept, confirmed) = run(&history);
    let mut disk = Disk::default();
    let mut tried = 0;
    for (at, change) in kept.iter().enumerate() {
        if let Kept::Write(path, ..) = change
            && !shows(path, "lock")
        {
            let folder = quick();
            let mut torn = disk.clone();
            torn.make(change, true);
            torn.left(Crash::Torn, folder.path());
            let found = Disk::of(folder.path());
            let watch = Arc::new(Recorder::default());
            drop(DiskStore::open(folder.path(), SPACE, small(&watch)).unwrap());
            let before = confirmed.iter().filter(|made| **made <= at).count();
            crashes(&found, &watch.kept(), &history, |_| before, &format!("opening after change {at}"));
            tried += 1;
        }
        disk.make(change, false);
    }
    assert!(tried > history.batches.len(), "every record was torn once");
}

const ERRORS: [(i32, bool); 4] = [(EIO, false), (ENOSPC, false), (ENOSPC, true), (EROFS, false)];

#[test]
fn an_error_at_any_change_loses_nothing_and_no_failed_flush_is_tried_again() {
    let history = history();
    let points = run(&history).0.len();
    for ((errno, is_short), at) in ERRORS.iter().flat_map(|error| (0..points + 2).map(move |at| (*error, at))) {
        let folder = quick();
        let watch = Recorder::failing(at, errno, is_short);
        let Opened { store, .. } = opened(folder.path(), &watch);
        for (count, batch) in history.batches.iter().enumerate() {
            written(&store, std::slice::from_ref(batch), &watch);
            if (errno, is_short) == (EIO, false) {
                let copy = quick();
                for name in names(folder.path()) {
                    std::fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
                }
                same(&open(copy.path()).state, &history.batches[count].state);
            }
        }
        drop(store);
        let found = open(folder.path());
        same(&found.state, &history.state);
        assert_eq!((found.report.damaged, watch.misused()), (vec![], vec![]), "{errno} {is_short} at change {at}");
    }
}

#[test]
fn an_error_while_opening_is_told_and_what_was_there_is_still_there() {
    let history = history();
    let (last, before) = history.batches.split_last().unwrap();
    for ((errno, is_short), at) in ERRORS.iter().flat_map(|error| (0..12).map(move |at| (*error, at))) {
        let folder = quick();
        let watch = Arc::new(Recorder::default());
        let tight = Settings { log_step_bytes: 0, ..small(&watch) };
        written(&DiskStore::open(folder.path(), SPACE, tight).unwrap().store, before, &watch);
        // A draft and a torn record, for there to be something to clear up.
        std::fs::write(folder.path().join("image-99.new"), b"half").unwrap();
        let log = names(folder.path()).into_iter().rfind(|name| name.starts_with("log-")).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(folder.path().join(&log)).unwrap();
        std::io::Write::write_all(&mut file, &[7; 9]).unwrap();
        let watch = Recorder::failing(at, errno, is_short);
        let Opened { store, state, .. } = opened(folder.path(), &watch);
        same(&state, &before.last().unwrap().state);
        written(&store, std::slice::from_ref(last), &watch);
        drop(store);
        same(&open(folder.path()).state, &history.state);
        assert_eq!(watch.misused(), [], "{errno} {is_short} at change {at}");
    }
}

/// The second try opens it, if the first met the error, which must say what to do.
fn opened(folder: &Path, watch: &Arc<Recorder>) -> Opened {
    DiskStore::open(folder, SPACE, small(watch)).unwrap_or_else(|error| {
        assert!(matches!(&error, OpenError::Unusable { .. }), "{error}");
        assert_eq!(error.to_string().matches(": ").count(), 2, "what, why and the remedy: {error}");
        DiskStore::open(folder, SPACE, small(watch)).unwrap()
    })
}

fn shows(path: &Path, start: &str) -> bool {
    path.file_name().unwrap().to_str().unwrap().starts_with(start)
}
