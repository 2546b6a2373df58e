//! What every store of snapshots and every keeper of leases promises.

use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Digest, Item, Key, Media, Place, Revision, State};

use super::{batch, same};
use crate::ports::{Lease, Leases, Snapshots, WriteError};

/// Long enough for a busy machine not to lose a lease in the middle of a suite, in ms.
const TTL_MS: u64 = 60_000;
/// How long a test waits for a lease to run out, in ms.
const SHORT_MS: u64 = 50;

/// What all leases keep. Wants them unused.
pub async fn leases(leases: Arc<dyn Leases>) {
    let first = taken(&*leases, "a", TTL_MS).await.expect("a lease nobody holds can be had");
    assert_eq!(taken(&*leases, "a", TTL_MS).await, None, "and then it is held");
    let other = taken(&*leases, "b", TTL_MS).await.expect("by one holder a resource");
    assert_eq!(leases.renew(&first, TTL_MS).await, Ok(true), "its holder can keep it");
    let stranger = Lease { word: other.word.clone(), ..first.clone() };
    assert_eq!(leases.renew(&stranger, TTL_MS).await, Ok(false), "and nobody else can");
    assert_eq!(leases.release(&stranger).await, Ok(false), "nor give it back");
    assert_eq!(taken(&*leases, "a", TTL_MS).await, None, "so it is still held");
    assert_eq!(leases.release(&first).await, Ok(true), "its holder gives it back");
    assert_eq!(leases.release(&first).await, Ok(false), "once");

    let short = taken(&*leases, "a", SHORT_MS).await.expect("what was given back can be had");
    assert!(short.token > first.token, "with a higher token");
    let next = loop {
        // It runs out by itself: nobody gives it back.
        if let Some(next) = taken(&*leases, "a", TTL_MS).await {
            break next;
        }
        tokio::task::yield_now().await;
    };
    assert!(next.token > short.token, "what ran out can be had, with a higher token");
    assert_eq!(leases.renew(&short, TTL_MS).await, Ok(false), "who lost it cannot renew it");
    assert_eq!(leases.release(&short).await, Ok(false), "nor take it from its new holder");
    assert_eq!(leases.renew(&next, TTL_MS).await, Ok(true), "who has it then");
    assert_eq!(leases.release(&next).await, Ok(true));
    race(leases).await;
}

/// Many at once: one gets it, and no token is handed out twice.
async fn race(leases: Arc<dyn Leases>) {
    let mut tokens = Vec::new();
    for _ in 0..5 {
        let tries = (0..8).map(|_| {
            let leases = leases.clone();
            tokio::spawn(async move { taken(&*leases, "race", TTL_MS).await })
        });
        let mut winners = Vec::new();
        for one in tries.collect::<Vec<_>>() {
            winners.extend(one.await.expect("taking a lease does not panic"));
        }
        assert_eq!(winners.len(), 1, "one of those who race gets the lease");
        assert_eq!(leases.release(&winners[0]).await, Ok(true));
        tokens.push(winners[0].token);
    }
    assert!(tokens.is_sorted_by(|a, b| a < b), "tokens rise: {tokens:?}");
}

async fn taken(leases: &dyn Leases, resource: &str, ttl_ms: u64) -> Option<Lease> {
    leases.acquire(resource, ttl_ms).await.expect("leases in reach answer")
}

/// What every store of snapshots keeps. Wants an empty one.
pub async fn snapshots(snapshots: Arc<dyn Snapshots>) {
    let (empty, start) = (State::default(), Place::from(Revision::ZERO));
    assert!(snapshots.newest(start, empty.clone()).await.expect("in reach").is_none(), "there is none at first");
    assert_eq!(snapshots.check().await, Ok(None), "and none to check");

    let (_, mut first) = batch(1, empty.clone(), 0..60);
    (0..300).for_each(|n| first.set(&key(n), Some(item(&vec![n as u8; 1024]))));
    let kept = snapshots.write(first.clone(), lease(5), false).await.expect("a first snapshot is taken");
    assert_eq!((kept.number, kept.revision, kept.index), (5, first.cursor, first.index), "and told of");
    assert_eq!((kept.root, kept.keys), (first.root(), first.len() as u64), "as what it is");
    let loaded = snapshots.newest(start, empty.clone()).await.expect("in reach").expect("what was written is there");
    same(&loaded.state, &first);
    assert!(snapshots.newest(first.place(), empty.clone()).await.expect("in reach").is_none(), "none beyond itself");

    let (_, mut second) = batch(2, first.clone(), 60..70);
    second.set(&key(7), Some(item(b"other")));
    second.set(&key(8), None);
    snapshots.write(second.clone(), lease(9), false).await.expect("the next is taken");
    assert_eq!(snapshots.check().await.expect("sound").map(|kept| kept.number), Some(9), "and can be checked");
    for have in [empty.clone(), first.clone(), second.clone()] {
        let loaded = snapshots.newest(first.place(), have).await.expect("in reach").expect("it is beyond the first");
        same(&loaded.state, &second);
    }
    assert_eq!(
        snapshots.write(first.clone(), lease(7), false).await,
        Err(WriteError::Fenced(9)),
        "a stale holder writes none"
    );
    let loaded = snapshots.newest(start, empty).await.expect("in reach").expect("the newest stays");
    same(&loaded.state, &second);

    let (_, third) = batch(3, second, 70..75);
    snapshots.write(third.clone(), lease(11), true).await.expect("all of it can be written anew");
    assert_eq!(snapshots.sweep(third.clone(), 3_600_000).await, Ok(0), "what is young is not swept");
    assert!(snapshots.sweep(third.clone(), 0).await.expect("in reach") > 0, "what only the first was made of goes");
    let numbers: Vec<u64> = snapshots.known().await.expect("in reach").iter().map(|kept| kept.number).collect();
    assert_eq!(numbers, [11, 9], "the newest two stay");
    let loaded = snapshots.newest(start, first).await.expect("in reach").expect("the newest stays");
    same(&loaded.state, &third);
}

fn lease(token: u64) -> Lease {
    Lease { resource: "snapshot".to_owned(), token, word: token.to_string() }
}

fn key(n: u64) -> Key {
    Key::parse(format!("s/{n}").as_bytes()).expect("a key of letters and digits")
}

fn item(bytes: &[u8]) -> Item {
    let bytes = Bytes::copy_from_slice(bytes);
    Item { revision: Revision { ms: 7, seq: 0 }, media: Media::BYTES, digest: Digest::of(&bytes), bytes }
}
