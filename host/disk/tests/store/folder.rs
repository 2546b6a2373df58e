//! Folders that cannot be used, and what is said about them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sluice_disk::{DiskStore, OpenError, verify};
use sluice_node::Store;

use crate::history::{History, SPACE, open, settings};

fn refused(folder: &Path, space: &str) -> OpenError {
    DiskStore::open(folder, space, settings()).err().expect("it must not open")
}

#[test]
fn a_missing_folder_is_made_and_is_nobody_elses_business() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/er");
    let _opened = open(&folder);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!((mode(&folder.join("log-0")), mode(&folder.join("lock"))), (0o600, 0o600));
}

#[test]
fn a_folder_has_one_owner_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let error = refused(folder.path(), SPACE);
    let (path, pid) = (folder.path().display(), std::process::id());
    let text = format!("{path} is in use by another sluice (pid {pid}): stop it, or name another folder");
    assert_eq!(error.to_string(), text);
    verify(folder.path(), SPACE).expect("looking is free");
    drop(first);
    open(folder.path());
}

#[test]
fn a_folder_belongs_to_one_space() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::of_puts(1, 1);
    open(folder.path()).store.persist(&history.batches[0]).unwrap();
    let error = refused(folder.path(), "other");
    assert!(
        error
            .to_string()
            .ends_with("log-0 belongs to space \"shop\", not \"other\": name another folder, or correct the space")
    );
    assert_eq!(open(folder.path()).state.index, 1);
}

#[test]
fn a_file_is_no_folder() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, b"mine").unwrap();
    let text = refused(&file, SPACE).to_string();
    assert!(text.starts_with("cannot open ") && text.ends_with(": name a folder"), "{text}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn what_cannot_be_written_is_told_with_its_remedy() {
    // Not even root may make a folder there.
    let text = refused(Path::new("/proc/sluice"), SPACE).to_string();
    assert!(text.starts_with("cannot create /proc/sluice: "), "{text}");
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    // Root writes anywhere; everybody else is told.
    if fs::write(folder.path().join("probe"), b"").is_err() {
        let text = refused(folder.path(), SPACE).to_string();
        assert!(text.ends_with("give the user sluice runs as the right to read and write it"), "{text}");
    }
}

#[test]
fn what_is_missing_cannot_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(verify(&folder.path().join("none"), SPACE), Err(OpenError::Unusable { .. })));
}
