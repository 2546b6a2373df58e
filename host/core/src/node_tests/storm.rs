//! Arbitrary events in arbitrary order: nothing panics, and no deadline makes the caller spin.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::{Strategy, proptest};

use super::table::{binding, bound_to, settings};
use crate::change::BlobRef;
use crate::digest::Digest;
use crate::effect::{Apart, Event, Judged, Lost, Millis, PullError, Rift, Snapshot};
use crate::entry::Entry;
use crate::fold::fold;
use crate::node::Node;
use crate::revision::Revision;
use crate::state::State;
use crate::verdict::{Cause, Fault, Verdict};

const LOG: u64 = 12;

/// One event, as three numbers that mean something for each kind of event.
type Toss = (u8, u8, u8, u16);

fn tosses() -> impl Strategy<Value = Vec<(Toss, u16)>> {
    let toss = (0..13u8, 0..=LOG as u8, 0..4u8, 0..u16::MAX);
    proptest::collection::vec((toss, proptest::sample::select(vec![0u16, 0, 0, 7, 60, 2_500])), 1..120)
}

fn entry(ms: u64, kind: u16) -> Arc<Entry> {
    let blob = format!("{} 4", Digest::of(b"pear"));
    let key = ["a", "b", "c"][kind as usize % 3];
    let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let mut fields = vec![match kind / 3 % 6 {
        0 => (text(&format!("put-blob:{key}")), text(&blob)),
        1 => (text(&format!("del:{key}")), text("")),
        2 if kind.is_multiple_of(2) => {
            (text("put:_sluice/validators/v"), text(&binding(["a", "*"][kind as usize / 6 % 2], "b")))
        }
        3 if kind.is_multiple_of(2) => (text("put-blob:_sluice/validators/w"), text(&blob)),
        _ => (text(&format!("put:{key}")), text("1")),
    }];
    match kind / 18 % 5 {
        0 => fields.push((text("token"), text("t"))),
        1 => fields.push((text("oops"), text(""))),
        2 => fields.push((text("base:b"), text("1"))),
        _ => (),
    }
    Arc::new(Entry::read(Revision { ms, seq: 0 }, fields))
}

fn rift(number: u8) -> Rift {
    [Rift::Trimmed, Rift::Reset, Rift::Forked, Rift::Hole][usize::from(number) % 4]
}

fn folded(log: &[Arc<Entry>]) -> State {
    let mut state = bound_to(&binding("a", "c"));
    log.iter().for_each(|entry| drop(fold(&mut state, entry, |_, _| Verdict::accept())));
    state
}

fn event((kind, number, answer, _): Toss, log: &[Arc<Entry>]) -> Event {
    let after = usize::from(number).min(log.len());
    match kind {
        0..3 => Event::Pulled {
            after: Revision { ms: after as u64, seq: 0 },
            result: match answer {
                0 if number.is_multiple_of(2) => Err(PullError::Away(Lost(String::new()))),
                0 => Err(PullError::Apart(Apart { rift: rift(number), why: String::new() })),
                few => Ok(log[after..].iter().take(usize::from(few) * 2).cloned().collect()),
            },
        },
        3..7 => Event::Judged(vec![Judged {
            revision: Revision { ms: u64::from(number), seq: 0 },
            digest: log.get(usize::from(number).wrapping_sub(1)).map_or(Digest::ZERO, |entry| entry.digest),
            result: match answer {
                0 => Err((Fault::Time, String::new())),
                1 => Ok(Verdict::Reject(Cause::Trap, Arc::new([]))),
                _ => Ok(Verdict::accept()),
            },
        }]),
        7 => Event::Fetched {
            blob: BlobRef { digest: Digest::of(b"pear"), length: 4 },
            result: match answer {
                0 | 1 => Err(Lost(String::new())),
                2 => Ok(Bytes::from_static(b"plum")),
                _ => Ok(Bytes::from_static(b"pear")),
            },
        },
        8 | 9 => Event::Persisted {
            number: u64::from(number),
            result: if answer == 0 { Err(Lost(String::new())) } else { Ok(()) },
        },
        10 => Event::Restored(match answer {
            0 => Err(Lost(String::new())),
            1 => Ok(None),
            _ => Ok(Some(Box::new(Snapshot { state: folded(&log[..after]) }))),
        }),
        11 => Event::Reported,
        _ => Event::Tick,
    }
}

proptest! {
    #[test]
    fn no_order_of_events_panics_or_spins(tosses in tosses(), kinds in proptest::collection::vec(0..540u16, LOG as usize), stop in 0..400usize) {
        let log: Vec<Arc<Entry>> = kinds.iter().zip(1..).map(|(kind, ms)| entry(ms, *kind)).collect();
        let mut now = Millis(0);
        let (mut node, mut effects) = Node::start(settings(), bound_to(&binding("a", "c")), now);
        for (step, (toss, pause_ms)) in tosses.into_iter().enumerate() {
            let event = if step == stop { Event::Stop } else { event(toss, &log) };
            let served = node.served().index;
            effects = node.handle(now, event);
            assert!(node.served().index >= served, "the served revision fell");
            assert_eq!(node.folded().held.len(), node.standing().held.len());
            now = now + u64::from(pause_ms);
            while let Some(due) = node.deadline().filter(|due| *due <= now) {
                effects = node.handle(now, Event::Tick);
                let later = node.deadline();
                assert!(later.is_none_or(|later| later > due), "still due at {due:?} after a tick at {now:?}: {effects:?}");
            }
        }
        drop(effects);
    }
}
