//! One history: an agenda of what happens when, and the laws after each step.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fastrand::Rng;
use sluice_core::{Effect, Entry, Event, Millis, Place, Step};

use crate::blows::Blown;
use crate::history::{Run, Tally};
use crate::host::Host;
use crate::laws;
use crate::log::Log;
use crate::publisher::{self, Habits};
use crate::weather::{Blow, Bug, Weather};

/// Entries in one answer of the log.
pub const PULL_ENTRIES_MAX: usize = 6;

/// How long after the last fault all hosts may take to come to the same state, in ms.
const ARRIVAL_MS_MAX: u64 = 30_000;

/// Steps of one history: far more than any takes, so that a bug cannot make the simulator run on.
const STEPS_MAX: u64 = 400_000;

/// Steps shown of a history that failed.
const TRACE_LINES: usize = 30;

/// Something that happens at its time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Publish,
    Blow(Blow),
    Reseed,
    Keep,
    Read { host: usize, pull: u64, after: Place, polls: u8 },
    Answer { host: usize, life: u64, event: Event },
    Synced { host: usize, life: u64, number: u64 },
    Wake { host: usize, life: u64 },
    Restart { host: usize },
}

pub(crate) struct World {
    pub(crate) run: Run,
    pub(crate) rng: Rng,
    pub(crate) now: Millis,
    pub(crate) weather: Weather,
    pub(crate) log: Log,
    pub(crate) hosts: Vec<Host>,
    pub(crate) tally: Tally,
    agenda: BTreeMap<(Millis, u64), Happening>,
    numbers: u64,
    pub(crate) to_publish: u32,
    pub(crate) habits: Habits,
    /// The newest thing that befell the log.
    pub(crate) blown: Blown,
    pub(crate) is_reseeded: bool,
    /// What hosts had on disk when the log lost it.
    pub(crate) owed: Vec<Arc<Entry>>,
    /// Until when somebody holds the lease of whoever appends lost entries, and its token.
    pub(crate) lease: Option<(Millis, u64)>,
    pub(crate) trace: Option<VecDeque<String>>,
}

impl World {
    pub(crate) fn new(run: Run, trace: Option<VecDeque<String>>) -> World {
        let mut rng = Rng::with_seed(run.seed);
        let count = rng.usize(2..=4);
        let to_publish = rng.u32(10..60);
        let weather = match run.crash_after {
            Some(_) => Weather::fine(),
            None => Weather::of(&mut rng, count),
        };
        let hosts = (0..count).map(|_| Host::default()).collect();
        let (log, tally, now) = (Log::default(), Tally::default(), Millis(0));
        let (agenda, habits) = (BTreeMap::new(), Habits::of(&mut rng, run.bug));
        let (numbers, blown, is_reseeded, owed, lease) = (0, None, false, Vec::new(), None);
        World {
            run,
            rng,
            now,
            weather,
            log,
            hosts,
            tally,
            agenda,
            numbers,
            to_publish,
            habits,
            blown,
            is_reseeded,
            owed,
            lease,
            trace,
        }
    }

    pub(crate) fn play(&mut self) -> Result<Tally, String> {
        for host in 0..self.hosts.len() {
            self.later(0, Happening::Restart { host });
        }
        self.later(1, Happening::Publish);
        if let Some((blow, at)) = self.weather.blow {
            self.later(at.0, Happening::Blow(blow));
        }
        while let Some(((now, _), happening)) = self.agenda.pop_first() {
            self.now = now;
            self.tally.steps += 1;
            self.note(|| format!("{happening:?}"));
            self.happen(happening)?;
            let is_calm = now >= Weather::calm() || self.run.crash_after.is_some();
            if is_calm && self.to_publish == 0 && self.has_arrived() {
                return self.sum_up();
            }
            if now > Weather::calm() + ARRIVAL_MS_MAX || self.tally.steps > STEPS_MAX {
                return Err(self.who_is_missing());
            }
        }
        Err("nothing is left to happen".to_owned())
    }

    fn happen(&mut self, happening: Happening) -> laws::Law {
        match happening {
            Happening::Publish => self.publish(),
            Happening::Blow(blow) => self.blow(blow),
            Happening::Reseed => {
                self.reseed();
                Ok(())
            }
            Happening::Keep => self.keep(),
            Happening::Read { host, pull, after, polls } => self.read(host, pull, after, polls),
            Happening::Answer { host, life, event } if self.is_alive(host, life) => self.tell(host, event),
            Happening::Wake { host, life } if self.is_alive(host, life) && self.hosts[host].wake == Some(self.now) => {
                self.hosts[host].wake = None;
                self.tell(host, Event::Tick)
            }
            Happening::Synced { host, life, number } if self.is_alive(host, life) => {
                self.hosts[host].disk.sync(number);
                if self.run.bug != Bug::EarlyAnswer {
                    self.answer(host, Event::Persisted { number, result: Ok(()) });
                }
                Ok(())
            }
            Happening::Restart { host } => {
                let effects = self.hosts[host].start(self.now);
                self.check(host)?;
                laws::state_is_the_fold(&self.hosts[host].served, &self.log)?;
                self.carry_all(host, effects)
            }
            // To an earlier life of the host, or a wake in whose place a sooner one came.
            Happening::Answer { .. } | Happening::Wake { .. } | Happening::Synced { .. } => Ok(()),
        }
    }

