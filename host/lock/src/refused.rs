//! Why a lock was not had, and how long to wait before it is tried again.

use std::fmt;

/// The window of the first pause between two tries is so many times what a try took, and at least this, in ms.
const PAUSE_TIMES: u64 = 4;
const PAUSE_MIN_MS: u64 = 10;
/// No pause is longer, in ms: a release that nobody told of must be noticed.
const PAUSE_MAX_MS: u64 = 1_000;

/// Why a lock was not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Somebody else has it, for so long yet unless they give it back or extend it.
    Taken {
        /// In ms.
        left_ms: u64,
    },
    /// Too few masters answered.
    NoQuorum {
        /// How many would have given it.
        answered: usize,
        /// How many are a majority.
        wanted: usize,
    },
    /// So many masters were started lately, and have no vote yet.
    Unadmitted {
        /// How many.
        masters: usize,
    },
    /// It was had too late to be of use.
    Late,
    /// Somebody else's tokens were higher, each time.
    Outbid,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Taken { left_ms } => {
                write!(f, "somebody else has it, for {left_ms} ms yet: wait longer, or try again")
            }
            Refused::NoQuorum { answered, wanted } => {
                write!(f, "{answered} masters would give it and {wanted} must: see which are out of reach")
            }
            Refused::Unadmitted { masters } => write!(
                f,
                "{masters} masters were started lately and may have forgotten a lock: wait for the longest time to live"
            ),
            Refused::Late => f.write_str("it was had too late to be of use: give it a longer time to live"),
            Refused::Outbid => f.write_str("tokens of others were higher each time: is a clock far ahead?"),
        }
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// How long to wait before the next try, in ms: anything in a window that doubles with each, so that those who lost
    /// together do not come back together; never much longer than the lock lasts.
    pub(crate) fn pause_ms(self, tries: u32, took_ms: u64, chance: u128) -> u64 {
        let most_ms = match self {
            Refused::Taken { left_ms } => left_ms.clamp(1, PAUSE_MAX_MS),
            Refused::NoQuorum { .. } | Refused::Unadmitted { .. } | Refused::Late | Refused::Outbid => PAUSE_MAX_MS,
        };
        let first_ms = (took_ms * PAUSE_TIMES).max(PAUSE_MIN_MS);
        let window_ms = first_ms.saturating_mul(1 << tries.min(10)).min(most_ms);
        1 + (chance % u128::from(window_ms.max(1))) as u64
    }
}
