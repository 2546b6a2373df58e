//! Pulls: the log answers as a server does, and a host's edge holds that against what the host has.

use std::sync::Arc;

use sluice_core::probe::{self, Odd};
use sluice_core::{Apart, Entry, Event, Place, PullError, Revision, Rift};

use crate::carry::away;
use crate::laws::Law;
use crate::weather::Bug;
use crate::world::{Happening, PULL_ENTRIES_MAX, World};

/// How long a log waits before it looks for news again, in ms.
const POLL_MS: u64 = 150;
/// How often an edge asks the log for its count, in ms.
const COUNT_PAUSE_MS: u64 = 300;

impl World {
    /// The log looks whether there is anything behind a place, and answers when there is or it has looked long enough.
    pub(crate) fn read(&mut self, host: usize, pull: u64, after: Place, polls: u8) -> Law {
        if self.hosts[host].pull != pull {
            return Ok(());
        }
        let limit = self.rng.usize(1..=PULL_ENTRIES_MAX);
        let result = match self.weather.is_log_away(self.now) {
            true => Err(PullError::Away(away())),
            false => {
                let entries = self.log.read(after.revision, limit);
                if entries.is_empty() && polls > 0 {
                    self.later(POLL_MS, Happening::Read { host, pull, after, polls: polls - 1 });
                    return Ok(());
                }
                self.probed(host, &after, entries)
            }
        };
        if let Err(PullError::Apart(apart)) = &result {
            *self.tally.rifts.entry(apart.rift.as_str()).or_default() += 1;
            if apart.rift == Rift::Reset && self.run.bug == Bug::ResetTaken {
                return self.empty(host);
            }
        }
        self.answer(host, Event::Pulled { after: after.revision, result });
        Ok(())
    }

    fn probed(
        &mut self,
        host: usize,
        after: &Place,
        mut entries: Vec<Arc<Entry>>,
    ) -> Result<Vec<Arc<Entry>>, PullError> {
        let bug = self.run.bug;
        let apart = |apart: Apart| Err(PullError::Apart(apart));
        let found = self.log.read(after.revision.before(), 1);
        match probe::compare(after, found.first().map(|entry| &**entry)) {
            Err(Odd::Other) if bug == Bug::ForkUnseen => (),
            Err(odd) => match probe::rift(after, &odd, self.log.facts().as_ref()) {
                Some(told) if told.rift == Rift::Trimmed && bug == Bug::GapUnseen => (),
                Some(told) => return apart(told),
                None => (),
            },
            Ok(()) => (),
        }
        if bug == Bug::EntrySkipped && entries.len() > 2 {
            entries.remove(1);
        }
        if bug == Bug::ClockFeared && entries.first().is_some_and(|first| is_odd_time(after.revision, first.revision)) {
            return apart(Apart { rift: Rift::Reset, why: "the clock was set".to_owned() });
        }
        let last = self.hosts[host].counted;
        let is_due = last.is_none_or(|last| self.now >= last + COUNT_PAUSE_MS) && bug != Bug::HoleUnseen;
        match after.index == Some(0) || is_due {
            true => self.counted(host, after, entries),
            false => Ok(entries),
        }
    }

    /// As the Redis edge does: see `counted` there.
    fn counted(&mut self, host: usize, after: &Place, entries: Vec<Arc<Entry>>) -> Result<Vec<Arc<Entry>>, PullError> {
        let log = self.log.facts();
        if after.index == Some(0)
            && let Some(apart) = probe::missing(log.as_ref()).filter(|_| self.run.bug != Bug::GapUnseen)
        {
            return Err(PullError::Apart(apart));
        }
        let revision = entries.last().map_or(after.revision, |entry| entry.revision);
        let index = after.index.map(|index| index + entries.len() as u64);
        let reached = Place { revision, index, entry: None };
        let missed = log.and_then(|log| probe::missed(&reached, &log)).filter(|_| self.run.bug != Bug::EntrySkipped);
        self.hosts[host].counted = Some(self.now).filter(|_| missed.is_none());
        match missed {
            Some(missed) => Err(PullError::Apart(Apart { rift: Rift::Hole, why: format!("{missed} were deleted") })),
            None => Ok(entries),
        }
    }

    /// A host begins with nothing.
    pub(crate) fn empty(&mut self, host: usize) -> Law {
        self.hosts[host].disk = crate::disk::Disk::default();
        let effects = self.hosts[host].start(self.now);
        self.check(host)?;
        self.carry_all(host, effects)
    }
}

fn is_odd_time(before: Revision, next: Revision) -> bool {
    before != Revision::ZERO && (next.ms > before.ms + 60_000 || next.ms == before.ms && next.seq > before.seq + 8)
}
