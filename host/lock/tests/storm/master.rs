//! One master: its memory, its run, and its clock.

use sluice_lock::admission::Gate;
use sluice_lock::{Ask, Memory, Reply, drift_ms};

use crate::weather::Bug;

pub struct Master {
    pub memory: Memory,
    /// Counts its starts.
    pub run: u64,
    /// When it started, in us of real time; while that lies ahead it is down.
    pub up_us: u64,
    pub drift_ppm: i64,
    pub off_us: i64,
    /// What each client knows of its gate.
    pub gates: Vec<Gate>,
}

impl Master {
    pub fn new(drift_ppm: i64, clients: usize) -> Master {
        let mut memory = Memory::default();
        memory.admit("0", 0);
        Master { memory, run: 0, up_us: 0, drift_ppm, off_us: 0, gates: vec![Gate::default(); clients] }
    }

    pub fn run(&self) -> String {
        self.run.to_string()
    }

    pub fn is_admitted(&self) -> bool {
        self.memory.mark.run == self.run()
    }

    /// Its wall clock, in us.
    pub fn now_us(&self, real_us: u64) -> u64 {
        // Far from zero, so that no jump goes below.
        let steady = i128::from(real_us) * i128::from(1_000_000 + self.drift_ppm) / 1_000_000;
        (steady as i64 + 1_000_000_000 + self.off_us) as u64
    }

    pub fn answer(&mut self, ask: &Ask, real_us: u64, bug: Option<Bug>, is_lawless: bool) -> Reply {
        let (run, now_us) = (self.run(), self.now_us(real_us));
        let mut ask = ask.clone();
        match (&mut ask, bug) {
            (Ask::Take { ttl_ms, .. } | Ask::Extend { ttl_ms, .. }, Some(Bug::NoDrift)) => *ttl_ms -= drift_ms(*ttl_ms),
            (Ask::Release { names, word }, Some(Bug::ReleasesAnybody)) => {
                let there = names.iter().find_map(|name| self.memory.words.get(name));
                *word = there.map_or(*word, |(there, _)| *there);
            }
            (Ask::Take { names, .. }, _) if is_lawless => {
                self.memory.words.retain(|held, _| !names.iter().any(|name| name == held));
            }
            _ => (),
        }
        self.memory.answer(&ask, &run, now_us)
    }
}
