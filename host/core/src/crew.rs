//! Work that can be done at once. The core has no threads: who calls it may.

/// Fewer things than these are not worth a second thread.
pub(crate) const AT_ONCE_MIN: usize = 1 << 14;

/// Somebody who does two things, at once if possible.
pub trait Crew: Sync {
    /// What came of both.
    fn both<A, B>(&self, one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B)
    where
        A: Send,
        B: Send;
}

/// One after the other.
pub struct Alone;

impl Crew for Alone {
    fn both<A, B>(&self, one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B)
    where
        A: Send,
        B: Send,
    {
        (one(), other())
    }
}
