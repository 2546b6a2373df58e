//! Readers of a host, while something else goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_core::{Digest, Item, Key, Media, Revision, State};
use sluice_node::Hub;

/// Reads timed; further ones are made and not timed, so that a long call does not fill the memory.
const TIMED_MAX: usize = 1_000_000;
/// Reads at least, however short the call.
const READS_MIN: usize = 10_000;
const KEYS: usize = 1000;

/// How long reads took.
pub struct Reads {
    pub count: usize,
    pub p99: Duration,
}

/// A state of some keys, as a host would serve it.
pub fn served() -> State {
    let mut state = State::default();
    for key in (0..KEYS).map(name) {
        let bytes = Bytes::from(key.clone());
        let revision = Revision { ms: 1, seq: 0 };
        let item = Item { revision, media: Media::BYTES, digest: Digest::of(&bytes), bytes };
        state.set(&Key::parse(key.as_bytes()).unwrap(), Some(item));
    }
    state
}

/// Does `work`, and reads from the hub on another thread until it is done.
pub fn beside<T>(hub: &Hub, work: impl FnOnce() -> T) -> (T, Reads) {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(hub, &is_done));
        // A failed assertion in there must end the reader, too.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_done.store(true, Ordering::Relaxed);
        let reads = reader.join().unwrap();
        (result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), reads)
    })
}

fn read(hub: &Hub, is_done: &AtomicBool) -> Reads {
    let names: Vec<String> = (0..KEYS).map(name).collect();
    let (mut times, mut count) = (Vec::new(), 0);
    while count < READS_MIN || !is_done.load(Ordering::Relaxed) {
        let name = &names[count % KEYS];
        let begun = Instant::now();
        assert_eq!(hub.view().state.find(name.as_bytes()).unwrap().bytes, name.as_bytes());
        if times.len() < TIMED_MAX {
            times.push(begun.elapsed());
        }
        count += 1;
    }
    times.sort_unstable();
    Reads { count, p99: times[times.len() * 99 / 100] }
}

fn name(n: usize) -> String {
    format!("read/{n}")
}
