//! Histories as a node would make them: batches of steps, and the state after each.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use sluice_core::{
    Batch, BlobRef, Cause, Digest, Entry, Finding, Key, Revision, Settled, Severity, State, Step, Verdict, fold,
};
use sluice_disk::{DiskStore, Opened, Settings};

pub const SPACE: &str = "shop";

/// Quick, and with images far apart unless a test wants them.
pub fn settings() -> Settings {
    Settings { sync: false, log_step_bytes: 0, ..Settings::default() }
}

pub fn open(folder: &Path) -> Opened {
    DiskStore::open(folder, SPACE, settings()).unwrap_or_else(|error| panic!("{error}"))
}

/// What can happen to a host, in terms a generator can make up.
#[derive(Clone, Debug)]
pub enum Move {
    /// Put, delete or garble one of a few keys.
    Fold { key: u8, value: Vec<u8>, token: Option<u8>, base: Option<u64>, verdict: Option<Verdict>, shape: u8 },
    /// The same, but the host cannot tell.
    Hold { key: u8, value: Vec<u8> },
    /// The oldest held entry gets its outcome.
    Release(Option<Verdict>),
    /// What has gathered is a batch.
    Cut,
}

/// The making of a history.
#[derive(Default)]
pub struct History {
    pub state: State,
    steps: Vec<Step>,
    pub batches: Vec<Batch>,
}

impl History {
    pub fn of(moves: &[Move]) -> History {
        let mut history = History::default();
        for one in moves {
            history.make(one);
        }
        history.cut();
        history
    }

    /// One put a batch.
    pub fn of_puts(count: u64, bytes: usize) -> History {
        let mut history = History::default();
        for n in 0..count {
            history.put(&format!("k/{n}"), vec![n as u8; bytes]);
            history.cut();
        }
        history
    }

    pub fn put(&mut self, key: &str, value: Vec<u8>) {
        self.fold(vec![field(&format!("put:{key}"), value)], None, None);
    }

    pub fn cut(&mut self) {
        if !self.steps.is_empty() {
            let number = self.batches.len() as u64 + 1;
            let steps = std::mem::take(&mut self.steps);
            self.batches.push(Batch { number, steps, state: self.state.clone(), is_restored: false });
        }
    }

    fn make(&mut self, one: &Move) {
        match one {
            Move::Fold { key, value, token, base, verdict, shape } => {
                let (put, blob) = edit(*key, value, *shape);
                let mut fields = vec![put, field("author", b"mei".to_vec())];
                fields.extend(token.map(|token| field("token", vec![token])));
                fields.extend(base.map(|base| field(&format!("base:{}", name(*key)), base.to_string().into_bytes())));
                self.fold(fields, blob, verdict.clone());
            }
            Move::Hold { key, value } => {
                let entry = Arc::new(self.entry(vec![edit(*key, value, 0).0], None));
                fold::hold(&mut self.state, &entry);
                self.steps.push(Step::Held(entry));
            }
            Move::Release(verdict) => {
                let Some((_, entry)) = self.state.held.iter().next() else { return };
                let entry = entry.clone();
                let outcome = fold::release(&mut self.state, &entry, verdict.clone());
                self.steps.push(Step::Released(Settled { entry, verdict: verdict.clone(), outcome }));
            }
            Move::Cut => self.cut(),
        }
    }

    fn fold(&mut self, fields: Vec<(Bytes, Bytes)>, blob: Option<Bytes>, verdict: Option<Verdict>) {
        let entry = Arc::new(self.entry(fields, blob));
        let known = verdict.clone().unwrap_or_else(Verdict::accept);
        let outcome = fold::fold(&mut self.state, &entry, |_, _| known);
        self.steps.push(Step::Folded(Settled { entry, verdict, outcome }));
    }

    fn entry(&self, fields: Vec<(Bytes, Bytes)>, blob: Option<Bytes>) -> Entry {
        let mut entry = Entry::read(Revision { ms: self.state.cursor.ms + 1, seq: 3 }, fields);
        if let (Some(bytes), Ok(change)) = (blob, &mut entry.content) {
            change.fill(BlobRef { digest: Digest::of(&bytes), length: bytes.len() as u64 }, &bytes);
        }
        entry
    }
}

