//! A host's folder, looked at from outside: nothing in it is touched.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Finding;

/// Free bytes below which a host may soon, and will soon, have no room.
const FREE_BYTES: (u64, u64) = (1 << 30, 100 << 20);
/// A flush past this delays every change more than anything else does.
const FLUSH_SLOW: Duration = Duration::from_millis(20);
/// Flushes measured; the middle one counts.
const FLUSHES: usize = 5;

/// Whether a host can keep its state here.
pub fn look(folder: &Path) -> Vec<Finding> {
    let shown = folder.display();
    match fs::metadata(folder) {
        Err(error) => vec![Finding::fail("folder", format!("{shown}: {error}"), format!("make it: mkdir -p {shown}"))],
        Ok(found) if !found.is_dir() => vec![Finding::fail("folder", format!("{shown} is no folder"), "give a folder")],
        Ok(_) => vec![flush(folder), space(folder), lock(folder)],
    }
}

fn flush(folder: &Path) -> Finding {
    match flush_time(folder) {
        Ok(time) if time > FLUSH_SLOW => {
            let found = format!("{} takes {} µs to flush", folder.display(), time.as_micros());
            Finding::warn("folder", found, "every batch of changes waits for this: use a local solid-state disk")
        }
        Ok(time) => {
            Finding::ok("folder", format!("{} is writable, {} µs to flush", folder.display(), time.as_micros()))
        }
        Err(error) => {
            let found = format!("{} cannot be written: {error}", folder.display());
            Finding::fail("folder", found, "give it to the user the host runs as")
        }
    }
}

/// The middle of some appends of 4 KiB, each flushed.
fn flush_time(folder: &Path) -> io::Result<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[FLUSHES / 2])
}

fn space(folder: &Path) -> Finding {
    let free = match rustix::fs::statvfs(folder) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Finding::warn("space", error.to_string(), "see how much of the disk is free"),
    };
    let found = format!("{} MiB free", free >> 20);
    match free {
        _ if free < FREE_BYTES.1 => Finding::fail("space", found, "make room: a host that cannot write stands still"),
        _ if free < FREE_BYTES.0 => Finding::warn("space", found, "make room: a host that cannot write stands still"),
        _ => Finding::ok("space", found),
    }
}

/// Whether a host has it open. The lock is tried and given back at once.
fn lock(folder: &Path) -> Finding {
    let mut file = match File::open(folder.join("lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Finding::ok("lock", "no host was here yet"),
        Err(error) => return Finding::fail("lock", error.to_string(), "give the folder to the user the host runs as"),
    };
    match file.try_lock_shared() {
        Ok(()) => Finding::ok("lock", "free: no host runs here"),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Only told, never relied on; without it the sentence is shorter.
            let read = (&mut file).take(16).read_to_string(&mut pid).map(|_| pid.trim().to_owned()).unwrap_or_default();
            Finding::ok("lock", format!("held by the host that runs here (process {read})"))
        }
        Err(TryLockError::Error(error)) => {
            Finding::warn("lock", error.to_string(), "use a file system with locks, such as ext4 or xfs")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    #[test]
    fn a_fresh_folder_is_fine_and_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let findings = look(folder.path());
        assert_eq!(findings.iter().map(|finding| finding.check).collect::<Vec<_>>(), ["folder", "space", "lock"]);
        assert_eq!(findings[2].grade, Grade::Ok);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_in_use_names_its_host() {
        let folder = tempfile::tempdir().unwrap();
        let mut held = File::create(folder.path().join("lock")).unwrap();
        held.lock().unwrap();
        writeln!(held, "4711").unwrap();
        assert_eq!(lock(folder.path()).found, "held by the host that runs here (process 4711)");
        drop(held);
        assert_eq!(lock(folder.path()).found, "free: no host runs here");
    }

    #[test]
    fn a_folder_that_is_not_there_fails_with_its_remedy() {
        let finding = &look(Path::new("/nowhere/at/all"))[0];
        assert_eq!((finding.grade, finding.fix.as_str()), (Grade::Fail, "make it: mkdir -p /nowhere/at/all"));
    }
}
