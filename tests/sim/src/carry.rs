//! Carrying out effects, with all that can go wrong on the way there and back.

use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Ask, Batch, BlobRef, Effect, Entry, Event, Fault, Judged, Lost, Place, Snapshot, Verdict};

use crate::judge;
use crate::laws::{self, Law};
use crate::weather::Bug;
use crate::world::{Happening, World};

/// How often a log looks for news before it answers that there are none.
const POLLS: u8 = 4;

impl World {
    pub(crate) fn carry_out(&mut self, host: usize, effect: Effect) -> Law {
        match effect {
            Effect::Pull { after } => {
                laws::place_is_known(&after, &self.log)?;
                laws::pulls_are_bounded(&self.hosts[host], &after)?;
                self.hosts[host].pull += 1;
                let pull = self.hosts[host].pull;
                let pause_ms = self.rng.u64(0..8);
                self.later(pause_ms, Happening::Read { host, pull, after, polls: POLLS });
            }
            Effect::Fetch { blob } => self.fetch(host, blob),
            Effect::Judge(ask) => self.judge(host, &ask)?,
            Effect::Persist(batch) => self.persist(host, &batch)?,
            Effect::Install(batch) => self.install(host, &batch)?,
            Effect::Report(_) => self.answer(host, Event::Reported),
            Effect::Restore { beyond } => self.restore(host, beyond),
            Effect::Rejoin => self.rejoin(host)?,
        }
        Ok(())
    }

    /// Somebody who held nothing has stored a state, and others find it unless the log's server is away.
    fn restore(&mut self, host: usize, beyond: Place) {
        let found = self.log.snapshot().filter(|state| state.cursor > beyond.revision);
        let result = match self.weather.is_log_away(self.now) {
            true => Err(away()),
            false => Ok(found.map(|state| Box::new(Snapshot { state: state.clone() }))),
        };
        self.answer(host, Event::Restored(result));
    }

    fn fetch(&mut self, host: usize, blob: BlobRef) {
        let is_corrupt = self.weather.strikes(&mut self.rng, self.now, self.weather.corrupt);
        let result = match self.log.blob(blob.digest, self.now) {
            Some(_) if is_corrupt => Ok(Bytes::from_static(b"other bytes")),
            Some(bytes) => Ok(bytes.clone()),
            None => Err(away()),
        };
        self.answer(host, Event::Fetched { blob, result });
    }

    fn judge(&mut self, host: usize, ask: &Ask) -> Law {
        laws::asks_are_fair(ask, &self.log)?;
        let answers: Vec<Judged> = ask.entries.iter().map(|entry| self.rule(host, ask, entry)).collect();
        // Handed to two threads, which answer each in its own time.
        let half = self.rng.usize(0..=answers.len());
        let (one, two) = answers.split_at(half);
        for answers in [one, two] {
            if !answers.is_empty() {
                self.answer(host, Event::Judged(answers.to_vec()));
            }
        }
        Ok(())
    }

    fn rule(&mut self, host: usize, ask: &Ask, entry: &Arc<Entry>) -> Judged {
        let (revision, digest) = (entry.revision, entry.digest);
        let faults = self.weather.is_judge_sick(host, self.now)
            || self.weather.strikes(&mut self.rng, self.now, self.weather.fault);
        if faults {
            let result = match self.run.bug {
                Bug::FaultAccepted => Ok(Verdict::accept()),
                _ => Err((Fault::Time, "overloaded".to_owned())),
            };
            return Judged { revision, digest, result };
        }
        let change = entry.content.as_ref().expect("the ask was fair");
        let verdict = judge::judge(&ask.before, change);
        self.hosts[host].judged.insert((revision, digest));
        let verdict = match (self.run.bug, verdict) {
            (Bug::StaleVerdict, verdict) => self.hosts[host].stale(entry, verdict),
            (Bug::VerdictIgnored, Verdict::Reject(_, findings)) => Verdict::Accept(findings),
            (_, verdict) => verdict,
        };
        Judged { revision, digest, result: Ok(verdict) }
    }

    fn persist(&mut self, host: usize, batch: &Arc<Batch>) -> Law {
        laws::outcomes_agree(batch, &self.log)?;
        laws::state_is_the_fold(&batch.state, &self.log)?;
        self.count_held(&batch.steps);
        let number = batch.number;
        if self.weather.is_disk_full(host, self.now) {
            self.answer(host, Event::Persisted { number, result: Err(Lost("disk full".to_owned())) });
            return Ok(());
        }
        self.hosts[host].disk.write(batch)?;
        match self.run.bug {
            Bug::InstallBeforePersist => self.hosts[host].served = batch.state.clone(),
            Bug::EarlyAnswer => self.answer(host, Event::Persisted { number, result: Ok(()) }),
            _ => (),
        }
        let (life, sync_ms) = (self.hosts[host].life, self.rng.u64(1..40));
        self.later(sync_ms, Happening::Synced { host, life, number });
        Ok(())
    }

    fn install(&mut self, host: usize, batch: &Arc<Batch>) -> Law {
        laws::applied_was_judged(&self.hosts[host], batch, &self.log)?;
        laws::state_is_the_fold(&batch.state, &self.log)?;
        if batch.is_restored {
            laws::nothing_vanishes(&self.hosts[host].served, &batch.state, &self.log)?;
        }
        if self.run.bug != Bug::InstallBeforePersist {
            self.hosts[host].served = batch.state.clone();
        }
        Ok(())
    }

    /// Sends an answer on its way: it may be lost, come twice, or come late and so out of order.
    pub(crate) fn answer(&mut self, host: usize, event: Event) {
        if self.weather.strikes(&mut self.rng, self.now, self.weather.lost) {
            return;
        }
        let is_doubled = self.weather.strikes(&mut self.rng, self.now, self.weather.doubled);
        let life = self.hosts[host].life;
        for _ in 0..=u8::from(is_doubled) {
            let is_late = self.weather.strikes(&mut self.rng, self.now, self.weather.late);
            let pause_ms = if is_late { self.rng.u64(500..6_000) } else { self.rng.u64(1..12) };
            self.later(pause_ms, Happening::Answer { host, life, event: event.clone() });
        }
    }
}

pub(crate) fn away() -> Lost {
    Lost("away".to_owned())
}
