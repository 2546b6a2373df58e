//! A place in the one order of a space's log.

use std::fmt;
use std::str::FromStr;

/// The id of a stream entry, `ms-seq`: the revision of whatever that entry changes.
///
/// Its first part is milliseconds since 1970 by the clock of the Redis that took the entry, which is
/// the only clock ("log time") the fold ever reads. It is a cursor, not an identity: after a failover
/// another entry can carry the same id, which is why the chain digest covers what entries contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// Milliseconds since 1970-01-01 UTC.
    pub ms: u64,
    /// Counts entries within one millisecond.
    pub seq: u64,
}

impl Revision {
    /// Before every entry; as a base it means "the key must be absent".
    pub const ZERO: Revision = Revision { ms: 0, seq: 0 };

    /// The one just before it; the first has none, and is its own.
    pub fn before(self) -> Revision {
        match (self.ms, self.seq) {
            (0, 0) => self,
            (ms, 0) => Revision { ms: ms - 1, seq: u64::MAX },
            (ms, seq) => Revision { ms, seq: seq - 1 },
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Says which text was not a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionError(String);

impl fmt::Display for RevisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a revision: write it as 1700000000000-0, or 0 for absent", self.0)
    }
}

impl std::error::Error for RevisionError {}

impl FromStr for Revision {
    type Err = RevisionError;

    /// Accepts `ms-seq`, or `ms` alone for `ms-0`, in plain decimal digits.
    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let number = |digits: &str| match digits.bytes().all(|b| b.is_ascii_digit()) {
            true => digits.parse::<u64>().ok(),
            false => None,
        };
        let (ms, seq) = text.split_once('-').unwrap_or((text, "0"));
        match (number(ms), number(seq)) {
            (Some(ms), Some(seq)) => Ok(Revision { ms, seq }),
            (None, _) | (_, None) => Err(RevisionError(text.chars().take(64).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_reads_back_as_it_was_written() {
        for text in ["0-0", "1700000000000-7", "18446744073709551615-18446744073709551615"] {
            assert_eq!(text.parse::<Revision>().unwrap().to_string(), text);
        }
        assert_eq!("0".parse::<Revision>().unwrap(), Revision::ZERO);
    }

    #[test]
    fn what_is_not_a_revision_is_refused() {
        for text in ["", "-", "1-", "-1", "+1-0", "1-x", "1-2-3", "18446744073709551616-0", "*", "$"] {
            assert!(text.parse::<Revision>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn order_is_the_order_of_the_log() {
        let at = |ms, seq| Revision { ms, seq };
        assert!(at(9, 9) < at(10, 0) && at(10, 0) < at(10, 1));
    }
}
