//! Faults on purpose, for tests with real processes: at which change of the disk what goes wrong.
//!
//! ```text
//!   store.flush:3=eio          the third flush fails
//!   store.any:17=kill          the process is gone before the seventeenth change
//!   store.write:2+=enospc      all writes from the second on fail
//! ```

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

use crate::files::{Act, Change, Watch};

/// The names of the changes, in the order of [`Change`].
const POINTS: [&str; 9] = ["folder", "create", "write", "reserve", "cut", "flush", "rename", "remove", "flush-folder"];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Error(Errno),
    /// Half of a write is written, and the disk is full.
    Short,
    /// SIGKILL instead of the change.
    Kill,
    /// SIGKILL after half of a write.
    Tear,
    /// SIGKILL right after the change.
    KillAfter,
}

/// Faults to come, by the words of whoever tests.
#[derive(Debug)]
pub struct Faults(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    /// None for any change.
    point: Option<&'static str>,
    first: u64,
    goes_on: bool,
    wrong: Wrong,
    /// How many of its changes there have been.
    count: AtomicU64,
}

impl Faults {
    /// Reads `store.POINT[:N[+]]=WRONG`, several with commas between.
    ///
    /// # Errors
    /// In words, with what would be right.
    pub fn read(text: &str) -> Result<Faults, String> {
        let all = text.split(',').map(|one| Fault::read(one).ok_or_else(|| one.to_owned()));
        all.collect::<Result<_, _>>().map(Faults).map_err(|one| {
            let points = POINTS.join(", ");
            format!(
                "\"{one}\" is no failpoint: write store.POINT:N=WRONG, with any, {points} for POINT and \
                 eio, enospc, erofs, short, kill, tear or kill-after for WRONG"
            )
        })
    }
}

impl Fault {
    fn read(text: &str) -> Option<Fault> {
        let (place, wrong) = text.trim().strip_prefix("store.")?.split_once('=')?;
        let (point, number) = place.split_once(':').unwrap_or((place, "1"));
        let point = match point {
            "any" => None,
            _ => Some(*POINTS.iter().find(|name| **name == point)?),
        };
        let (first, goes_on) = number.strip_suffix('+').map_or((number, false), |number| (number, true));
        let wrong = match wrong {
            "eio" => Wrong::Error(Errno::IO),
            "enospc" => Wrong::Error(Errno::NOSPC),
            "erofs" => Wrong::Error(Errno::ROFS),
            "short" => Wrong::Short,
            "kill" => Wrong::Kill,
            "tear" => Wrong::Tear,
            "kill-after" => Wrong::KillAfter,
            _ => return None,
        };
        Some(Fault { point, first: first.parse().ok()?, goes_on, wrong, count: AtomicU64::new(0) })
    }

    fn is_of(&self, change: &Change<'_>) -> bool {
        self.point.is_none_or(|point| point == name(change))
    }

    fn is_at(&self, count: u64) -> bool {
        count == self.first || (self.goes_on && count > self.first)
    }
}

impl Watch for Faults {
    fn before(&self, change: &Change<'_>) -> Act {
        let mut act = Act::Go;
        for fault in self.0.iter().filter(|fault| fault.is_of(change)) {
            let count = fault.count.fetch_add(1, Ordering::Relaxed) + 1;
            if !fault.is_at(count) {
                continue;
            }
            tracing::warn!(change = name(change), count, wrong = ?fault.wrong, "a fault on purpose");
            act = match (fault.wrong, change) {
                (Wrong::Error(errno), _) => Act::Fail(errno.into()),
                (Wrong::Short, Change::Write { bytes, .. }) => Act::Part(bytes.len() / 2, full()),
                (Wrong::Short, _) => Act::Fail(full()),
                (Wrong::Tear, Change::Write { bytes, .. }) => Act::Part(bytes.len() / 2, full()),
                (Wrong::Kill | Wrong::Tear, _) => end(),
                (Wrong::KillAfter, _) => Act::Go,
            };
        }
        act
    }

    fn after(&self, change: &Change<'_>) {
        let is_due = |fault: &Fault| {
            let ends = matches!(fault.wrong, Wrong::Tear | Wrong::KillAfter);
            ends && fault.is_of(change) && fault.is_at(fault.count.load(Ordering::Relaxed))
        };
        if self.0.iter().any(is_due) {
            end();
        }
    }
}

fn full() -> io::Error {
    Errno::NOSPC.into()
}

/// As `kill -9` from outside: nothing is flushed, dropped or said.
fn end() -> ! {
    // It cannot fail for a process of one's own, and if it did the next line would stay here for ever.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}

fn name(change: &Change<'_>) -> &'static str {
    POINTS[match change {
        Change::Folder(_) => 0,
        Change::Create(_) => 1,
        Change::Write { .. } => 2,
        Change::Reserve { .. } => 3,
        Change::Cut { .. } => 4,
        Change::Flush(_) => 5,
        Change::Rename { .. } => 6,
        Change::Remove(_) => 7,
        Change::FlushFolder(_) => 8,
    }]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_fault_comes_when_it_was_said_to() {
        let faults = Faults::read("store.flush:2=eio, store.rename:2+=erofs").unwrap();
        let path = Path::new("f");
        let errors = |change: Change<'_>| -> Vec<Option<i32>> {
            let acts = (0..4).map(|_| faults.before(&change));
            acts.map(|act| if let Act::Fail(error) = act { error.raw_os_error() } else { None }).collect()
        };
        assert_eq!(errors(Change::Flush(path)), [None, Some(5), None, None]);
        assert_eq!(errors(Change::Rename { from: path, to: path }), [None, Some(30), Some(30), Some(30)]);
        assert_eq!(errors(Change::Remove(path)), [None; 4]);
    }

    #[test]
    fn a_short_write_is_half_a_write() {
        let faults = Faults::read("store.any:1=short").unwrap();
        let act = faults.before(&Change::Write { path: Path::new("f"), at: 0, bytes: b"123456" });
        assert!(matches!(act, Act::Part(3, error) if error.kind() == io::ErrorKind::StorageFull));
    }

    #[test]
    fn what_is_none_is_told_with_what_would_be() {
        for text in ["", "store.flush", "store.flash:1=eio", "store.flush:x=eio", "store.flush:1=boom"] {
            let why = Faults::read(text).unwrap_err();
            assert!(why.starts_with(&format!("\"{text}\" is no failpoint: write store.POINT:N=WRONG")), "{why}");
        }
    }
}
