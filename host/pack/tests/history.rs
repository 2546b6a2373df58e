//! Histories: a round trip, damage that is named, and that no answer about the past is ever a wrong one.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use sluice_core::{Cause, Digest, Entry, Item, Key, Outcome, Revision, State, Verdict, fold};
use sluice_pack::history::{
    Bounds, Cutoff, Event, Index, Page, Run, Then, Value, What, Window, cutoff, then, thinned, undone, weights,
};

const KEYS: u64 = 5;

/// What an entry of a test does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Put(u64),
    Delete(u64),
    Refused(u64),
    Tick,
}

/// What is done to the history between two entries.
#[derive(Clone, Copy, Debug)]
enum Care {
    /// The window becomes a run.
    Close,
    /// The newest two runs become one, with so many versions of each key.
    Merge(u64),
    /// All become one, and this share of the bytes goes, in percent.
    Cut(u64),
    /// All before is given up.
    Anew,
}

/// A history as a keeper has it, with what really was.
#[derive(Default)]
struct World {
    state: State,
    past: Vec<State>,
    window: Window,
    runs: Vec<Vec<Event>>,
    floor: Revision,
    /// The fewest versions kept of any key, as long as nothing was cut for want of room.
    versions: Option<u64>,
}

fn key(n: u64) -> Key {
    Key::parse(format!("app/{}", n % KEYS).as_bytes()).unwrap()
}

fn at(n: u64) -> Revision {
    Revision { ms: 10 * n, seq: 0 }
}

impl World {
    fn publish(&mut self, deed: Deed) {
        let n = self.past.len() as u64 + 1;
        let field = |name: String, value: String| (Bytes::from(name), Bytes::from(value));
        let fields = match deed {
            Deed::Put(k) | Deed::Refused(k) => vec![field(format!("put:{}", key(k)), format!("value {n}"))],
            Deed::Delete(k) => vec![field(format!("del:{}", key(k)), String::new())],
            Deed::Tick => vec![field("tick".to_owned(), String::new())],
        };
        let (entry, before) = (Entry::read(at(n), fields), self.state.clone());
        // A binding that cannot be read asks for a verdict on everything.
        let outcome = match deed {
            Deed::Refused(_) => {
                let change = fold::pass(&mut self.state, &entry).unwrap();
                let rejected = fold::concluded(change, Verdict::Reject(Cause::Verdict, [].into()));
                fold::settle(&mut self.state, &entry, &rejected);
                rejected
            }
            Deed::Put(_) | Deed::Delete(_) | Deed::Tick => {
                fold::fold(&mut self.state, &entry, |_, _| Verdict::accept())
            }
        };
        assert_eq!(matches!(outcome, Outcome::Refused(_)), matches!(deed, Deed::Refused(_)));
        self.window.see(&entry, &outcome, &before, &self.state);
        self.past.push(self.state.clone());
    }

    fn take_care(&mut self, care: Care) {
        let (runs, _, pages) = std::mem::take(&mut self.window).done();
        let opened = |run: &Run| {
            let page = |digest| pages.iter().find(|page: &&Page| page.about.digest == digest).unwrap();
            run.parts.iter().flat_map(|part| part.open_events(&page(part.digest).bytes).unwrap()).collect::<Vec<_>>()
        };
        self.runs.extend(runs.iter().map(opened));
        match care {
            Care::Close => (),
            Care::Merge(versions) => {
                self.versions = self.versions.map(|before| before.min(versions));
                let last = self.runs.split_off(self.runs.len().saturating_sub(2));
                let floor = self.floor;
                self.runs.push(merged(last, |events| thinned(events, versions, Cutoff::default(), floor)));
            }
            Care::Cut(percent) => {
                self.versions = None;
                let all = undone(self.runs.concat());
                let weights: Vec<_> = all.values().flat_map(|events| weights(events, |_| 1)).collect();
                let wanted = weights.len() as u64 * percent / 100;
                let cutoff = cutoff(weights, wanted);
                self.floor = self.floor.max(cutoff.newest);
                let (runs, floor) = (std::mem::take(&mut self.runs), self.floor);
                self.runs.push(merged(runs, |events| thinned(events, u64::MAX, cutoff, floor)));
            }
            Care::Anew => {
                self.versions = None;
                (self.runs, self.floor) = (Vec::new(), self.state.cursor);
            }
        }
    }

    /// Whether every answer is right, or says that it is not kept and since when it is.
    fn check(&self) {
        let all = undone(self.runs.concat());
        for n in 0..KEYS {
            let (key, none) = (key(n), Vec::new());
            let events = all.get(&key).unwrap_or(&none);
            let mut unknown = 0;
            for (index, state) in self.past.iter().enumerate() {
                let then_at = |at| then(events, at, self.floor, self.state.item(&key));
                match then_at(at(index as u64 + 1)) {
                    Then::Was(former) => {
                        let Value::Here(bytes) = &former.value else { panic!("a small value stands in the event") };
                        let item = state.item(&key).expect("what it was it was");
                        assert_eq!((item.revision, &item.bytes, &item.media), (former.revision, bytes, &former.media));
                    }
                    Then::Is(item) => assert_eq!(state.item(&key), Some(item)),
                    Then::Absent => assert_eq!(state.item(&key), None, "{key} at {index}: {events:?}"),
                    Then::Unknown(since) => {
                        unknown += 1;
                        assert!(since > at(index as u64 + 1), "it is known later");
                        assert!(!matches!(then_at(since), Then::Unknown(_)), "it is known then");
                    }
                }
            }
            self.check_versions(&key, unknown);
        }
    }

