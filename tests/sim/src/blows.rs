//! What befalls the log itself, and what people do about it.

use std::sync::Arc;

use sluice_core::{Entry, Millis, Revision, State};

use crate::laws::Law;
use crate::weather::{Blow, Weather};
use crate::world::{Happening, World};

/// How long it takes until the time for it is looked for again, in ms.
const AGAIN_MS: u64 = 100;
/// Most entries that a failover loses.
const LOST_MAX: usize = 6;
/// How long after the last fault people look at hosts that still stand apart, in ms.
const PEOPLE_MS: u64 = 10_000;
/// How often somebody stores a snapshot after a blow, in ms.
const KEEP_MS: u64 = 1_500;
/// How far a clock is set, in ms: back into what it already gave out, a little ahead, or far.
const STEPS_MS: [i64; 4] = [-5_000, 700, 5_000, 3_600_000];

impl World {
    pub(crate) fn blow(&mut self, blow: Blow) -> Law {
        let is_done = match blow {
            Blow::Failover => self.fail_over(),
            Blow::Reset | Blow::Abandoned => self.reset(blow),
            Blow::Hole => self.delete(),
        };
        if !is_done && self.now + AGAIN_MS < Weather::calm() {
            self.later(AGAIN_MS, Happening::Blow(blow));
        }
        Ok(())
    }

    /// A failover loses what is newest; at least one host has it, all have something that is left, and snapshots, which
    /// went to the replica in the same order, tell of nothing that it has not.
    fn fail_over(&mut self) -> bool {
        let (entries, at_least) = (self.log.lines().len(), self.must_be_left());
        let on_it =
            self.hosts.iter().all(|host| self.log.leads_to(host.disk.whole()) && self.log.leads_to(&host.disk.tip));
        let most = entries.saturating_sub(at_least).min(LOST_MAX);
        if !on_it || most == 0 {
            return false;
        }
        let kept = entries - self.rng.usize(1..=most);
        let known = self.hosts.iter().map(|host| host.disk.tip.index as usize).max().unwrap_or_default();
        if known <= kept {
            return false;
        }
        let owed = self.log.lines()[kept..known].iter().filter(|line| line.came_to_something());
        let owed: Vec<Arc<Entry>> = owed.map(|line| line.entry.clone()).collect();
        self.owed.extend(owed);
        let is_again = self.rng.bool();
        self.log.fail_over(kept, is_again);
        self.struck(Blow::Failover);
        true
    }

    fn must_be_left(&self) -> usize {
        let whole = self.hosts.iter().map(|host| host.disk.whole().index).max().unwrap_or_default();
        let stored = self.log.snapshot().map_or(0, |state| state.index);
        (whole.max(stored) as usize).max(self.log.trimmed() + 1)
    }

    fn reset(&mut self, blow: Blow) -> bool {
        if self.hosts.iter().all(|host| host.served.index == 0) {
            return false;
        }
        self.log.reset();
        self.struck(blow);
        if blow == Blow::Reset {
            // Whoever does it looks first that all hosts have got what was on its way, and the latest answer takes 6 s.
            let pause_ms = self.rng.u64(6_500..9_000);
            self.later(pause_ms, Happening::Reseed);
        }
        true
    }

    /// Somebody puts back what the host that has most serves, once no host is about to have more.
    pub(crate) fn reseed(&mut self) {
        let Some(before) = self.log.lost.last() else { return };
        let led = |state: &State| before.leads_to(state) && state.index > 0;
        let is_ready = self.hosts.iter().all(|host| {
            let is_settled = host.node.as_ref().is_some_and(|node| node.is_settled() && node.served().held.is_empty());
            is_settled && !host.is_stopping
        });
        let most =
            self.hosts.iter().map(|host| &host.served).filter(|state| led(state)).max_by_key(|state| state.index);
        match most.cloned().filter(|_| is_ready) {
            Some(state) => {
                self.log.reseed(&state);
                self.is_reseeded = true;
            }
            None => self.later(AGAIN_MS, Happening::Reseed),
        }
    }

    /// An entry goes that one host has on its disk, with others behind it, and another has yet to read.
    fn delete(&mut self) -> bool {
        let have = self.hosts.iter().filter(|host| self.log.leads_to(&host.disk.tip));
        let most = have.map(|host| host.disk.tip.index as usize).max().unwrap_or_default();
        let least = self.hosts.iter().map(|host| host.disk.tip.index as usize).min().unwrap_or_default();
        let whole = self.hosts.iter().map(|host| host.disk.whole().index).max().unwrap_or_default();
        let least = least.max(whole as usize + 1);
        if least + 1 >= most
            || least < self.log.trimmed()
            || self.log.snapshot().is_some_and(|kept| kept.index > least as u64)
        {
            return false;
        }
        let place = self.rng.usize(least..most - 1);
        self.log.delete(place);
        self.struck(Blow::Hole);
        true
    }

    fn struck(&mut self, blow: Blow) {
        self.note(|| format!("the log: {blow:?}"));
        *self.tally.blows.entry(blow).or_default() += 1;
        if self.blown.is_none() {
            self.later(KEEP_MS, Happening::Keep);
        }
        self.blown = Some((self.now, blow));
    }

    /// The host that has most of the log that is left stores a snapshot of it.
    pub(crate) fn keep(&mut self) -> Law {
        let states = self.hosts.iter().map(|host| &host.disk.tip);
        let most =
            states.filter(|state| self.log.leads_to(state) && state.held.is_empty()).max_by_key(|state| state.index);
        if let Some(state) = most.cloned() {
            self.log.keep(&state);
        }
        self.later(KEEP_MS, Happening::Keep);
        if self.now < Weather::calm() + PEOPLE_MS {
            return Ok(());
        }
        // People come in the end, and empty the folder of a host that nothing leads on from, as they are told, or that
        // follows what they set aside.
        for host in 0..self.hosts.len() {
            let source = self.hosts[host].node.as_ref().and_then(|node| node.standing().source);
            let is_told = source.is_some_and(|lost| {
                lost.0.contains("none of the entries this host keeps") || lost.0.contains("empty the data folder")
            });
            let served = &self.hosts[host].served;
            if is_told || served.index > 0 && self.log.aside.iter().any(|branch| branch.leads_to(served)) {
                self.tally.emptied += 1;
                self.hosts[host].seen = Revision::ZERO;
                self.empty(host)?;
            }
        }
        Ok(())
    }

    /// The clock of the log's server is set.
    pub(crate) fn set_clock(&mut self) {
        let step = STEPS_MS[self.rng.usize(0..STEPS_MS.len())];
        self.log.skew_ms = (self.log.skew_ms + step).min(2 * 3_600_000);
        self.tally.clocks += 1;
        self.note(|| format!("the log: its clock is set by {step} ms"));
    }
}

/// When something befell the log, and what.
pub(crate) type Blown = Option<(Millis, Blow)>;
