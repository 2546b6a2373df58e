//! What happens next: the deciding half of the node.

use std::sync::Arc;

use crate::effect::{Ask, Batch, Effect, Millis, Settled, Step};
use crate::entry::Entry;
use crate::fold;
use crate::revision::Revision;
use crate::touched::Touched;
use crate::verdict::Verdict;
use crate::wait::{Need, Stage, Waiting};

use super::{Node, Writing};

impl Node {
    /// Goes as far as it can. Everything that decides what happens next is in these lines.
    pub(super) fn advance(&mut self, now: Millis) {
        if !self.is_stopping {
            self.advance_held(now);
            self.advance_line(now);
            self.ask_again(now);
            self.scan_ahead(now);
        }
        if !self.asks.is_empty() {
            let ask = Ask { entries: std::mem::take(&mut self.asks), before: self.state.clone() };
            self.effects.push(Effect::Judge(ask));
        }
        self.advance_batch(now);
        self.advance_restore(now);
        self.advance_pull(now);
        self.advance_report(now);
    }

    /// Folds from the front of the line until an entry has to wait.
    fn advance_line(&mut self, now: Millis) {
        let mut aside = self.aside();
        while let Some(front) = self.line.front_mut() {
            let reach = front.reach(&self.state);
            let waits = || aside.blocks(&front.entry, &reach) || aside.keeps(&front.entry, &reach);
            let is_behind = !front.is_refused(&self.state) && waits();
            let need = if is_behind { Need::Rest } else { front.need(&self.state, false, now) };
            match need {
                Need::Outcome(verdict) => self.fold_front(verdict),
                Need::Rest if self.held.len() < self.settings.held_max => {
                    let waiting = self.pop_front();
                    aside.add(&waiting.entry, &reach);
                    self.hold(now, waiting);
                }
                Need::Rest | Need::Answer => return,
                Need::Blobs | Need::Verdict if self.scanned > 0 => {
                    let until = now + self.settings.answer_wait_ms;
                    ask(&mut self.line[0], need, until, &mut self.asks, &mut self.effects);
                    return;
                }
                // Not looked at yet: the scan takes it from here.
                Need::Blobs | Need::Verdict => return,
            }
        }
    }

    /// Asks again for what is due in the part of the line that has been looked at.
    fn ask_again(&mut self, now: Millis) {
        let until = now + self.settings.answer_wait_ms;
        for waiting in self.line.iter_mut().take(self.scanned) {
            if waiting.deadline().is_some_and(|due| now >= due) {
                let need = waiting.need(&self.state, false, now);
                // An entry before it took its token meanwhile: nothing is left to ask, and a deadline left
                // standing in the past would make the caller spin.
                if matches!(need, Need::Outcome(_)) {
                    waiting.stage = Stage::Fresh;
                }
                ask(waiting, need, until, &mut self.asks, &mut self.effects);
            }
        }
    }

    /// Asks for blobs and verdicts of entries behind the front that depend on no open one, as far ahead as their
    /// blobs fit into the line's bytes.
    fn scan_ahead(&mut self, now: Millis) {
        let aside = self.aside();
        while let Some(next) = self.line.get_mut(self.scanned) {
            let (bytes, reach) = (next.entry.bytes(), next.reach(&self.state));
            let has_room = self.scanned == 0 || self.scanned_bytes + bytes <= self.settings.line_bytes_max;
            if !has_room || self.touched.blocks(&next.entry, &reach) {
                return;
            }
            self.touched.add(&next.entry, &reach);
            self.scanned += 1;
            self.scanned_bytes += bytes;
            if next.is_refused(&self.state) || aside.blocks(&next.entry, &reach) {
                continue;
            }
            let need = next.need(&self.state, false, now);
            let until = now + self.settings.answer_wait_ms;
            ask(next, need, until, &mut self.asks, &mut self.effects);
        }
    }

    /// Entries that stepped aside, with what they reach now.
    fn aside(&mut self) -> Touched {
        let mut aside = Touched::default();
        for waiting in self.held.values_mut() {
            let reach = waiting.reach(&self.state);
            aside.add(&waiting.entry, &reach);
        }
        aside
    }

    /// Counts what has been looked at ahead once more, because what it reaches has changed.
    ///
    /// Folding in order never makes that necessary: what a change of a binding concerns is not looked at before it is
    /// folded. But behind one that stepped aside the scan goes on, and then it is released.
    pub(super) fn recount(&mut self) {
        self.touched = Touched::default();
        for waiting in self.line.iter_mut().take(self.scanned) {
            let reach = waiting.reach(&self.state);
            self.touched.add(&waiting.entry, &reach);
        }
    }

    /// Tries again what stepped aside, oldest first; what an open one keeps from being judged or settled waits.
    fn advance_held(&mut self, now: Millis) {
        let mut open = Touched::default();
        let revisions: Vec<Revision> = self.held.keys().copied().collect();
        for revision in revisions {
            let Some(waiting) = self.held.get_mut(&revision) else { continue };
            let reach = waiting.reach(&self.state);
            let need = match open.blocks(&waiting.entry, &reach) || open.keeps(&waiting.entry, &reach) {
                // It may have been asked before the one in its way stepped aside too.
                true => {
                    waiting.wait_for_turn(now);
                    Need::Rest
                }
                false => waiting.need(&self.state, true, now),
            };
            match need {
                Need::Outcome(verdict) => self.release(now, revision, verdict),
                Need::Blobs | Need::Verdict | Need::Answer | Need::Rest => {
                    let until = now + self.settings.answer_wait_ms;
                    open.add(&waiting.entry, &reach);
                    ask(waiting, need, until, &mut self.asks, &mut self.effects);
                }
            }
        }
    }

