//! Entries deleted from the middle of the log, which a reader cannot see: it gets those around them.
//!
//! A stream counts what was ever added to it. At its end a host must have as many; one that has fewer has missed some.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sluice_core::probe::{self, StreamFacts};
use sluice_core::{Apart, Place, Rift};
use tokio::time::Instant;

/// How long a look holds. It costs a round trip, and the newest entry crosses the wire with it.
const LOOK_PAUSE: Duration = Duration::from_secs(3);

/// When the log was last counted.
#[derive(Default)]
pub(crate) struct Count {
    last: Mutex<Option<Instant>>,
}

impl Count {
    /// Whether it is time to look again.
    pub fn is_due(&self) -> bool {
        self.last().is_none_or(|last| last.elapsed() >= LOOK_PAUSE)
    }

    /// It was looked, and nothing is missing; or something is, and every pull looks again until it is there.
    pub fn looked(&self, is_whole: bool) {
        *self.last() = is_whole.then(Instant::now);
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // A time cannot be left half written.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a host that has come to `place` has missed; none unless it is at the end of the log.
pub(crate) fn missed(place: &Place, log: &StreamFacts, name: &str) -> Option<Apart> {
    let missed = probe::missed(place, log)?;
    let (added, last) = (log.added?, log.last);
    let index = added - missed;
    let why = format!(
        "{added} entries were added to the log and this host has got {index}: {missed} were deleted before it read them. \
         Have a host that got them lead on: sluice snapshot save FILE --host URL, sluice snapshot restore FILE --force. \
         If none did and it was meant: redis-cli XSETID '{name}' {last} ENTRIESADDED {index}"
    );
    Some(Apart { rift: Rift::Hole, why })
}
