//! One host's state machine: events in, effects out.
//!
//! ```text
//!   Pulled ─▶ line ──in order──▶ state ──Persist──▶ disk ──Install──▶ served
//!              │  ▲                ▲
//!        Judge │  │ Judged        │ released
//!              ▼  │                │
//!           validators          held: faulted entries, and what waits behind them
//! ```
//!
//! [`Node::handle`] is total (no order of events panics), deterministic (equal events, equal effects),
//! monotone (the served revision never falls) and bounded (queues and retries have limits in
//! [`Settings`]). Three rules carry everything else:
//!
//! - **The line keeps the order of the log.** Verdicts are asked for ahead, but only for entries whose
//!   verdict no open entry before them can matter to, so a verdict never depends on when it was given.
//! - **A fault is not an outcome.** An entry whose verdict this host cannot tell steps aside with all
//!   that it may matter to and that may matter to it; all others go on.
//! - **Persist before install.** Only a batch the store has answered for is ever served.

mod advance;
mod remarks;
mod restore;
mod settings;
mod source;
mod standing;
mod waiter;
mod writing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::change::BlobRef;
use crate::digest::Digest;
use crate::effect::{Effect, Event, Judged, Lost, Millis, Rift, Step};
use crate::entry::Entry;
use crate::revision::Revision;
use crate::state::State;
use crate::touched::Touched;
use crate::verdict::Fault;
use crate::wait::{Stage, Waiting};

use remarks::Remarks;
use restore::Restoring;
pub use settings::Settings;
use waiter::Waiter;
use writing::Writing;

/// The state machine of one host. See the module's drawing.
pub struct Node {
    settings: Settings,
    /// Folded this far; runs ahead of what is served.
    state: State,
    /// The state of the newest batch on disk.
    served: State,
    /// Pulled and not yet folded, in the order of the log.
    line: VecDeque<Waiting>,
    line_bytes: usize,
    /// The first `scanned` entries of the line have been looked at ahead and stand in `touched`.
    scanned: usize,
    scanned_bytes: usize,
    touched: Touched,
    /// Entries that stepped aside; the same set as `state.held`.
    held: BTreeMap<Revision, Waiting>,
    steps: Vec<Step>,
    remarks: Remarks,
    unpersisted_bytes: usize,
    /// Bytes of the entries of the batch that is on its way to the disk.
    writing_bytes: usize,
    batch: Writing,
    numbers: u64,
    pull: Waiter,
    report: Waiter,
    report_due: Option<Millis>,
    reported: Option<Millis>,
    source: Option<Lost>,
    rift: Option<Rift>,
    restoring: Restoring,
    store: Option<Lost>,
    alarms: u64,
    is_stopping: bool,
    /// Collected while one event is handled, so that one ask carries them all.
    asks: Vec<Arc<Entry>>,
    effects: Vec<Effect>,
}

impl Node {
    /// A node that goes on from what its store had, with the effects that start it.
    pub fn start(settings: Settings, state: State, now: Millis) -> (Node, Vec<Effect>) {
        let held = state.held.iter().map(|(revision, entry)| (*revision, Waiting::new(entry.clone()))).collect();
        let restoring = Restoring::of(&state);
        let mut node = Node {
            settings,
            served: state.clone(),
            state,
            line: VecDeque::new(),
            line_bytes: 0,
            scanned: 0,
            scanned_bytes: 0,
            touched: Touched::default(),
            held,
            steps: Vec::new(),
            remarks: Remarks::default(),
            unpersisted_bytes: 0,
            writing_bytes: 0,
            batch: Writing::Nothing,
            numbers: 0,
            pull: Waiter::default(),
            report: Waiter::default(),
            report_due: Some(now),
            reported: None,
            source: None,
            rift: None,
            restoring,
            store: None,
            alarms: 0,
            is_stopping: false,
            asks: Vec::new(),
            effects: Vec::new(),
        };
        node.advance(now);
        let effects = std::mem::take(&mut node.effects);
        (node, effects)
    }

