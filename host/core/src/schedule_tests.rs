use crate::fold::{fold, hold, release};
use crate::outcome::{Outcome, Refusal};
use crate::verdict::Verdict;

use super::*;

/// A state, and what a fold makes of entries given as text.
#[derive(Clone, Default)]
struct Space(State);

impl Space {
    fn take(&mut self, ms: u64, fields: &[(&str, &str)]) -> Outcome {
        let owned = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        self.take_entry(ms, fields.iter().map(|(name, value)| (owned(name), owned(value))).collect())
    }

    fn take_entry(&mut self, ms: u64, fields: Vec<Field>) -> Outcome {
        fold(&mut self.0, &Entry::read(Revision { ms, seq: 0 }, fields), |_, _| Verdict::accept())
    }

    /// Carries out what is due first, at `ms`, seen from now.
    fn turn(&mut self, ms: u64) -> Outcome {
        let planned = planned(&self.0).remove(0);
        let (fields, _) = planned.entry(&self.0);
        self.take_entry(ms, fields)
    }

    fn values(&self) -> Vec<String> {
        let own = self.0.range("", None).filter(|(key, _)| !key.is_reserved());
        own.map(|(key, item)| format!("{key} {} {}", item.media, String::from_utf8_lossy(&item.bytes))).collect()
    }
}

fn is(outcome: &Outcome, class: &str) {
    assert_eq!(outcome.class(), class, "{outcome:?}");
}

#[test]
fn a_change_begins_once_and_not_before_its_time() {
    let mut space = Space::default();
    is(&space.take(1, &[("put:a", "old")]), "applied");
    is(&space.take(2, &[("from", "100"), ("put:a", "new"), ("author", "mei"), ("token", "t")]), "scheduled");
    assert_eq!(space.values(), ["a application/octet-stream old"]);
    let [waiting] = &planned(&space.0)[..] else { panic!("one is planned") };
    assert_eq!((waiting.at(), waiting.keys(), waiting.note("author")), (100, vec!["a"], Some("mei")));
    let (fields, _) = waiting.entry(&space.0);
    is(&space.turn(100), "applied");
    assert_eq!(space.values(), ["a application/octet-stream new"]);
    assert_eq!(planned(&space.0), []);
    let root = space.0.root();
    is(&space.take_entry(101, fields), "conflict");
    assert_eq!(space.0.root(), root);
}

#[test]
fn the_beginning_of_a_lost_plan_is_not_lost_itself() {
    let mut space = Space::default();
    is(&space.take(2, &[("from", "100"), ("put:a", "new"), ("x-lost", "1-0"), ("x-ticket", "7")]), "scheduled");
    let (fields, _) = planned(&space.0)[0].entry(&space.0);
    let extras: Vec<_> = fields.iter().filter(|(name, _)| name.starts_with(b"x-")).map(|(name, _)| &name[..]).collect();
    assert_eq!(extras, [&b"x-ticket"[..], b"x-scheduled"]);
}

#[test]
fn a_time_that_is_over_is_now() {
    let mut space = Space::default();
    is(&space.take(5, &[("from", "5"), ("put:a", "1")]), "applied");
    is(&space.take(6, &[("from", "1970-01-01T00:00:00.006Z"), ("put:b", "1")]), "applied");
    assert_eq!(planned(&space.0), []);
    for until in ["7", "6", "0"] {
        is(&space.take(7, &[("until", until), ("put:a", "2")]), "malformed");
    }
    is(&space.take(8, &[("from", "20"), ("until", "20"), ("put:a", "2")]), "malformed");
}

#[test]
fn at_its_end_what_was_there_before_comes_back() {
    let mut space = Space::default();
    space.take(1, &[("put:a", "old"), ("type:a", "text/x-a"), ("put:gone", "still"), ("put:mine", "1")]);
    let before = space.values();
    let edits = [("put:a", "new"), ("put:fresh", "f"), ("del:gone", ""), ("del:never", ""), ("put:mine", "2")];
    is(&space.take(2, &[&[("until", "50")], &edits[..]].concat()), "applied");
    assert_ne!(space.values(), before);
    let (early, _) = planned(&space.0).remove(0).entry(&space.0);
    is(&space.take(3, &[("put:mine", "3")]), "applied");
    is(&space.clone().take_entry(50, early), "conflict");
    is(&space.turn(50), "applied");
    let mine = |value: &str| format!("mine application/octet-stream {value}");
    let expected: Vec<_> = before.iter().map(|line| line.replace(&mine("1"), &mine("3"))).collect();
    assert_eq!(space.values(), expected, "what somebody changed meanwhile is left alone");
    assert_eq!(planned(&space.0), []);
}

#[test]
fn a_change_that_begins_later_also_ends() {
    let mut space = Space::default();
    space.take(1, &[("put:a", "old")]);
    is(&space.take(2, &[("from", "10"), ("until", "20"), ("put:a", "new")]), "scheduled");
    is(&space.take(3, &[("put:a", "newer")]), "applied");
    is(&space.turn(10), "applied");
    assert_eq!(planned(&space.0)[0].turn, Turn::End(20));
    is(&space.turn(20), "applied");
    assert_eq!(space.values(), ["a application/octet-stream newer"]);
    assert_eq!(planned(&space.0), []);
}

