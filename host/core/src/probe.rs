//! Whether the log still is the one a host has followed, and if not, how it came to be another.
//!
//! A stream says nothing when it was emptied, trimmed past a reader, or lost its end in a failover: it goes on with
//! whatever it has. So each answer is read together with the newest entry this host has taken before, which must still be
//! there with the same bytes: a revision alone can name another entry after a failover.

use crate::effect::{Apart, Place, Rift};
use crate::entry::Entry;
use crate::revision::Revision;

/// What a log says of itself, as `XINFO STREAM` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    /// Entries it holds now.
    pub length: u64,
    /// The newest revision it ever gave out.
    pub last: Revision,
    /// The oldest entry it still holds; none when it holds none.
    pub first: Option<Revision>,
    /// The newest; it can be older than `last`, when that was deleted.
    pub newest: Option<Revision>,
    /// How many entries were ever added. Servers older than Redis 7 do not say; after a failover it can be
    /// too low: a hint, not a proof.
    pub added: Option<u64>,
}

impl StreamFacts {
    /// Entries that a host at `cursor`, with `index` entries folded, has not decided; none when nobody can tell.
    pub fn behind(&self, cursor: Revision, index: u64) -> Option<u64> {
        match self.added {
            _ if cursor >= self.last => Some(0),
            Some(added) => Some(added.saturating_sub(index)),
            None => None,
        }
    }
}

/// What stands where the newest entry of a host should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Odd {
    /// Nothing, nor anything behind it.
    Nothing,
    /// Nothing, and others behind it.
    Absent,
    /// Another entry.
    Other,
}

/// Holds what a log has at a place, or first behind it, against what a host has taken from there.
///
/// # Errors
/// What stands there instead.
pub fn compare(place: &Place, found: Option<&Entry>) -> Result<(), Odd> {
    match (place.entry, found) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Odd::Nothing),
        (Some(_), Some(entry)) if entry.revision != place.revision => Err(Odd::Absent),
        (Some(wanted), Some(entry)) if entry.digest != wanted => Err(Odd::Other),
        (Some(_), Some(_)) => Ok(()),
    }
}

/// How the log and a host came apart; none when only what the host has already was trimmed.
pub fn rift(place: &Place, odd: &Odd, log: Option<&StreamFacts>) -> Option<Apart> {
    let at = place.revision;
    let apart = |rift: Rift, why: String| Some(Apart { rift, why });
    // Trimmed to the last entry, or just made behind a snapshot: it is empty, and counts as many as this host has.
    if log.is_some_and(|log| log.length == 0 && log.last == at && log.added.is_some() && log.added == place.index) {
        return None;
    }
    let Some(log) = log.filter(|log| log.length > 0) else {
        // Made behind a snapshot, or trimmed to its end: what this host has not seen is in that snapshot.
        let ahead = log.filter(|log| log.last > at && log.added > place.index);
        return match ahead.zip(place.index) {
            Some((log, _)) => apart(
                Rift::Trimmed,
                format!("the log is empty up to {}, this host has it up to {at}: a snapshot must lead on", log.last),
            ),
            None => {
                let why = format!(
                    "the log is gone or empty, this host has it up to {at}: refill it with sluice reseed, or from a backup"
                );
                apart(Rift::Reset, why)
            }
        };
    };
    let gone = log.added.map(|added| added.saturating_sub(log.length));
    match (odd, log.first) {
        (Odd::Other, _) => {
            apart(Rift::Forked, format!("the log has another entry at {at} than this host: a failover lost its end"))
        }
        (Odd::Nothing, _) => {
            let last = log.last;
            apart(Rift::Forked, format!("the log ends at {last}, this host has it up to {at}: a failover lost its end"))
        }
        (Odd::Absent, Some(first)) if first > at => match (gone, place.index) {
            (Some(gone), Some(index)) if gone < index => {
                let why = format!(
                    "the log begins at {first} as if {gone} entries came before, this host has {index}: another log began; \
                     sluice reseed puts what hosts have before it"
                );
                apart(Rift::Reset, why)
            }
            (Some(gone), Some(index)) if gone == index => None,
            (Some(_) | None, _) => apart(
                Rift::Trimmed,
                format!("the log begins at {first}, this host has it up to {at}: a snapshot must lead on"),
            ),
        },
        (Odd::Absent, _) => apart(
            Rift::Forked,
            format!("the log lacks entry {at}, which this host has: a failover lost it, or it was deleted"),
        ),
    }
}

/// What a host that has nothing misses of a log; none when it has all its entries.
pub fn missing(log: Option<&StreamFacts>) -> Option<Apart> {
    let log = log?;
    let gone = log.added?.checked_sub(log.length).filter(|gone| *gone > 0)?;
    let why =
        format!("the first {gone} entries of the log were trimmed, and a new host needs all: a snapshot must lead on");
    Some(Apart { rift: Rift::Trimmed, why })
}