    fn fold_front(&mut self, verdict: Option<Verdict>) {
        let entry = self.pop_front().entry;
        let known = verdict.clone().unwrap_or_else(Verdict::accept);
        let outcome = fold::fold(&mut self.state, &entry, |_, _| known);
        self.push_step(Step::Folded(Settled { entry, verdict, outcome }));
    }

    fn hold(&mut self, now: Millis, mut waiting: Waiting) {
        // What was asked before the one in its way stepped aside may be due just now.
        waiting.wait_for_turn(now);
        fold::hold(&mut self.state, &waiting.entry);
        self.push_step(Step::Held(waiting.entry.clone()));
        self.held.insert(waiting.entry.revision, waiting);
        self.alarm(now);
    }

    fn release(&mut self, now: Millis, revision: Revision, verdict: Option<Verdict>) {
        let Some(Waiting { entry, .. }) = self.held.remove(&revision) else { return };
        let bindings = self.state.bindings().clone();
        let outcome = fold::release(&mut self.state, &entry, verdict.clone());
        if !self.state.bindings().is_shared_with(&bindings) {
            self.recount();
        }
        self.push_step(Step::Released(Settled { entry, verdict, outcome }));
        self.alarm(now);
    }

    fn push_step(&mut self, step: Step) {
        self.unpersisted_bytes += step.entry().bytes();
        self.remarks.note(&step);
        self.steps.push(step);
    }

    fn pop_front(&mut self) -> Waiting {
        let waiting = self.line.pop_front().expect("the caller has just looked at the front");
        let bytes = waiting.entry.bytes();
        self.line_bytes -= bytes;
        if self.scanned > 0 {
            self.scanned -= 1;
            self.scanned_bytes -= bytes;
            self.touched.remove(&waiting.entry);
        }
        waiting
    }

    fn advance_batch(&mut self, now: Millis) {
        let until = now + self.settings.answer_wait_ms;
        self.batch = match std::mem::replace(&mut self.batch, Writing::Nothing) {
            Writing::Nothing if self.steps.is_empty() => Writing::Nothing,
            Writing::Nothing => {
                self.numbers += 1;
                self.writing_bytes = std::mem::take(&mut self.unpersisted_bytes);
                let steps = std::mem::take(&mut self.steps);
                let state = self.state.clone();
                let batch = Arc::new(Batch { number: self.numbers, steps, state, is_restored: false });
                self.effects.push(Effect::Persist(batch.clone()));
                Writing::Open { batch, until, failures: 0 }
            }
            Writing::Open { batch, until: due, failures } | Writing::Resting { batch, until: due, failures }
                if now >= due =>
            {
                self.effects.push(Effect::Persist(batch.clone()));
                Writing::Open { batch, until, failures }
            }
            waiting @ (Writing::Open { .. } | Writing::Resting { .. }) => waiting,
        };
    }

    /// Whether entries may be asked for: there is room, and no snapshot is awaited in their place.
    pub(super) fn may_pull(&self) -> bool {
        self.has_room() && !self.restoring.comes_first() && !self.batch.is_restored()
    }

    fn has_room(&self) -> bool {
        let writing = self.batch.entries();
        let writing_bytes = if writing > 0 { self.writing_bytes } else { 0 };
        let entries = self.line.len() + self.steps.len() + writing;
        let bytes = self.line_bytes + self.unpersisted_bytes + writing_bytes;
        entries < self.settings.line_entries_max && bytes < self.settings.line_bytes_max
    }

    fn advance_pull(&mut self, now: Millis) {
        if !self.is_stopping && self.may_pull() && self.pull.is_due(now) {
            self.pull.open(now + self.settings.pull_wait_ms);
            self.effects.push(Effect::Pull { after: self.newest() });
        }
    }

    fn advance_report(&mut self, now: Millis) {
        if self.report_due.is_some_and(|due| now >= due) && self.report.is_due(now) {
            self.report.open(now + self.settings.answer_wait_ms);
            self.reported = Some(now);
            self.report_due = Some(now + self.settings.report_max_ms);
            self.effects.push(Effect::Report(self.standing()));
        }
    }
}

/// Marks an entry as asked and notes the question.
fn ask(waiting: &mut Waiting, need: Need, until: Millis, asks: &mut Vec<Arc<Entry>>, effects: &mut Vec<Effect>) {
    match need {
        Need::Verdict => asks.push(waiting.entry.clone()),
        Need::Blobs => {
            let missing = waiting.entry.content.iter().flat_map(|change| change.missing());
            effects.extend(missing.map(|blob| Effect::Fetch { blob }));
        }
        Need::Outcome(_) | Need::Answer | Need::Rest => return,
    }
    waiting.stage = Stage::Asked { until };
}
