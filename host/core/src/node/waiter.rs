//! A kind of question of which at most one is open.

use crate::effect::Millis;

/// Until when nothing more is asked: an answer is expected, or the last one was a failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiter {
    /// Not to be asked again before then.
    pub busy_until: Option<Millis>,
    /// Failures in a row.
    pub failures: u32,
}

impl Waiter {
    /// Whether it may be asked now.
    pub fn is_due(&self, now: Millis) -> bool {
        self.busy_until.is_none_or(|until| now >= until)
    }

    /// It was asked; past `until` the answer counts as lost.
    pub fn open(&mut self, until: Millis) {
        self.busy_until = Some(until);
    }

    /// It failed; it may be asked again at `until`.
    pub fn rest(&mut self, until: Millis) {
        *self = Waiter { busy_until: Some(until), failures: self.failures.saturating_add(1) };
    }
}