    /// Takes one event and says what should happen next.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        match event {
            Event::Pulled { after, result } => self.on_pulled(now, after, result),
            Event::Fetched { blob, result } => self.on_fetched(now, blob, result),
            Event::Judged(answers) => answers.into_iter().for_each(|answer| self.on_judged(now, answer)),
            Event::Persisted { number, result } => self.on_persisted(now, number, result),
            Event::Restored(result) => self.on_restored(now, result),
            Event::Reported => self.report = Waiter::default(),
            Event::Tick => (),
            Event::Stop => self.is_stopping = true,
        }
        self.advance(now);
        std::mem::take(&mut self.effects)
    }

    /// When it wants a [`Event::Tick`] if nothing else happens before.
    pub fn deadline(&self) -> Option<Millis> {
        // Nothing past may stand here that `advance` would not act on, or the caller would spin.
        let report = self.report_due.map(|due| self.report.busy_until.map_or(due, |busy| busy.max(due)));
        let batch = self.batch.deadline();
        if self.is_stopping {
            return [report, batch].into_iter().flatten().min();
        }
        let line = self.line.iter().take(self.scanned).filter_map(Waiting::deadline);
        let held = self.held.values().filter_map(Waiting::deadline);
        let pull = self.pull.busy_until.filter(|_| self.may_pull());
        let restore = self.restoring.deadline().filter(|_| self.may_restore());
        line.chain(held).chain([report, batch, pull, restore].into_iter().flatten()).min()
    }

    /// What is served.
    pub fn served(&self) -> &State {
        &self.served
    }

    /// What has been folded; it runs ahead of what is served until it is on disk.
    pub fn folded(&self) -> &State {
        &self.state
    }

    /// Whether everything folded is on disk and nothing is left to fold.
    pub fn is_settled(&self) -> bool {
        self.line.is_empty() && self.steps.is_empty() && matches!(self.batch, Writing::Nothing)
    }

    /// Whether everything folded is on disk.
    pub fn is_durable(&self) -> bool {
        self.steps.is_empty() && matches!(self.batch, Writing::Nothing)
    }

    /// Rises whenever [`Node::standing`] has something new to say beside the state.
    pub fn alarms(&self) -> u64 {
        self.alarms
    }

    fn on_fetched(&mut self, now: Millis, blob: BlobRef, result: Result<Bytes, Lost>) {
        let checked = result.map_err(|lost| lost.0).and_then(|bytes| {
            let is_right = bytes.len() as u64 == blob.length && Digest::of(&bytes) == blob.digest;
            is_right.then_some(bytes).ok_or_else(|| "its bytes are not those it is named for".to_owned())
        });
        let (settings, mut is_rule) = (&self.settings, false);
        let waiting = self.held.values_mut().chain(self.line.iter_mut().take(self.scanned));
        for waiting in waiting.filter(|waiting| waiting.misses(blob)) {
            match (&checked, &waiting.stage) {
                (Ok(bytes), _) => is_rule |= waiting.fill(blob, bytes),
                (Err(why), Stage::Asked { .. }) => {
                    let until = now + settings.pause_ms(waiting.tries);
                    waiting.rest(until, Fault::Missing, format!("blob {}: {why}", blob.digest));
                }
                // Another entry asked, or this one rests already: one that waits its turn behind others
                // must not get a deadline that nobody acts on.
                (Err(_), Stage::Fresh | Stage::Judged(_) | Stage::Resting { .. }) => (),
            }
        }
        if is_rule {
            self.recount();
        }
    }

    fn on_judged(&mut self, now: Millis, answer: Judged) {
        let Judged { revision, digest, result } = answer;
        let pause_ms = |waiting: &Waiting| self.settings.pause_ms(waiting.tries);
        let waiting = match self.held.get_mut(&revision) {
            Some(waiting) => Some(waiting),
            None => {
                let place = self.line.partition_point(|waiting| waiting.entry.revision < revision);
                self.line.get_mut(place).filter(|waiting| waiting.entry.revision == revision)
            }
        };
        let Some(waiting) = waiting.filter(|waiting| waiting.entry.digest == digest) else { return };
        match (&waiting.stage, result) {
            (Stage::Asked { .. } | Stage::Resting { .. }, Ok(verdict)) => waiting.stage = Stage::Judged(verdict),
            (Stage::Asked { .. }, Err((fault, why))) => {
                let until = now + pause_ms(waiting);
                waiting.rest(until, fault, why);
            }
            // Late or doubled; a verdict that came first stays.
            (Stage::Fresh | Stage::Judged(_), Ok(_) | Err(_)) | (Stage::Resting { .. }, Err(_)) => (),
        }
    }

    fn on_persisted(&mut self, now: Millis, number: u64, result: Result<(), Lost>) {
        let (batch, failures) = match &self.batch {
            Writing::Open { batch, failures, .. } | Writing::Resting { batch, failures, .. }
                if batch.number == number =>
            {
                (batch.clone(), *failures)
            }
            Writing::Nothing | Writing::Open { .. } | Writing::Resting { .. } => return,
        };
        match result {
            Ok(()) => {
                self.batch = Writing::Nothing;
                if self.store.take().is_some() {
                    self.alarm(now);
                }
                self.served = batch.state.clone();
                self.effects.push(Effect::Install(batch));
                self.want_report(now);
            }
            Err(lost) => {
                self.store = Some(lost);
                let until = now + self.settings.pause_ms(failures);
                self.batch = Writing::Resting { batch, until, failures: failures.saturating_add(1) };
                self.alarm(now);
            }
        }
    }

    /// Something people should know has begun or ended.
    fn alarm(&mut self, now: Millis) {
        self.alarms += 1;
        self.want_report(now);
    }

    fn want_report(&mut self, now: Millis) {
        let soonest = self.reported.map_or(now, |last| (last + self.settings.report_min_ms).max(now));
        self.report_due = Some(self.report_due.map_or(soonest, |due| due.min(soonest)));
    }
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
