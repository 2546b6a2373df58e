//! One suite a port: the in-memory ports and the real ones pass the same.
//!
//! A suite panics at the first promise that is broken, with the promise in the message.

mod snapshots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_core::{Batch, Digest, Entry, Revision, Settled, State, Step, Verdict, fold};

use crate::ports::{Blobs, Log, Retention, Store};

pub use snapshots::{leases, snapshots};

fn fields(pairs: &[(&str, &[u8])]) -> Vec<(Bytes, Bytes)> {
    pairs.iter().map(|(name, value)| (Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value))).collect()
}

/// What every log keeps. Wants an empty one.
pub async fn log(log: Arc<dyn Log>) {
    let odd: &[u8] = &[0, 255, b'\r', b'\n', 128];
    let written = [
        fields(&[("put:a", b"1"), ("author", b"mei")]),
        fields(&[("put:b", b""), ("put:b", b"twice"), ("x-odd", odd)]),
        fields(&[("put:big", &vec![7; 1 << 20])]),
    ];
    let mut revisions = Vec::new();
    for fields in &written {
        revisions.push(log.append(fields.clone()).await.expect("a log in reach takes entries"));
    }
    assert!(revisions.is_sorted_by(|a, b| a < b), "revisions rise: {revisions:?}");

    let got = drain(&*log, Revision::ZERO, written.len()).await;
    assert_eq!(got.iter().map(|entry| entry.revision).collect::<Vec<_>>(), revisions, "order is kept");
    for (entry, fields) in got.iter().zip(&written) {
        assert_eq!(&entry.fields, fields, "fields keep their order, repeats and bytes");
        assert_eq!(**entry, Entry::read(entry.revision, fields.clone()), "an entry is what its fields say");
    }
    let rest = drain(&*log, revisions[0], written.len() - 1).await;
    assert_eq!(rest[0].revision, revisions[1], "a pull goes on behind its cursor");

    let read = log.read(revisions[1], 1).await.expect("history can be read");
    assert_eq!(
        read.iter().map(|entry| entry.revision).collect::<Vec<_>>(),
        [revisions[1]],
        "reading includes its start"
    );

    wakes(log, revisions[2]).await;
}

/// A pull that waits is woken by an append, and one that was given up harms nobody.
async fn wakes(log: Arc<dyn Log>, tip: Revision) {
    drop(tokio::time::timeout(Duration::from_millis(20), log.pull(tip.into())).await);
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { drain(&*log, tip, 1).await }
    });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    let revision = log.append(fields(&[("del:a", b"")])).await.expect("a log in reach takes entries");
    let got = waiting.await.expect("the pull does not panic");
    assert_eq!(got[0].revision, revision, "the append is what the pull sees");
    assert!(begun.elapsed() < Duration::from_secs(4), "an append wakes a waiting pull, it does not wait its time out");
}

async fn drain(log: &dyn Log, mut after: Revision, count: usize) -> Vec<Arc<Entry>> {
    let mut got = Vec::new();
    while got.len() < count {
        let entries = log.pull(after.into()).await.expect("a log in reach answers");
        after = entries.last().map_or(after, |entry| entry.revision);
        got.extend(entries);
    }
    got
}

/// What the old end of every log keeps. Wants an empty one; both arguments are the same log.
pub async fn retention(log: Arc<dyn Log>, end: Arc<dyn Retention>) {
    assert_eq!(end.reach().await.expect("in reach").first, None, "an empty log begins nowhere");
    let mut revisions = Vec::new();
    for _ in 0..5 {
        revisions.push(log.append(fields(&[("tick", b"")])).await.expect("a log in reach takes entries"));
    }
    let reach = end.reach().await.expect("in reach");
    assert_eq!((reach.first, reach.gone.unwrap_or(0)), (Some(revisions[0]), 0), "all of it is there");
    assert_eq!(end.trim(revisions[3]).await, Ok(3), "what comes before goes");
    let reach = end.reach().await.expect("in reach");
    assert_eq!((reach.first, reach.gone.unwrap_or(3)), (Some(revisions[3]), 3), "what is named stays");
    assert_eq!(end.trim(revisions[3]).await, Ok(0), "trimming again changes nothing");
}

/// What every blob store keeps.
pub async fn blobs(blobs: Arc<dyn Blobs>) {
    for bytes in [Bytes::new(), Bytes::from_static(b"\0\xff\r\n"), Bytes::from(vec![9; 3 << 20])] {
        let blob = blobs.store(bytes.clone()).await.expect("blobs in reach take bytes");
        assert_eq!((blob.digest, blob.length), (Digest::of(&bytes), bytes.len() as u64), "named for its bytes");
        assert_eq!(blobs.store(bytes.clone()).await, Ok(blob), "storing again changes nothing");
        assert_eq!(blobs.fetch(blob.digest).await.expect("a stored blob is there"), bytes, "bytes come back");
    }
    assert!(blobs.fetch(Digest::of(b"never stored")).await.is_err(), "what is not there is lost, not empty");
}

/// What every store keeps. `open` opens it again as a process that starts would, closing the one before.
pub fn store(mut open: impl FnMut() -> (Box<dyn Store>, State)) {
    let (store, state) = open();
    assert!(state.is_empty() && state.index == 0, "a new store is empty");
    let (first, state) = batch(1, state, 0..40);
    store.persist(&first).expect("a sound disk takes a batch");
    store.persist(&first).expect("and takes it twice");
    let (second, state) = batch(2, state, 40..60);
    store.persist(&second).expect("and the next");
    drop(store);
    let (store, found) = open();
    same(&found, &state);
    let (third, state) = batch(1, found, 60..61);
    store.persist(&third).expect("numbers start over with the process");
    drop(store);
    let (store, found) = open();
    same(&found, &state);
    let (_, far) = batch(0, State::default(), 0..90);
    let snapshot = Batch { number: 2, steps: Vec::new(), state: far.clone(), is_restored: true };
    store.persist(&snapshot).expect("a state that follows from nothing takes the place of all");
    store.persist(&snapshot).expect("and takes it twice");
    let (next, state) = batch(3, far, 90..95);
    store.persist(&next).expect("and is gone on from");
    drop(store);
    same(&open().1, &state);
}

fn batch(number: u64, mut state: State, range: std::ops::Range<u64>) -> (Batch, State) {
    let steps = range.map(|n| {
        let key = format!("put:k/{}", n % 17);
        let value = format!("value {n}");
        let token = format!("{}", n % 23);
        let pairs: &[(&str, &[u8])] = &[(&key, value.as_bytes()), ("token", token.as_bytes())];
        let entry = Arc::new(Entry::read(Revision { ms: 1_000 + n, seq: 0 }, fields(pairs)));
        let outcome = fold::fold(&mut state, &entry, |_, _| Verdict::accept());
        Step::Folded(Settled { entry, verdict: None, outcome })
    });
    let steps = steps.collect();
    (Batch { number, steps, state: state.clone(), is_restored: false }, state)
}

fn same(found: &State, wanted: &State) {
    assert_eq!(found.cursor, wanted.cursor, "the cursor comes back");
    assert_eq!((found.index, found.chain), (wanted.index, wanted.chain), "index and chain come back");
    assert_eq!(found.newest, wanted.newest, "the identity of the newest entry comes back");
    assert_eq!(found.root(), wanted.root(), "every value comes back");
    assert_eq!(found.refused, wanted.refused, "refusals come back");
    assert!(found.tokens.iter().eq(wanted.tokens.iter()), "tokens come back");
}
