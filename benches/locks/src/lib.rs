//! What locks cost and how they hold up: pieces of the bench `locks`, each beside a bound measured in the same run.

pub mod client;
pub mod contended;
pub mod hand;
pub mod masters;
pub mod ours;
#[cfg(feature = "peer")]
pub mod peer;
pub mod stopped;
// The same table as that of the other benches, whose package is built with a compiler of wasm.
#[path = "../../src/table.rs"]
pub mod table;
pub mod uncontended;

/// How much work a run does.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Rounds in which all take their turns; medians are over these.
    pub rounds: usize,
    /// Locks taken and given back by one client in a round.
    pub pairs: usize,
    /// Locks taken and given back by all of many clients in a round.
    pub crowd_pairs: usize,
    /// How often the lock for which many contend is had, in a round.
    pub grants: usize,
}

impl Scale {
    /// What `docs/PERFORMANCE.md` quotes.
    pub const FULL: Scale = Scale { rounds: 9, pairs: 2_000, crowd_pairs: 20_000, grants: 2_000 };
    /// Enough to see that everything works.
    pub const CHECK: Scale = Scale { rounds: 1, pairs: 20, crowd_pairs: 64, grants: 60 };
}

/// A name nobody else has taken in this run.
pub fn fresh_name() -> String {
    format!("bench-{:016x}", fastrand::u64(..))
}
