//! Bounds of a node.

/// Bounds of a node, each with what it defends against.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most entries pulled and not yet on disk: a burst must not fill the memory.
    pub line_entries_max: usize,
    /// Most bytes of such entries: a thousand large values must not, either.
    pub line_bytes_max: usize,
    /// Most entries that may step aside at once; past it the line waits and nothing more is pulled.
    pub held_max: usize,
    /// How long a pull may take before it counts as lost, in ms. Longer than the log's own wait.
    pub pull_wait_ms: u64,
    /// How long it may take to load a snapshot before that counts as lost, in ms: it may be gigabytes.
    pub restore_wait_ms: u64,
    /// How long a verdict, blob, write or report may take before it counts as lost, in ms.
    pub answer_wait_ms: u64,
    /// First pause after a failure, in ms; doubles with each further one.
    pub retry_min_ms: u64,
    /// Longest pause after a failure, in ms: nothing is given up, but nothing is hammered.
    pub retry_max_ms: u64,
    /// Longest pause after a log was out of reach, in ms: its edge spaces connections out by itself, with jitter.
    pub pull_retry_max_ms: u64,
    /// Shortest time between two reports, in ms: a busy host must not flood the log's server.
    pub report_min_ms: u64,
    /// Longest time between two reports, in ms: a report expires, a live host renews it.
    pub report_max_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            line_entries_max: 8192,
            line_bytes_max: 64 << 20,
            held_max: 1024,
            pull_wait_ms: 15_000,
            restore_wait_ms: 600_000,
            answer_wait_ms: 30_000,
            retry_min_ms: 50,
            retry_max_ms: 10_000,
            pull_retry_max_ms: 500,
            report_min_ms: 25,
            report_max_ms: 5_000,
        }
    }
}

impl Settings {
    /// How long to rest after so many failures in a row.
    pub(super) fn pause_ms(&self, failures: u32) -> u64 {
        let doubled = self.retry_min_ms.saturating_mul(1 << failures.min(20));
        doubled.min(self.retry_max_ms)
    }
}