    /// Whether as many versions are told as were to be kept.
    fn check_versions(&self, key: &Key, unknown: usize) {
        let Some(versions) = self.versions else { return };
        let mut known: Vec<Option<&Item>> = self.past[unknown..].iter().map(|state| state.item(key)).collect();
        known.dedup();
        let mut all: Vec<Option<&Item>> = self.past.iter().map(|state| state.item(key)).collect();
        all.dedup();
        assert!(known.len() as u64 >= versions.min(all.len() as u64), "{key}: {} of {}", known.len(), all.len());
    }
}

fn merged(runs: Vec<Vec<Event>>, thin: impl Fn(Vec<Event>) -> Vec<Event>) -> Vec<Event> {
    undone(runs.concat()).into_values().flat_map(thin).collect()
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..KEYS).prop_map(Deed::Put),
        2 => (0..KEYS).prop_map(Deed::Delete),
        1 => (0..KEYS).prop_map(Deed::Refused),
        1 => Just(Deed::Tick),
    ]
}

fn care() -> impl Strategy<Value = Care> {
    prop_oneof![
        3 => Just(Care::Close),
        3 => (1..6_u64).prop_map(Care::Merge),
        1 => (0..120_u64).prop_map(Care::Cut),
        1 => Just(Care::Anew),
    ]
}

proptest! {
    #[test]
    fn an_answer_is_right_or_says_since_when_it_is_known(
        stretches in prop::collection::vec((prop::collection::vec(deed(), 0..20), care()), 1..12)
    ) {
        let mut world = World { versions: Some(u64::MAX), ..World::default() };
        for (deeds, care) in stretches {
            deeds.into_iter().for_each(|deed| world.publish(deed));
            world.take_care(care);
            world.check();
        }
    }

    #[test]
    fn what_is_kept_comes_back_as_it_was(deeds in prop::collection::vec(deed(), 1..60)) {
        let mut world = World::default();
        deeds.iter().for_each(|deed| world.publish(*deed));
        let (runs, notes, pages) = std::mem::take(&mut world.window).done();
        let noted = Page::notes(&notes);
        let mut opened = Vec::new();
        for page in &noted {
            opened.extend(page.about.open_notes(&page.bytes).unwrap());
        }
        prop_assert_eq!(&opened, &notes);
        let said = deeds.iter().filter(|deed| !matches!(deed, Deed::Tick)).count();
        prop_assert_eq!(notes.len(), said, "a tick is not worth a note");
        let parts = noted.iter().map(|page| page.about).collect();
        let index = Index { runs, notes: parts, snapshot: Digest::of(b"s"), ..Index::begun("shop", &world.state) };
        let bytes = index.to_bytes();
        prop_assert_eq!(Index::read(&bytes, Digest::of(&bytes)).unwrap(), index);
        for page in &pages {
            prop_assert!(page.about.check(&page.bytes).is_ok());
        }
    }

    #[test]
    fn damage_is_named(deeds in prop::collection::vec(deed(), 8..40), place in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut world = World::default();
        world.publish(Deed::Put(1));
        deeds.iter().for_each(|deed| world.publish(*deed));
        let (runs, _, pages) = std::mem::take(&mut world.window).done();
        let page = &pages[0];
        let mut bytes = page.bytes.to_vec();
        let at = place.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let told = page.about.check(&bytes).unwrap_err().to_string();
        prop_assert!(told.contains(&page.about.digest.to_string()), "{}", told);
        let index = Index { runs, ..Index::begun("shop", &world.state) };
        let (mut text, name) = (index.to_bytes(), Digest::of(&index.to_bytes()));
        let at = place.index(text.len());
        text[at] ^= 1_u8 << bit;
        let told = Index::read(&text, name).unwrap_err().to_string();
        prop_assert!(told.contains(&name.to_string()), "{}", told);
        for short in [0, 8, 12, text.len() / 2] {
            let cut = &index.to_bytes()[..short];
            prop_assert!(Index::read(cut, Digest::of(cut)).is_err(), "cut short");
        }
    }
}

#[test]
fn a_hundred_versions_are_kept_and_what_is_gone_is_marked() {
    let mut world = World { versions: Some(u64::MAX), ..World::default() };
    (0..350).for_each(|_| world.publish(Deed::Put(1)));
    world.publish(Deed::Put(2));
    world.take_care(Care::Merge(Bounds::default().versions));
    world.check();
    let kept: BTreeMap<_, _> = undone(world.runs.concat());
    let events = &kept[&key(1)];
    assert_eq!(events.len(), 101, "a hundred changes and a mark");
    assert_eq!((events[0].revision, &events[0].what), (at(250), &What::Forgotten));
    assert_eq!(kept[&key(2)].len(), 1);
}

#[test]
fn the_newest_change_of_a_key_goes_last() {
    let mut world = World::default();
    world.publish(Deed::Put(0));
    world.publish(Deed::Delete(0));
    (0..50).for_each(|_| world.publish(Deed::Put(1)));
    world.take_care(Care::Cut(90));
    let kept = undone(world.runs.concat());
    let last = kept[&key(0)].last().unwrap();
    assert!(last.is_change() && last.revision == at(2), "so a deleted key can be brought back: {last:?}");
    world.take_care(Care::Cut(100));
    assert!(undone(world.runs.concat()).is_empty() && world.floor == at(52), "unless there is no room at all");
    world.check();
}
