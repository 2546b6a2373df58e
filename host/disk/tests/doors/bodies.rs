//! What a folder may hold that a dying disk or another program has left, and what must hold whatever it is. The
//! property test beside this file and the fuzzer in `tests/fuzz` share it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Batch, Entry, Revision, Settled, State, Step, Verdict, fold};
use sluice_disk::{DiskStore, OpenError, Settings, verify};
use sluice_node::Store;

const SPACE: &str = "shop";
/// Bytes of the position that a head and a record begin with.
const POSITION_BYTES: usize = 72;

/// Files, as a script: what is in them is read, or set aside and told once, and the store goes on from there.
///
/// Checksums are put right, or no fuzzer would ever come to what lies behind them.
pub fn files(parent: &Path, script: &[u8]) {
    let folder = tempfile::tempdir_in(parent).unwrap();
    written(folder.path(), script);
    let seen = verify(folder.path(), SPACE);
    let opened = match (open(folder.path()), seen) {
        (Ok((state, store, damaged)), Ok((before, report))) => {
            assert_eq!(root(&state), root(&before));
            assert_eq!(damaged, report.damaged.len(), "{report:?}");
            Some((state, store))
        }
        (Err(OpenError::OtherSpace { .. }), Err(OpenError::OtherSpace { .. })) => None,
        (Err(OpenError::Newer { .. }), Err(OpenError::Newer { .. })) => None,
        (opened, seen) => panic!("{:?} after {:?}", opened.map(|_| ()), seen.map(|_| ())),
    };
    let Some((mut state, store)) = opened else { return };
    store.persist(&one_more(&mut state)).unwrap();
    drop(store);
    let (again, _, damaged) = open(folder.path()).unwrap();
    assert_eq!(root(&again), root(&state));
    assert_eq!(damaged, 0, "damage is told once");
}

fn open(folder: &Path) -> Result<(State, DiskStore, usize), OpenError> {
    let settings = Settings { sync: false, log_step_bytes: 0, ..Settings::default() };
    let opened = DiskStore::open(folder, SPACE, settings)?;
    Ok((opened.state, opened.store, opened.report.damaged.len()))
}

fn root(state: &State) -> impl PartialEq + std::fmt::Debug {
    (state.root(), state.chain, state.cursor, state.index, state.held.len(), state.refused.len())
}

fn one_more(state: &mut State) -> Batch {
    let revision = Revision { ms: state.cursor.ms.saturating_add(1), seq: 0 };
    let entry = Arc::new(Entry::read(revision, vec![(Bytes::from_static(b"put:more"), Bytes::from_static(b"1"))]));
    let outcome = fold::fold(state, &entry, |_, _| Verdict::accept());
    let steps = vec![Step::Folded(Settled { entry, verdict: None, outcome })];
    Batch { number: 1, steps, state: state.clone(), is_restored: false }
}

/// Carries a script out: each step is a letter, a number and how many bytes are its own.
fn written(folder: &Path, mut script: &[u8]) {
    let mut file: Option<(String, Vec<u8>)> = None;
    while let Some(([what, number, low, high], rest)) = script.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let bytes;
        (bytes, script) = rest.split_at(length);
        match (what, &mut file) {
            (b'i' | b'l', _) => {
                kept(folder, &file);
                file = Some(begun(*what == b'l', *number, bytes));
            }
            (b'f', Some((_, text))) => framed(text, bytes),
            (b'0', Some((_, text))) => text.resize(text.len() + length, 0),
            (b'x', Some((_, text))) => text.extend(bytes),
            _ => (),
        }
    }
    kept(folder, &file);
}

fn kept(folder: &Path, file: &Option<(String, Vec<u8>)>) {
    if let Some((name, text)) = file {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// A file with its head: of our space and where the bytes say it stands, or at the beginning.
fn begun(is_log: bool, number: u8, position: &[u8]) -> (String, Vec<u8>) {
    let number = if number == u8::MAX { u64::MAX } else { u64::from(number) };
    let name = if is_log { format!("log-{number}") } else { format!("image-{number}") };
    let mut text = if is_log { b"sluiceL\0".to_vec() } else { b"sluiceI\0".to_vec() };
    text.extend(1_u32.to_le_bytes());
    text.extend(crc32fast::hash(&text).to_le_bytes());
    let mut start = position.to_vec();
    start.resize(POSITION_BYTES, 0);
    framed(&mut text, &[&(SPACE.len() as u32).to_le_bytes(), SPACE.as_bytes(), &start].concat());
    (name, text)
}

fn framed(text: &mut Vec<u8>, payload: &[u8]) {
    let mut head = (payload.len() as u64).to_le_bytes().to_vec();
    head.extend(crc32fast::hash(payload).to_le_bytes());
    head.extend(crc32fast::hash(&head).to_le_bytes());
    text.extend(head);
    text.extend(payload);
}
