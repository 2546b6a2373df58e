//! Waiting for a condition: the only place of the live tests that sleeps.

use std::time::{Duration, Instant};

/// How long anything may take before a test calls it broken. Generous, because machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`], naming what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
