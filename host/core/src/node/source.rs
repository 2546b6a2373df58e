//! The log: what came of it, where the node stands in it, and whether it still is the one it has followed.

use std::sync::Arc;

use crate::effect::{Lost, Millis, Place, PullError, Rift};
use crate::entry::Entry;
use crate::node::Node;
use crate::node::waiter::Waiter;
use crate::revision::Revision;
use crate::wait::Waiting;

impl Node {
    pub(super) fn on_pulled(&mut self, now: Millis, after: Revision, result: Result<Vec<Arc<Entry>>, PullError>) {
        // A late or doubled answer: what it holds has been taken, or is being pulled again.
        if after != self.newest().revision || self.is_stopping {
            return;
        }
        match result {
            Ok(entries) => {
                self.pull = Waiter::default();
                self.note_source(now, None);
                self.note_rift(now, None);
                for entry in entries {
                    if entry.revision > self.newest().revision {
                        self.line_bytes += entry.bytes();
                        self.line.push_back(Waiting::new(entry));
                    }
                }
            }
            Err(error) => {
                let pause_ms = self.settings.pause_ms(self.pull.failures);
                let most_ms = match error {
                    PullError::Away(_) => self.settings.pull_retry_max_ms,
                    PullError::Apart(_) => self.settings.retry_max_ms,
                };
                self.pull.rest(now + pause_ms.min(most_ms));
                let lost = match &error {
                    PullError::Away(lost) => lost.clone(),
                    PullError::Apart(_) => self.restoring.told(error.lost()),
                };
                self.note_source(now, Some(lost));
                match error {
                    // Out of reach it is what it was when last seen.
                    PullError::Away(_) => (),
                    PullError::Apart(apart) => self.note_rift(now, Some(apart.rift)),
                }
            }
        }
    }

    /// The newest entry taken from the log.
    pub(super) fn newest(&self) -> Place {
        let index = Some(self.state.index + self.line.len() as u64);
        let last = self.line.back().map(|waiting| &waiting.entry);
        last.map_or_else(
            || self.state.place(),
            |entry| Place { revision: entry.revision, index, entry: Some(entry.digest) },
        )
    }

    pub(super) fn note_rift(&mut self, now: Millis, rift: Option<Rift>) {
        if std::mem::replace(&mut self.rift, rift) != rift {
            self.restoring.turn(rift);
            self.alarm(now);
        }
    }

    pub(super) fn note_source(&mut self, now: Millis, source: Option<Lost>) {
        let has_changed = self.source.is_some() != source.is_some();
        self.source = source;
        if has_changed {
            self.alarm(now);
        }
    }
}
