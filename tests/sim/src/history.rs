//! Which history to run, what it amounted to, and how a failure is told.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::weather::{Blow, Bug};
use crate::world::World;

/// Which history to run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// What all chance comes from.
    pub seed: u64,
    /// The bug planted.
    pub bug: Bug,
    /// Fine weather but for one crash of the first host, right after this effect.
    pub crash_after: Option<u64>,
}

/// What a history amounted to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Happenings.
    pub steps: u64,
    /// Effects carried out by the first host, and by all.
    pub effects: [u64; 2],
    /// Hosts that died and started again.
    pub crashes: u64,
    /// Entries that stepped aside, on all hosts.
    pub held: u64,
    /// Entries by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// What befell the log.
    pub blows: BTreeMap<Blow, u64>,
    /// How often the log's clock was set.
    pub clocks: u64,
    /// Pulls that found the log and the host apart, by how.
    pub rifts: BTreeMap<&'static str, u64>,
    /// Tries to put back what the log lost: those that came to nothing, and those that did.
    pub rejoins: [u64; 2],
    /// Hosts whose folder people had to empty: the log had lost all that they kept of it.
    pub emptied: u64,
    /// What came of lost changes that are back, by outcome.
    pub back: BTreeMap<&'static str, u64>,
}

/// A broken law.
#[derive(Debug)]
pub struct Failure {
    /// The history.
    pub run: Run,
    /// When and what.
    pub law: String,
    /// The last steps before.
    pub trace: Vec<String>,
}

impl Tally {
    /// Adds another history's.
    pub fn add(&mut self, other: Tally) {
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.held += other.held;
        self.clocks += other.clocks;
        self.emptied += other.emptied;
        for (own, other) in [(&mut self.effects, other.effects), (&mut self.rejoins, other.rejoins)] {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
        for (own, other) in
            [(&mut self.outcomes, other.outcomes), (&mut self.rifts, other.rifts), (&mut self.back, other.back)]
        {
            other.into_iter().for_each(|(name, count)| *own.entry(name).or_default() += count);
        }
        other.blows.into_iter().for_each(|(blow, count)| *self.blows.entry(blow).or_default() += count);
    }
}

/// Runs a history to its end.
///
/// # Errors
/// The first law that was broken, with the steps that led there.
pub fn run(run: Run) -> Result<Tally, Failure> {
    let fail = |law, trace| Failure { run, law, trace };
    match World::new(run, None).play() {
        Ok(tally) => Ok(tally),
        // Once more, the same, and this time writing down what happens: a trace costs more than the history.
        Err(_) => {
            let mut world = World::new(run, Some(VecDeque::new()));
            let law = world.play().err().unwrap_or_else(|| "the same seed ran differently".to_owned());
            Err(fail(law, world.trace.take().unwrap_or_default().into()))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        let Run { seed, bug, crash_after } = self.run;
        writeln!(f, "broken: {}", self.law)?;
        match (bug, crash_after) {
            (Bug::Absent, None) => write!(f, "again: cargo run -p sluice-sim --bin storm -- --seed {seed}"),
            (_, _) => write!(f, "again: seed {seed}, bug {bug:?}, crash after effect {crash_after:?}"),
        }
    }
}
