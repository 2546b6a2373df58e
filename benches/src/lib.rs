//! Shared pieces of the benches: states, a Redis full of entries, a host in this process, and the table.

pub mod bare;
pub mod beside;
pub mod boot;
pub mod fold;
pub mod host;
pub mod ingest;
pub mod latency;
pub mod memory;
pub mod read;
pub mod snapshot;
pub mod state;
pub mod stream;
pub mod table;
pub mod verdicts;

/// How much work a run does.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Entries of a drain.
    pub entries: usize,
    /// Round trips of a closed loop.
    pub rounds: usize,
    /// Requests of a read run.
    pub requests: usize,
    /// Keys of the large state.
    pub keys: usize,
    /// Runs, of which the median is quoted.
    pub runs: usize,
}

impl Scale {
    /// Whether this run only shows that everything works: then large components are too slow to compile.
    pub fn is_check(self) -> bool {
        self.runs == 1
    }

    /// What `docs/PERFORMANCE.md` quotes.
    pub const FULL: Scale = Scale { entries: 100_000, rounds: 2_000, requests: 400_000, keys: 1_000_000, runs: 3 };
    /// Enough to see that everything works.
    pub const CHECK: Scale = Scale { entries: 500, rounds: 20, requests: 200, keys: 1_000, runs: 1 };
}
