//! For what a lock is wished, how long it lasts, and how long to wait for it.

use std::fmt;
use std::sync::Arc;

/// The shortest time to live. Below it, what drift and a round of questions cost leaves nothing to work in.
pub const TTL_MIN_MS: u64 = 50;
/// Names in one lock; each is two keys of a script.
pub const NAMES_MAX: usize = 64;
/// Bytes of a name.
pub const NAME_BYTES_MAX: usize = 512;

/// What holds for all locks over the same masters. All who share them must agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many masters there are, whether or not they answer.
    pub masters: usize,
    /// The longest time to live of any lock, in ms: so long a master that lost its memory has no vote.
    pub ttl_max_ms: u64,
    /// How long one round of questions may take, in ms; never more than a quarter of the time to live.
    pub answer_ms: u64,
}

impl Bounds {
    /// How many masters are a majority: any two majorities share one.
    pub fn quorum(&self) -> usize {
        self.masters / 2 + 1
    }
}

/// The names a lock is for: sorted, each once. One master gives all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Names(Arc<[String]>);

impl Names {
    /// The names in order. A lock for one and a lock for several exclude each other where they share one.
    ///
    /// # Errors
    /// There are none, or too many, or one is empty or too long.
    pub fn new<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Result<Names, TermsError> {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        match names.len() {
            1..=NAMES_MAX => (),
            many => return Err(TermsError::NamesMany(many)),
        }
        match names.iter().find(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
            Some(name) => Err(TermsError::NameLong(name.len())),
            None => Ok(Names(names.into())),
        }
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Who sees to it that a lock lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It is extended each third of its time to live, and ends so many ms after it was had at the latest: a holder that
    /// hangs must not keep it for ever.
    Auto {
        /// How long it may last in all.
        total_ms: u64,
    },
    /// Nobody: it lasts its time to live.
    Never,
}

/// A wish for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// For what.
    pub names: Names,
    /// How long it lasts unless extended, in ms.
    pub ttl_ms: u64,
    /// How long to try for it, in ms; 0 tries once.
    pub wait_ms: u64,
    /// Who extends it.
    pub renewal: Renewal,
}

impl Terms {
    /// Checks them against what all locks of these masters keep to.
    ///
    /// # Errors
    /// The time to live is too short to work in, or longer than all have agreed on.
    pub fn check(&self, bounds: &Bounds) -> Result<(), TermsError> {
        match self.ttl_ms {
            ttl_ms if ttl_ms < TTL_MIN_MS => Err(TermsError::TtlShort(ttl_ms)),
            ttl_ms if ttl_ms > bounds.ttl_max_ms => Err(TermsError::TtlLong { ttl_ms, most_ms: bounds.ttl_max_ms }),
            _ => Ok(()),
        }
    }
}

/// By how much the clocks of a master and of ours may come apart over a time to live, in ms: one in a hundred, and two
/// for the grain of an expiry (the figures of redis.io's page).
pub fn drift_ms(ttl_ms: u64) -> u64 {
    ttl_ms / 100 + 2
}

/// Why a wish cannot be a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermsError {
    /// The time to live is too short, in ms.
    TtlShort(u64),
    /// The time to live is longer than the masters' gate for lost memories.
    TtlLong {
        /// What was wished, in ms.
        ttl_ms: u64,
        /// What there is at most, in ms.
        most_ms: u64,
    },
    /// No name, or so many.
    NamesMany(usize),
    /// A name of so many bytes.
    NameLong(usize),
}

impl fmt::Display for TermsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TermsError::TtlShort(ttl_ms) => {
                write!(f, "a lock of {ttl_ms} ms is over before it is had: take at least {TTL_MIN_MS} ms")
            }
            TermsError::TtlLong { ttl_ms, most_ms } => {
                write!(f, "a lock of {ttl_ms} ms is longer than these masters allow: take at most {most_ms} ms")
            }
            TermsError::NamesMany(0) => write!(f, "a lock is for something: give it a name"),
            TermsError::NamesMany(many) => write!(f, "one lock for {many} names: take at most {NAMES_MAX}"),
            TermsError::NameLong(bytes) => {
                write!(f, "a lock's name has {bytes} bytes: give it 1 to {NAME_BYTES_MAX}")
            }
        }
    }
}

impl std::error::Error for TermsError {}