    fn publish(&mut self) -> laws::Law {
        let fields = publisher::next(&mut self.rng, &mut self.log, self.now, &mut self.habits);
        let line = self.log.append(self.now, fields);
        let class = line.outcome.class();
        *self.tally.outcomes.entry(class).or_default() += 1;
        self.to_publish -= 1;
        if self.to_publish > 0 {
            // In bursts, and over all of the stormy time.
            let pause_ms = if self.rng.u8(0..4) == 0 { self.rng.u64(0..2_000) } else { self.rng.u64(0..60) };
            self.later(pause_ms, Happening::Publish);
        }
        if self.weather.strikes(&mut self.rng, self.now, self.weather.trim) {
            let entries = self.rng.usize(1..=self.log.lines().len());
            let trimmed = self.rng.usize(0..=entries);
            // What is kept for hosts that are away is far more than what a failover loses.
            if self.blown.is_none() {
                let state = self.log.after(entries as u64).cloned();
                state.into_iter().for_each(|state| self.log.keep(&state));
                self.log.trim(trimmed);
            }
        }
        if self.weather.strikes(&mut self.rng, self.now, self.weather.clock) {
            self.set_clock();
        }
        let host = self.rng.usize(0..self.hosts.len());
        if self.weather.strikes(&mut self.rng, self.now, self.weather.stop) && self.hosts[host].node.is_some() {
            self.hosts[host].is_stopping = true;
            return self.tell(host, Event::Stop);
        }
        Ok(())
    }

    /// Tells a node something and carries out what it asks for.
    fn tell(&mut self, host: usize, event: Event) -> laws::Law {
        let Some(node) = self.hosts[host].node.as_mut() else { return Ok(()) };
        let effects = node.handle(self.now, event);
        laws::deadline_lies_ahead(node, self.now)?;
        laws::held_is_one_bounded_set(node)?;
        self.carry_all(host, effects)
    }

    pub(crate) fn carry_all(&mut self, host: usize, effects: Vec<Effect>) -> laws::Law {
        for effect in effects {
            self.note(|| format!("  host {host}: {effect:?}"));
            self.carry_out(host, effect)?;
            self.check(host)?;
            self.tally.effects[1] += 1;
            self.tally.effects[0] += u64::from(host == 0);
            let is_due = host == 0 && self.run.crash_after == Some(self.tally.effects[0]);
            if is_due || self.weather.strikes(&mut self.rng, self.now, self.weather.crash) {
                self.crash(host);
                return Ok(());
            }
        }
        self.go_on(host)
    }

    /// Sets the alarm of a node, or lets it end when it was asked to and has.
    fn go_on(&mut self, host: usize) -> laws::Law {
        let own = &mut self.hosts[host];
        let Some(node) = &own.node else { return Ok(()) };
        if own.is_stopping && node.is_durable() {
            if own.disk.tip.index != node.folded().index {
                return Err(format!("host {host} stopped with entries that are not on its disk"));
            }
            self.crash(host);
            return Ok(());
        }
        let due = node.deadline();
        let is_sooner = due.is_some_and(|due| own.wake.is_none_or(|wake| due < wake));
        if let Some(due) = due.filter(|_| is_sooner && self.run.bug != Bug::RetryLost) {
            own.wake = Some(due);
            let (life, pause_ms) = (own.life, due.0 - self.now.0);
            self.later(pause_ms, Happening::Wake { host, life });
        }
        Ok(())
    }

    fn crash(&mut self, host: usize) {
        self.note(|| format!("  host {host}: dies"));
        self.tally.crashes += 1;
        let is_spared = self.rng.bool();
        let own = &mut self.hosts[host];
        own.node = None;
        if self.run.bug == Bug::TornStore {
            own.disk.tear();
        }
        own.disk.crash(is_spared);
        let pause_ms = self.rng.u64(1..800);
        self.later(pause_ms, Happening::Restart { host });
    }

    pub(crate) fn check(&mut self, host: usize) -> laws::Law {
        let own = &mut self.hosts[host];
        laws::served_never_falls(own)?;
        own.seen = own.served.cursor;
        Ok(())
    }

    pub(crate) fn later(&mut self, pause_ms: u64, happening: Happening) {
        self.numbers += 1;
        self.agenda.insert((self.now + pause_ms, self.numbers), happening);
    }

    fn is_alive(&self, host: usize, life: u64) -> bool {
        self.hosts[host].life == life && self.hosts[host].node.is_some()
    }

    pub(crate) fn count_held(&mut self, steps: &[Step]) {
        self.tally.held += steps.iter().filter(|step| matches!(step, Step::Held(_))).count() as u64;
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            if trace.len() == TRACE_LINES {
                trace.pop_front();
            }
            trace.push_back(format!("{:>6} ms {}", self.now.0, line()));
        }
    }
}