#[test]
fn what_could_not_begin_before_it_was_over_is_refused_then() {
    let mut space = Space::default();
    is(&space.take(2, &[("from", "10"), ("until", "20"), ("put:a", "new")]), "scheduled");
    is(&space.turn(30), "malformed");
    let cancelled = planned(&space.0).remove(0).cancelled(&"too late ".repeat(1_000));
    is(&space.take_entry(31, cancelled), "applied");
    assert_eq!((planned(&space.0), space.values()), (vec![], vec![]));
}

#[test]
fn what_is_kept_can_be_taken_away_and_not_forged() {
    let mut space = Space::default();
    is(&space.take(2, &[("from", "10"), ("put:a", "new")]), "scheduled");
    is(&space.take(3, &[("put:_sluice/scheduled/9-0", "x")]), "malformed");
    is(&space.take(3, &[("del:_sluice/scheduled/2-0", ""), ("base:_sluice/scheduled/2-0", "2-0")]), "applied");
    assert_eq!(planned(&space.0), []);
}

#[test]
fn a_large_value_comes_back_as_a_blob() {
    let mut space = Space::default();
    let large = "x".repeat(INLINE_BYTES_MAX + 1);
    let key = Key::parse(b"a").unwrap();
    let (bytes, digest) = (Bytes::from(large.clone()), Digest::of(large.as_bytes()));
    space.0.set(&key, Some(Item { revision: Revision { ms: 1, seq: 0 }, media: Media::BYTES, digest, bytes }));
    is(&space.take(2, &[("until", "10"), ("put:a", "small")]), "applied");
    let (fields, blobs) = planned(&space.0).remove(0).entry(&space.0);
    assert_eq!(blobs, [large.as_bytes()]);
    let named = fields.iter().find(|(name, _)| &name[..] == b"put-blob:a").unwrap();
    assert_eq!(named.1, format!("{digest} {}", large.len()));
}

#[test]
fn what_is_too_much_is_told_before_it_is_kept() {
    let mut space = Space::default();
    let large = "x".repeat(INLINE_BYTES_MAX);
    let names: Vec<String> = (0..17).map(|n| format!("put:k{n}")).collect();
    space.take(1, &names.iter().map(|name| (&**name, &*large)).collect::<Vec<_>>());
    let mut small: Vec<_> = names.iter().map(|name| (&**name, "small")).collect();
    small.push(("until", "10"));
    let Outcome::Refused(Refusal::Guarded(why)) = space.take(2, &small) else { panic!("17 MiB are too much") };
    assert!(why.contains("bytes, at most 16777216"), "{why}");
    let many: Vec<String> = (0..=EDITS_MAX).map(|n| format!("del:k{n}")).collect();
    let mut many: Vec<_> = many.iter().map(|name| (&**name, "")).collect();
    many.push(("from", "10"));
    is(&space.take(3, &many), "malformed");
    many.remove(0);
    is(
        &space.take(3, &[&many[..], &[("override", "guard"), ("author", "mei"), ("reason", "r")]].concat()),
        "scheduled",
    );
    is(&space.turn(10), "applied");
    assert_eq!(space.values().len(), 1, "only the one left out");
}

#[test]
fn a_held_change_stands_in_the_way_of_calling_it_off() {
    let at = |ms| Revision { ms, seq: 0 };
    let held = vec![("from".into(), "10".into()), ("put:a".into(), "1".into())];
    let held = std::sync::Arc::new(Entry::read(at(2), held));
    let off = Entry::read(at(3), vec![("del:_sluice/scheduled/2-0".into(), Bytes::new())]);
    let mut state = State::default();
    hold(&mut state, &held);
    assert_eq!(crate::waits_behind(&state, &off), Some(at(2)));
    is(&release(&mut state, &held, None), "scheduled");
    assert_eq!(crate::waits_behind(&state, &off), None);
}

#[test]
fn an_item_that_is_no_plan_is_none() {
    let item = |bytes: &'static [u8]| {
        let bytes = Bytes::from_static(bytes);
        Item { revision: Revision { ms: 1, seq: 0 }, media: Media::FIELDS, digest: Digest::of(&bytes), bytes }
    };
    let key = || Key::parse(b"_sluice/scheduled/1-0").unwrap();
    for bytes in [&b""[..], b"\0\0\0\x05start", b"\0\0\0\x03end\0\0\0\x01x", b"\xff\xff\xff\xffend"] {
        assert_eq!(Planned::read(key(), &item(bytes)), None, "{bytes:?}");
    }
    assert_eq!(Planned::read(key(), &item(b"\0\0\0\x03end\0\0\0\x017\0\0\0\x01a")), None);
    assert!(Planned::read(key(), &item(b"\0\0\0\x03end\0\0\0\x017")).is_some());
}