/// How many entries a host that has come to `place` has missed, for they were deleted from the middle of the log; none
/// unless it is at the end, where it must have as many as were ever added.
pub fn missed(place: &Place, log: &StreamFacts) -> Option<u64> {
    let (index, added) = (place.index?, log.added?);
    // Too few were counted: by a server that did not count at first. What is there was read, so nothing is missing.
    (log.newest == Some(place.revision) && added > index).then(|| added - index)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn revision(ms: u64) -> Revision {
        Revision { ms, seq: 0 }
    }

    fn entry(ms: u64, value: &'static str) -> Entry {
        Entry::read(revision(ms), vec![(Bytes::from_static(b"put:a"), Bytes::from_static(value.as_bytes()))])
    }

    /// A host that has 5 entries, the newest at 50.
    fn place() -> Place {
        Place { revision: revision(50), index: Some(5), entry: Some(entry(50, "1").digest) }
    }

    fn log(first: u64, last: u64, length: u64, added: Option<u64>) -> StreamFacts {
        let (first, newest) = (revision(first), revision(last));
        let [first, newest] = [first, newest].map(|end| (length > 0).then_some(end));
        StreamFacts { length, last: revision(last), first, newest, added }
    }

    #[test]
    fn the_newest_entry_must_be_there_with_the_same_bytes() {
        assert_eq!(compare(&place(), Some(&entry(50, "1"))), Ok(()));
        assert_eq!(compare(&place(), Some(&entry(50, "2"))), Err(Odd::Other));
        assert_eq!(compare(&place(), Some(&entry(51, "1"))), Err(Odd::Absent));
        assert_eq!(compare(&place(), None), Err(Odd::Nothing));
        assert_eq!(compare(&revision(50).into(), None), Ok(()), "nothing is known, nothing is compared");
    }

    #[test]
    fn how_they_came_apart_follows_from_what_the_log_says_of_itself() {
        let rift = |odd: Odd, log: Option<StreamFacts>| rift(&place(), &odd, log.as_ref()).map(|apart| apart.rift);
        assert_eq!(rift(Odd::Nothing, None), Some(Rift::Reset));
        assert_eq!(
            rift(Odd::Nothing, Some(log(0, 60, 0, Some(6)))),
            Some(Rift::Trimmed),
            "emptied of more than this host has, or made behind a snapshot"
        );
        assert_eq!(rift(Odd::Nothing, Some(log(0, 40, 0, Some(4)))), Some(Rift::Reset), "emptied of less");
        assert_eq!(rift(Odd::Nothing, Some(log(0, 60, 0, None))), Some(Rift::Reset), "emptied, and nobody counted");
        assert_eq!(rift(Odd::Nothing, Some(log(0, 50, 0, None))), Some(Rift::Reset), "emptied, and nobody counted");
        assert_eq!(
            rift(Odd::Nothing, Some(log(0, 50, 0, Some(5)))),
            None,
            "trimmed to the last entry: nothing is missing"
        );
        assert_eq!(rift(Odd::Nothing, Some(log(10, 40, 4, Some(4)))), Some(Rift::Forked), "its end is gone");
        assert_eq!(rift(Odd::Other, Some(log(10, 50, 5, Some(5)))), Some(Rift::Forked));
        assert_eq!(rift(Odd::Absent, Some(log(10, 60, 5, Some(5)))), Some(Rift::Forked), "others before it are there");
        assert_eq!(rift(Odd::Absent, Some(log(60, 90, 4, Some(4)))), Some(Rift::Reset), "a log that began anew");
        assert_eq!(rift(Odd::Absent, Some(log(70, 90, 3, Some(9)))), Some(Rift::Trimmed), "one entry is missing");
        assert_eq!(rift(Odd::Absent, Some(log(60, 90, 4, Some(9)))), None, "only what this host has is gone");
        assert_eq!(rift(Odd::Absent, Some(log(60, 90, 4, None))), Some(Rift::Trimmed), "nobody counted");
    }

    #[test]
    fn a_new_host_misses_what_was_trimmed() {
        assert_eq!(missing(None), None);
        assert_eq!(missing(Some(&log(10, 50, 5, Some(5)))), None);
        assert_eq!(missing(Some(&log(30, 50, 3, Some(5)))).map(|apart| apart.rift), Some(Rift::Trimmed));
    }

    #[test]
    fn only_the_end_of_the_log_tells() {
        let at = revision;
        let missed = |newest, last, added| {
            let place = Place { revision: at(50), index: Some(5), entry: None };
            let log = StreamFacts { length: 3, last: at(last), first: Some(at(10)), newest: Some(at(newest)), added };
            missed(&place, &log)
        };
        assert_eq!(missed(50, 50, Some(5)), None);
        assert_eq!(missed(50, 50, Some(6)), Some(1), "one in the middle");
        assert_eq!(missed(50, 60, Some(6)), Some(1), "the newest, before anybody read it");
        assert_eq!(missed(60, 60, Some(7)), None, "this host is not at the end");
        assert_eq!(missed(50, 50, Some(4)), None, "a server that did not count at first");
        assert_eq!(missed(50, 50, None), None, "one that does not count");
    }
}
