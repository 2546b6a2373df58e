//! What may be forgotten, and in which order: versions beyond a number, then the oldest of all but each key's newest,
//! then the oldest of those.

use sluice_core::Revision;

use super::event::{Event, What};

/// How much history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Changes of each key that are kept at least, as far as `bytes` allow; and refused ones.
    pub versions: u64,
    /// Bytes of all of it as it is stored.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { versions: 100, bytes: 256 << 20 }
    }
}

impl Bounds {
    /// Forgets nothing: for who adds to a history that others look after.
    pub const NONE: Bounds = Bounds { versions: u64::MAX, bytes: u64::MAX };
}

/// Up to where events are forgotten for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cutoff {
    /// Up to there, all but the newest change of a key.
    pub older: Revision,
    /// Up to there, all.
    pub newest: Revision,
}

/// What one event would free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Its revision.
    pub revision: Revision,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it is the newest change of its key.
    pub is_newest: bool,
}

/// Forgets what is beyond the bounds, of all events of one key, in the order of their revisions. What was forgotten
/// leaves a mark, unless the floor, which must be `cutoff.newest` at least, says as much.
pub fn thinned(events: Vec<Event>, versions: u64, cutoff: Cutoff, floor: Revision) -> Vec<Event> {
    let changes = events.iter().filter(|event| event.is_change()).count() as u64;
    let refusals = events.iter().filter(|event| matches!(event.what, What::Refused { .. })).count() as u64;
    let (mut change, mut refusal) = (0, 0);
    let (mut forgotten, mut kept) = (None::<Event>, Vec::with_capacity(events.len()));
    for event in events {
        let is_kept = match &event.what {
            What::Forgotten => false,
            What::Changed { .. } => {
                change += 1;
                let bound = if change == changes { cutoff.newest } else { cutoff.older.max(cutoff.newest) };
                changes - change < versions && event.revision > bound
            }
            What::Refused { .. } => {
                refusal += 1;
                refusals - refusal < versions && event.revision > cutoff.older.max(cutoff.newest)
            }
        };
        match (is_kept, &event.what) {
            (true, _) => kept.push(event),
            // Nobody's state depends on what was refused.
            (false, What::Refused { .. }) => (),
            (false, What::Changed { .. } | What::Forgotten) => forgotten = Some(later(forgotten, event)),
        }
    }
    if let Some(mark) = forgotten.filter(|mark| mark.revision > floor) {
        let at = kept.partition_point(|event| event.revision <= mark.revision);
        kept.insert(at, Event { author: None, reason: None, what: What::Forgotten, ..mark });
    }
    kept
}

fn later(one: Option<Event>, other: Event) -> Event {
    match one {
        Some(one) if one.revision > other.revision => one,
        Some(_) | None => other,
    }
}

/// What each event of one key would free, by the bytes it takes.
pub fn weights(events: &[Event], bytes: impl Fn(&Event) -> u64) -> Vec<Weight> {
    let newest = events.iter().rposition(Event::is_change);
    let all = events.iter().enumerate().filter(|(_, event)| event.what != What::Forgotten);
    all.map(|(at, event)| Weight { revision: event.revision, bytes: bytes(event), is_newest: Some(at) == newest })
        .collect()
}

/// Where to cut so that `bytes` are freed, the oldest first; of each key the newest change only when all else is not
/// enough.
pub fn cutoff(mut weights: Vec<Weight>, bytes: u64) -> Cutoff {
    weights.sort_unstable_by_key(|weight| (weight.is_newest, weight.revision));
    let (mut cutoff, mut freed) = (Cutoff::default(), 0);
    for weight in weights {
        if freed >= bytes {
            break;
        }
        freed += weight.bytes;
        match weight.is_newest {
            false => cutoff.older = weight.revision,
            true => cutoff.newest = weight.revision,
        }
    }
    cutoff
}
