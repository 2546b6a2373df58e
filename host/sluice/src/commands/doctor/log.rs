//! The log, as an operator should know it.

use sluice_core::Revision;

use super::Finding;
use crate::utc::{ago, utc};
use crate::wiring::edges::StreamFacts;

/// The newest revision may be so far ahead of the server's clock, in ms, by what measuring that clock is wrong.
const AHEAD_MS_MAX: u64 = 1_000;

/// What the server says about it, beside what hosts say they have.
pub fn look(stream: Option<&StreamFacts>, reported: Option<Revision>) -> Finding {
    let Some(stream) = stream.filter(|stream| stream.last > Revision::ZERO) else {
        return match reported.filter(|reported| *reported > Revision::ZERO) {
            Some(at) => Finding::fail(
                "log",
                format!("gone: hosts have it up to {at}"),
                "see eviction and persistence above, then refill it with sluice reseed",
            ),
            None => Finding::ok("log", "empty: nothing was published yet"),
        };
    };
    let found = format!("{} entries, the newest of {}", stream.length, utc(stream.last.ms));
    match stream.added {
        Some(added) if added > stream.length => {
            let gone = added - stream.length;
            Finding::warn(
                "log",
                format!("{found}, {gone} gone"),
                "a new host cannot read what is gone: stop trimming and deleting",
            )
        }
        Some(_) | None => Finding::ok("log", found),
    }
}

/// Whether the server's clock, `now_ms`, has come to the newest revision.
pub fn revisions(stream: Option<&StreamFacts>, now_ms: u64) -> Finding {
    let Some(stream) = stream else { return Finding::ok("revisions", "none yet") };
    match stream.last.ms.checked_sub(now_ms) {
        Some(ahead_ms) if ahead_ms > AHEAD_MS_MAX => Finding::warn(
            "revisions",
            format!("the newest, {}, is {ahead_ms} ms ahead of the server's clock", stream.last),
            "its clock was set back, or an id was given by hand: nothing is lost, but log time stands still for so long, \
             and changes with a time go by it; let its time service slew, not step",
        ),
        Some(_) | None => {
            let age = ago(now_ms.saturating_sub(stream.last.ms));
            Finding::ok("revisions", format!("the newest is {age} old by the server's clock"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grade::{Fail, Ok, Warn};
    use super::*;

    fn at(ms: u64) -> Revision {
        Revision { ms, seq: 0 }
    }

    fn stream(length: u64, last: u64, added: u64) -> StreamFacts {
        StreamFacts { length, last: at(last), first: None, newest: None, added: Some(added) }
    }

    #[test]
    fn a_log_that_was_cut_or_is_gone_is_told() {
        assert_eq!((look(None, None).grade, look(None, Some(Revision::ZERO)).grade), (Ok, Ok));
        let gone = look(None, Some(at(7)));
        assert!(gone.grade == Fail && gone.found.contains("7-0") && gone.fix.contains("sluice reseed"), "{gone:?}");
        assert_eq!(look(Some(&stream(3, 7, 3)), Some(at(7))).grade, Ok);
        assert_eq!(look(Some(&stream(3, 7, 5)), Some(at(7))).grade, Warn);
    }

    #[test]
    fn a_clock_that_was_set_back_is_told_by_how_much() {
        assert_eq!(revisions(None, 5).grade, Ok);
        assert_eq!(revisions(Some(&stream(3, 5_900, 3)), 5_000).grade, Ok);
        let ahead = revisions(Some(&stream(3, 65_000, 3)), 5_000);
        assert!(ahead.grade == Warn && ahead.found.contains("60000 ms ahead"), "{ahead:?}");
    }
}
