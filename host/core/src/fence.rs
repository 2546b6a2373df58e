//! Fencing tokens: who held a lock before must not write after who holds it now.
//!
//! A token is a number that rises with each holder of a lock. An entry names it in a field `fence:<resource>`; the highest
//! seen of each resource is kept in an item, `_sluice/fences/<resource>`, so it is on disk, in snapshots and in the root
//! digest. An entry with a lower one is refused, by every host alike, whatever its writer believes to hold
//! (Kleppmann 2016, "How to do distributed locking").
//!
//! Tokens are taken in the order of the log, when an entry is passed: they depend on the entries before and on nothing else,
//! so an entry that is held for a fault keeps no other with the same token waiting.

use bytes::Bytes;

use crate::change::Change;
use crate::digest::Digest;
use crate::key::{FENCES, Key};
use crate::media::Media;
use crate::outcome::Refusal;
use crate::revision::Revision;
use crate::state::{Item, State};

/// Highest token: the largest integer up to which all are exact in a double, as scripts and JSON have them.
pub const TOKEN_MAX: u64 = 1 << 53;

/// The token of the lock under which something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The reserved key of the item that keeps the highest.
    pub key: Key,
    /// The token: the higher, the later the holder.
    pub token: u64,
}

impl Fence {
    /// Reads a field `fence:<resource>`.
    ///
    /// # Errors
    /// The resource cannot be the end of a key, or the token is no number from 0 to [`TOKEN_MAX`].
    pub fn parse(resource: &str, token: &[u8]) -> Result<Fence, String> {
        let key = Key::parse(format!("{FENCES}{resource}").as_bytes()).map_err(|error| error.to_string())?;
        let token = decimal(token).filter(|token| *token <= TOKEN_MAX).ok_or_else(|| {
            let shown = token[..token.len().min(80)].escape_ascii();
            format!("\"{shown}\" is not a fencing token: write the number that came with the lock, at most {TOKEN_MAX}")
        })?;
        Ok(Fence { key, token })
    }

    /// What the lock is on.
    pub fn resource(&self) -> &str {
        &self.key.as_str()[FENCES.len()..]
    }

    fn highest(&self, state: &State) -> u64 {
        state.item(&self.key).and_then(|item| decimal(&item.bytes)).unwrap_or_default()
    }
}

/// The highest token seen of a resource; none when none was.
pub fn highest(state: &State, resource: &str) -> Option<u64> {
    decimal(&state.find(format!("{FENCES}{resource}").as_bytes())?.bytes)
}

/// Whether each token of a change is at least the highest seen of its resource (step 4 of the fold).
///
/// # Errors
/// The first that is lower.
pub fn passes(state: &State, change: &Change) -> Result<(), Refusal> {
    let fences = change.fences.iter().filter(|_| !change.overrides.fence);
    for (fence, highest) in fences.map(|fence| (fence, fence.highest(state))) {
        if fence.token < highest {
            return Err(Refusal::Fenced { resource: fence.resource().to_owned(), token: fence.token, highest });
        }
    }
    Ok(())
}

/// Remembers the tokens of a change that passed.
pub fn remember(state: &mut State, revision: Revision, change: &Change) {
    for fence in &change.fences {
        let highest = fence.highest(state);
        if fence.token == 0 && change.overrides.fence {
            state.set(&fence.key, None);
        } else if fence.token > highest || (fence.token < highest && change.overrides.fence) {
            let bytes = Bytes::from(fence.token.to_string());
            state.set(&fence.key, Some(Item { revision, media: Media::PLAIN, digest: Digest::of(&bytes), bytes }));
        }
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(text).ok())??;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::entry::Entry;
    use crate::fold::{fold, hold, release};
    use crate::touched::waits_behind;
    use crate::verdict::Verdict;

    #[test]
    fn a_token_that_is_none_is_told_with_its_remedy() {
        for token in ["", "-1", "+1", "0x1", "1 ", "9007199254740993", "99999999999999999999999", "\u{ff}"] {
            let why = Fence::parse("deploy", token.as_bytes()).unwrap_err();
            assert!(why.contains("is not a fencing token"), "{token:?}: {why}");
        }
        assert!(Fence::parse("a//b", b"1").is_err() && Fence::parse("", b"1").is_err());
        let fence = Fence::parse("deploy/eu", b"9007199254740992").unwrap();
        assert_eq!((fence.resource(), fence.token), ("deploy/eu", TOKEN_MAX));
    }

    fn entry(ms: u64, fields: &[(&str, &str)]) -> Arc<Entry> {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let fields = fields.iter().map(|(name, value)| (bytes(name), bytes(value)));
        Arc::new(Entry::read(Revision { ms, seq: 0 }, fields.collect()))
    }

    #[test]
    fn fence_3_a_lower_token_is_never_taken_after_a_higher_seal() {
        let mut state = State::default();
        let mut put = |ms, token: &str| {
            let entry = entry(ms, &[("put:a", "1"), ("fence:deploy", token)]);
            fold(&mut state, &entry, |_, _| Verdict::accept()).class()
        };
        let tokens = ["5", "5", "9007199254740991", "9007199254740990", "9007199254740992", "9007199254740993", "0"];
        let outcomes: Vec<&str> = (1..).zip(tokens).map(|(ms, token)| put(ms, token)).collect();
        assert_eq!(outcomes, ["applied", "applied", "applied", "fenced", "applied", "malformed", "malformed"]);
        assert_eq!(highest(&state, "deploy"), Some(TOKEN_MAX));
    }

    #[test]
    fn an_entry_that_is_held_has_its_token_and_keeps_nobody_waiting() {
        let (held, late) = (&[("put:a", "1"), ("fence:deploy", "7")], &[("put:b", "1"), ("fence:deploy", "6")]);
        let next = entry(3, &[("put:b", "2"), ("fence:deploy", "7")]);
        let (mut waits, mut at_once) = (State::default(), State::default());
        hold(&mut waits, &entry(1, held));
        assert_eq!(waits_behind(&waits, &next), None);
        for entry in [&entry(2, late), &next] {
            fold(&mut waits, entry, |_, _| Verdict::accept());
        }
        release(&mut waits, &entry(1, held), None);
        for entry in [&entry(1, held), &entry(2, late), &next] {
            fold(&mut at_once, entry, |_, _| Verdict::accept());
        }
        assert_eq!(waits.root(), at_once.root());
        assert_eq!(waits.refused.len(), 1);
    }
}
