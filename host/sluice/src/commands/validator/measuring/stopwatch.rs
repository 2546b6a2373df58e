//! Calls, again and again.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::Measure;
use crate::commands::validator::scenario::Scenario;
use crate::wiring::edges::{Candidate, Cost, Trial};

/// Calls before those that count: the first ones touch cold memory.
const WARMING: u32 = 20;

/// What a number of calls took.
pub struct Calls {
    /// In order.
    times: Vec<Duration>,
    last: Trial,
}

/// Calls one after the other, each with its instance.
pub fn calls(candidate: &Candidate<'_>, scenario: &Scenario, runs: u32) -> Result<Calls> {
    for _ in 0..WARMING.min(runs) {
        call(candidate, scenario)?;
    }
    let mut times = Vec::with_capacity(runs as usize);
    let mut last = call(candidate, scenario)?;
    for _ in 0..runs {
        last = call(candidate, scenario)?;
        times.push(last.cost.time);
    }
    times.sort_unstable();
    Ok(Calls { times, last })
}

/// Calls of some threads at the same time, by the second.
pub fn calls_per_second(
    name: &'static str,
    candidate: &Candidate<'_>,
    scenario: &Scenario,
    (threads, runs): (u32, u32),
) -> Result<Measure> {
    let begun = Instant::now();
    let work = || (0..runs).try_for_each(|_| call(candidate, scenario).map(drop));
    thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        started.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a thread of calls panicked"))?)
    })?;
    let value = f64::from(threads * runs) / begun.elapsed().as_secs_f64();
    Ok(Measure { name, unit: "calls/s", value: value.round(), is_speed: true })
}

fn call(candidate: &Candidate<'_>, scenario: &Scenario) -> Result<Trial> {
    let trial = candidate.judge(&scenario.entry, &scenario.before).map_err(|unfit| anyhow!(unfit.0))?;
    match &trial.judgement {
        Ok(_) => Ok(trial),
        Err((fault, why)) => bail!("nothing to measure ({fault}): {why}"),
    }
}

impl Calls {
    /// The time that this share of the calls did not take longer than.
    pub fn quantile(&self, share: f64) -> Duration {
        let at = (self.times.len() as f64 * share).ceil() as usize;
        self.times[at.clamp(1, self.times.len()) - 1]
    }

    /// What a call used; fuel and memory are the same for each.
    pub fn cost(&self) -> Cost {
        self.last.cost
    }

    /// Fuel of taking the settings in.
    pub fn configured_fuel(&self) -> u64 {
        self.last.configured_fuel
    }
}

/// A measure in milliseconds.
pub fn ms(name: &'static str, time: Duration) -> Measure {
    Measure { name, unit: "ms", value: time.as_secs_f64() * 1e3, is_speed: false }
}

/// A measure in microseconds.
pub fn us(name: &'static str, time: Duration) -> Measure {
    Measure { name, unit: "us", value: time.as_secs_f64() * 1e6, is_speed: false }
}
