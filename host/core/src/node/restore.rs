//! Going on from a snapshot, where the log alone does not lead on or would take long.

use std::sync::Arc;

use crate::effect::{Batch, Effect, Lost, Millis, Place, Rift, Snapshot};
use crate::node::Node;
use crate::node::waiter::Waiter;
use crate::state::State;
use crate::touched::Touched;
use crate::wait::Waiting;

use super::Writing;

/// Whether a snapshot is wanted, and how far that has come.
pub struct Restoring {
    want: Want,
    waiter: Waiter,
    /// Loaded; it takes its place when what was folded before is on disk.
    coming: Option<State>,
    /// Why the last try came to nothing.
    why: Option<Lost>,
}

/// Why a snapshot is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// It is not.
    Nothing,
    /// The host has nothing yet, and the log may be long.
    Begin,
    /// The log lacks what comes next.
    GoOn,
    /// The log has lost what this host has.
    Rejoin,
}

impl Restoring {
    /// What a host wants that starts from this state.
    pub fn of(state: &State) -> Restoring {
        let want = if state.index == 0 { Want::Begin } else { Want::Nothing };
        Restoring { want, waiter: Waiter::default(), coming: None, why: None }
    }

    /// The log turned out to be in order, or not.
    pub fn turn(&mut self, rift: Option<Rift>) {
        self.want = match rift {
            Some(Rift::Trimmed | Rift::Hole) => Want::GoOn,
            Some(Rift::Forked) => Want::Rejoin,
            // None is there: where the next one comes from is for people to say.
            Some(Rift::Reset) | None => Want::Nothing,
        };
        (self.waiter, self.coming, self.why) = (Waiter::default(), None, None);
    }

    /// Whether entries must wait for it.
    pub fn comes_first(&self) -> bool {
        self.want == Want::Begin || self.coming.is_some()
    }

    /// What is wrong with the log, and with the way on from there.
    pub fn told(&self, lost: Lost) -> Lost {
        match &self.why {
            Some(Lost(why)) => Lost(format!("{}; {why}", lost.0)),
            None => lost,
        }
    }

    /// When it next wants to be looked at.
    pub fn deadline(&self) -> Option<Millis> {
        let is_waiting = self.want != Want::Nothing && self.coming.is_none();
        self.waiter.busy_until.filter(|_| is_waiting)
    }
}

impl Node {
    pub(super) fn on_restored(&mut self, now: Millis, result: Result<Option<Box<Snapshot>>, Lost>) {
        if self.restoring.want == Want::Nothing || self.restoring.coming.is_some() || self.is_stopping {
            return;
        }
        let pause_ms = self.settings.pause_ms(self.restoring.waiter.failures);
        match result {
            Ok(Some(snapshot)) => match self.fits(&snapshot.state) {
                Ok(()) => self.restoring.coming = Some(snapshot.state),
                Err(why) => {
                    self.restoring.waiter.rest(now + pause_ms);
                    self.note_failed(now, Lost(why));
                }
            },
            Ok(None) if self.restoring.want == Want::Begin => self.restoring.turn(None),
            Ok(None) => self.restoring.waiter.rest(now + pause_ms),
            Err(lost) => {
                self.restoring.waiter.rest(now + pause_ms);
                self.note_failed(now, lost);
            }
        }
    }

    fn note_failed(&mut self, now: Millis, why: Lost) {
        if self.restoring.why.replace(why.clone()).as_ref() != Some(&why) {
            self.alarm(now);
        }
        // The next look at the log adds what is wrong with that.
        self.note_source(now, Some(why));
    }

    /// Whether a snapshot may take the place of what this host has.
    fn fits(&self, coming: &State) -> Result<(), String> {
        let (at, have) = (coming.cursor, &self.state);
        // What fills a hole can end where this host does.
        let is_old = if self.rift == Some(Rift::Hole) { at < have.cursor } else { at <= have.cursor };
        // A log that was folded anew may count fewer entries: those that were lost and refused do not come back.
        let is_short = self.restoring.want != Want::Rejoin && coming.index <= have.index;
        if is_short || is_old {
            return Err(format!(
                "the newest snapshot is of {at}, this host stands at {}: write a newer one",
                have.cursor
            ));
        }
        // What was folded anew passed the guard entry by entry.
        let admitted = match self.restoring.want {
            Want::Rejoin => Ok(()),
            Want::Nothing | Want::Begin | Want::GoOn => have.policy().guard.admits(have, coming),
        };
        admitted
            .map_err(|what| format!("the snapshot of {at} is not taken: {what}; if it is meant, empty the data folder"))
    }

    /// Asks for a snapshot where one is wanted, and takes it once all before it is on disk.
    pub(super) fn advance_restore(&mut self, now: Millis) {
        if self.is_stopping || self.restoring.want == Want::Nothing {
            return;
        }
        let is_free = self.steps.is_empty() && matches!(self.batch, Writing::Nothing);
        match self.restoring.coming.take() {
            Some(state) if is_free => self.adopt(now, state),
            Some(state) => self.restoring.coming = Some(state),
            None if self.restoring.waiter.is_due(now) && self.may_restore() => {
                self.restoring.waiter.open(now + self.settings.restore_wait_ms);
                let newest = self.newest();
                self.effects.push(match self.rift {
                    Some(Rift::Forked) => Effect::Rejoin,
                    Some(Rift::Hole) => {
                        Effect::Restore { beyond: Place { revision: newest.revision.before(), ..newest } }
                    }
                    Some(Rift::Trimmed | Rift::Reset) | None => Effect::Restore { beyond: newest },
                });
            }
            None => (),
        }
    }

    /// What a log lost is put back from the store: only once all that was taken from it is there.
    pub(super) fn may_restore(&self) -> bool {
        self.rift != Some(Rift::Forked) || self.is_settled()
    }

    /// Goes on from another state. Nothing of it is served before it is on disk.
    fn adopt(&mut self, now: Millis, state: State) {
        self.held = state.held.iter().map(|(at, entry)| (*at, Waiting::new(entry.clone()))).collect();
        self.line.clear();
        (self.line_bytes, self.scanned, self.scanned_bytes) = (0, 0, 0);
        self.touched = Touched::default();
        self.state = state.clone();
        self.numbers += 1;
        let batch = Arc::new(Batch { number: self.numbers, steps: Vec::new(), state, is_restored: true });
        self.effects.push(Effect::Persist(batch.clone()));
        self.batch = Writing::Open { batch, until: now + self.settings.restore_wait_ms, failures: 0 };
        self.pull = super::Waiter::default();
        self.note_rift(now, None);
        self.restoring.turn(None);
    }
}
