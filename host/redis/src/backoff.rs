//! When to connect again after a failure.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Settings;

/// Spaces out attempts to connect: exponential, with full jitter, so that a fleet spreads out.
pub(crate) struct Backoff {
    min_ms: u64,
    max_ms: u64,
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    pub fn new(settings: &Settings) -> Backoff {
        Backoff { min_ms: settings.backoff_min_ms, max_ms: settings.backoff_max_ms, failures: 0, not_before: None }
    }

    /// When the next attempt may be made; none: at once.
    pub fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    pub fn succeed(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    pub fn fail(&mut self) {
        let limit_ms = self.min_ms.saturating_mul(1 << self.failures.min(20)).min(self.max_ms);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + Duration::from_millis(fastrand::u64(0..=limit_ms)));
    }
}
