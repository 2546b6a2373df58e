//! What must hold of changes that the log lost and hosts have.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Entry, LOST_FIELD, Outcome, Refusal, State};

use super::{Law, holds, no_log};
use crate::branch::Line;
use crate::log::Log;
use crate::publisher::UNDER_FIELD;

/// A host that goes over to another history takes along, in it, all that changed something in the one it served: under
/// its old revision, or as a lost entry that is back. But what people set aside is gone.
pub fn nothing_vanishes(served: &State, coming: &State, log: &Log) -> Law {
    if log.aside.iter().any(|branch| branch.leads_to(served)) {
        return Ok(());
    }
    let (Some(old), Some(new)) = (log.branch_of(served), log.branch_of(coming)) else { return Err(no_log(coming)) };
    let had = old.lines()[..served.index as usize].iter().skip(old.common(new)).filter(|line| line.came_to_something());
    let has = &new.lines()[..coming.index as usize];
    for line in had {
        let at = line.entry.revision;
        holds(is_back(&line.entry, has), || format!("{at} was served, and vanished at {}", coming.cursor))?;
    }
    Ok(())
}

/// What hosts had on disk when the log lost it is there again, to be found by its old revision or by its token.
pub fn owed_is_back(owed: &[Arc<Entry>], log: &Log) -> Law {
    for entry in owed {
        holds(is_back(entry, log.lines()), || format!("{} was lost and is not back", entry.revision))?;
    }
    Ok(())
}

/// A lost change comes back once: whatever else names it is a duplicate.
pub fn nothing_twice(log: &Log) -> Law {
    let mut back = BTreeSet::new();
    for line in log.lines() {
        let Some(lost) = line.field(LOST_FIELD) else { continue };
        // What makes no sense any more, such as an end that has passed, changes nothing however often it comes.
        let is_other = matches!(line.outcome, Outcome::Refused(Refusal::Duplicate(_) | Refusal::Malformed(_)));
        let puts: Vec<_> =
            line.entry.fields.iter().filter(|(name, _)| !name.starts_with(b"base:") && name != "token").collect();
        holds(is_other || back.insert((lost, puts)), || {
            format!("{} comes back a second time at {}", String::from_utf8_lossy(lost), line.entry.revision)
        })?;
    }
    Ok(())
}

/// A lost change that is back does away with nothing that it could not have seen.
pub fn nothing_unseen(log: &Log) -> Law {
    for (place, line) in log.lines().iter().enumerate() {
        let (Some(name), Outcome::Applied(_), Some(change)) = (line.field(LOST_FIELD), &line.outcome, line.change())
        else {
            continue;
        };
        // What begins at a time takes the place of whatever is there then.
        if line.field("from").is_some() {
            continue;
        }
        let named = |line: &Line| line.entry.revision.to_string().as_bytes() == name;
        let had = log.lost.iter().filter(|lost| lost.lines().iter().any(|line| named(line)));
        let first = had.map(|lost| lost.common(log)).max().unwrap_or_default();
        let Some(before) = log.after(place as u64) else { continue };
        for key in change.edits.iter().map(|edit| &edit.key) {
            let found = before.revision_of(key);
            let is_new =
                log.place(found) > first && log.line(found).is_some_and(|line| line.field(LOST_FIELD).is_none());
            holds(!is_new, || format!("{} came back over {key} of {found} unseen", line.entry.revision))?;
        }
    }
    Ok(())
}

/// Who lost a lock changes nothing any more, once who has it now wrote.
pub fn fences_never_fall(log: &Log) -> Law {
    let mut highest = 0;
    for line in log.lines() {
        let token = line.field(UNDER_FIELD).and_then(|token| std::str::from_utf8(token).ok()?.parse::<u64>().ok());
        // What begins at its time was published before.
        let Some(token) = token.filter(|_| line.field("x-scheduled").is_none()) else { continue };
        if matches!(line.outcome, Outcome::Applied(_) | Outcome::Scheduled(_)) {
            let at = line.entry.revision;
            holds(token >= highest, || format!("{at} was applied under token {token}, after {highest}"))?;
            highest = token;
        }
    }
    Ok(())
}

fn is_back(entry: &Entry, lines: &[Arc<Line>]) -> bool {
    let (lost, token) = (entry.revision.to_string(), rejoin_token(entry));
    lines.iter().any(|line| {
        let is_named = line.field(LOST_FIELD) == Some(lost.as_bytes());
        let has_token = line.change().is_some_and(|change| change.token.as_ref() == Some(&token));
        is_named || has_token || line.entry.digest == entry.digest
    })
}

/// The entry's own token, or the one it gets when it is lost.
fn rejoin_token(entry: &Entry) -> Bytes {
    let own = entry.content.iter().find_map(|change| change.token.clone());
    own.unwrap_or_else(|| format!("lost:{}", entry.digest).into())
}