/// Mostly puts; some deletes, some blobs, some that make no sense.
fn edit(key: u8, value: &[u8], shape: u8) -> ((Bytes, Bytes), Option<Bytes>) {
    let name = name(key);
    match shape {
        0..=9 => (field(&format!("put:{name}"), value.to_vec()), None),
        10..=11 => (field(&format!("del:{name}"), Vec::new()), None),
        12..=13 => {
            let blob = Bytes::from(value.repeat(50));
            let text = format!("{} {}", Digest::of(&blob), blob.len());
            (field(&format!("put-blob:{name}"), text.into_bytes()), Some(blob))
        }
        _ => (field(&format!("putt:{name}"), value.to_vec()), None),
    }
}

// Low ones are bindings, so that later changes ask for a verdict.
fn name(key: u8) -> String {
    match key {
        0..=1 => format!("_sluice/validators/v{key}"),
        _ => format!("k/{key}.json"),
    }
}

fn field(name: &str, value: Vec<u8>) -> (Bytes, Bytes) {
    (Bytes::from(name.to_owned()), Bytes::from(value))
}

fn verdicts() -> impl Strategy<Value = Option<Verdict>> {
    let finding = |severity| Finding {
        validator: "limits".into(),
        severity,
        code: "too-high".into(),
        message: "ü is above 100".into(),
        key: Key::parse(b"k/7.json").ok(),
        pointer: Some("/max".into()),
        help: None,
    };
    prop_oneof![
        4 => Just(None),
        2 => Just(Some(Verdict::accept())),
        1 => Just(Some(Verdict::Accept([finding(Severity::Warning), finding(Severity::Info)].into()))),
        1 => Just(Some(Verdict::Reject(Cause::Verdict, [finding(Severity::Error)].into()))),
        1 => Just(Some(Verdict::Reject(Cause::Trap, [].into()))),
        1 => Just(Some(Verdict::Reject(Cause::Limit, [].into()))),
    ]
}

/// Random histories.
pub fn moves(count: usize) -> impl Strategy<Value = Vec<Move>> {
    let value = || proptest::collection::vec(any::<u8>(), 0..40);
    let token = proptest::option::weighted(0.3, 0..20_u8);
    let base = proptest::option::weighted(0.1, 0..5_u64);
    let one = prop_oneof![
        10 => (0..12_u8, value(), token, base, verdicts(), 0..16_u8).prop_map(
            |(key, value, token, base, verdict, shape)| Move::Fold { key, value, token, base, verdict, shape }
        ),
        2 => (0..12_u8, value()).prop_map(|(key, value)| Move::Hold { key, value }),
        2 => verdicts().prop_map(Move::Release),
        4 => Just(Move::Cut),
    ];
    proptest::collection::vec(one, 1..count)
}

/// Everything there is to a state.
#[track_caller]
pub fn same(found: &State, wanted: &State) {
    assert_eq!((found.cursor, found.index, found.chain), (wanted.cursor, wanted.index, wanted.chain));
    assert_eq!((found.root(), found.len(), found.bytes()), (wanted.root(), wanted.len(), wanted.bytes()));
    assert!(found.range("", None).eq(wanted.range("", None)), "values");
    assert!(found.tokens.iter().eq(wanted.tokens.iter()), "tokens");
    assert_eq!(found.refused, wanted.refused);
    assert_eq!(found.held, wanted.held);
    assert_eq!(found.has_bindings(), wanted.has_bindings());
}

/// Which of the states of a history this is: how many batches lead to it.
#[track_caller]
pub fn prefix(found: &State, history: &History) -> usize {
    let all = history.batches.iter().map(|batch| &batch.state);
    let at = all.enumerate().rev().find(|(_, state)| same_marks(state, found));
    match at {
        Some((at, state)) => {
            same(found, state);
            at + 1
        }
        None => {
            same(found, &State::default());
            0
        }
    }
}

fn same_marks(a: &State, b: &State) -> bool {
    (a.chain, a.index, a.root(), &a.refused, &a.held) == (b.chain, b.index, b.root(), &b.refused, &b.held)
}
