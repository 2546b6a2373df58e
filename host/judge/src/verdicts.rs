//! Verdicts kept for a change that will be judged again.
//!
//! When one validator of a change faults, the change is held and judged anew, and the others would say again
//! what they have said. So theirs are kept, by all that a verdict depends on: component, settings, limits, the entry,
//! which of its edits are bound and seen, and which keys were there. A validator that looks up other values is
//! asked again. A change that nobody faults on costs nothing here.

use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice_core::{Binding, Change, Digest, Entry, State, Verdict};

use crate::guest::Sieve;

/// Verdicts kept; at the limit all are given afresh.
const KEPT_MAX: usize = 4096;

/// Verdicts by what they depend on.
#[derive(Default)]
pub(crate) struct Verdicts {
    kept: RwLock<HashMap<Digest, Verdict>>,
    has_any: AtomicBool,
}

impl Verdicts {
    /// The verdict given before, if this change was judged before.
    pub(crate) fn find(&self, question: impl FnOnce() -> Digest) -> Option<Verdict> {
        if !self.has_any.load(Ordering::Relaxed) {
            return None;
        }
        self.kept.read().expect("nothing panics while it holds this lock").get(&question()).cloned()
    }

    /// Keeps verdicts, for their change was left undecided.
    pub(crate) fn keep(&self, verdicts: Vec<(Digest, Verdict)>) {
        if verdicts.is_empty() {
            return;
        }
        let mut kept = self.kept.write().expect("nothing panics while it holds this lock");
        if kept.len() + verdicts.len() > KEPT_MAX {
            kept.clear();
        }
        kept.extend(verdicts);
        self.has_any.store(true, Ordering::Relaxed);
    }
}

/// Everything that the verdict of a validator which looks nothing up depends on.
pub(crate) fn question(binding: &Binding, sieve: &Sieve, entry: &Entry, change: &Change, before: &State) -> Digest {
    let mut text = Vec::with_capacity(256);
    text.extend(binding.component.0);
    text.extend(binding.settings_digest.0);
    text.extend(format!("{:?}", binding.limits).into_bytes());
    text.extend((binding.name.len() as u64).to_be_bytes());
    text.extend(binding.name.as_bytes());
    text.extend(entry.digest.0);
    text.extend(entry.revision.ms.to_be_bytes());
    text.extend(entry.revision.seq.to_be_bytes());
    for (at, edit) in change.edits.iter().enumerate() {
        let is = |flags: &[bool]| u8::from(flags.get(at).copied().unwrap_or_default());
        text.extend([is(&sieve.bound), is(&sieve.shown), u8::from(before.item(&edit.key).is_some())]);
    }
    Digest::of(&text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sluice_core::{Item, Key, Media, Revision};

    use super::*;

    fn entry(ms: u64, value: &str) -> Entry {
        let field = (Bytes::from("put:a"), Bytes::copy_from_slice(value.as_bytes()));
        Entry::read(Revision { ms, seq: 0 }, vec![field])
    }

    fn asked(binding: &str, entry: &Entry, before: &State) -> Digest {
        let binding = format!(r#"{{"keys": ["a"], "component": "{}"{binding}}}"#, Digest::ZERO);
        let binding = Binding::parse("v", binding.as_bytes()).unwrap();
        let sieve = Sieve { bound: vec![true], shown: vec![true] };
        question(&binding, &sieve, entry, entry.content.as_ref().unwrap(), before)
    }

    #[test]
    fn whatever_a_verdict_depends_on_makes_another_question() {
        let (one, none) = (entry(1, "1"), State::default());
        let mut there = State::default();
        let bytes = Bytes::from("0");
        let revision = Revision { ms: 1, seq: 0 };
        let item = Item { revision, media: Media::BYTES, digest: Digest::of(&bytes), bytes };
        there.set(&Key::parse(b"a").unwrap(), Some(item));
        let all = [
            asked("", &one, &none),
            asked(r#", "settings": 1"#, &one, &none),
            asked(r#", "limits": {"fuel": 7}"#, &one, &none),
            asked("", &entry(2, "1"), &none),
            asked("", &entry(1, "2"), &none),
            asked("", &one, &there),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(asked(r#", "mode": "monitor""#, &one, &none), all[0], "what is done with it is not its business");
    }

    #[test]
    fn nothing_is_asked_for_while_nothing_is_kept() {
        let verdicts = Verdicts::default();
        assert_eq!(verdicts.find(|| panic!("there is none")), None);
        verdicts.keep(vec![(Digest::ZERO, Verdict::accept())]);
        assert_eq!(verdicts.find(|| Digest::ZERO), Some(Verdict::accept()));
    }
}
