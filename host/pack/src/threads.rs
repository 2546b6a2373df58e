//! Two things at once, on threads.

use std::thread;

use sluice_core::Crew;

/// Does one of two things on a thread of its own.
pub struct Threads;

impl Crew for Threads {
    fn both<A, B>(&self, one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B)
    where
        A: Send,
        B: Send,
    {
        thread::scope(|scope| {
            let one = scope.spawn(one);
            let other = other();
            (one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sluice_core::{Alone, Digest, Hashed, Item, Key, Media, Revision, State};

    use super::*;

    #[test]
    fn a_state_put_together_on_threads_is_the_same_and_goes_on_alike() {
        let hashed = |n: u32| {
            let bytes = Bytes::from(n.to_string());
            let item = Item { revision: Revision::ZERO, media: Media::BYTES, digest: Digest::of(&bytes), bytes };
            Hashed::new(Key::parse(format!("k/{}", n % 40_000).as_bytes()).unwrap(), item)
        };
        let (mut alone, mut threads) = (State::default(), State::default());
        alone.set_all((0..50_000).map(hashed).collect(), &Alone);
        threads.set_all((0..50_000).map(hashed).collect(), &Threads);
        assert_eq!((threads.root(), threads.len(), threads.bytes()), (alone.root(), alone.len(), alone.bytes()));
        assert!(threads.range("", None).eq(alone.range("", None)));
        let gone: Vec<Key> = threads.range("k/1", None).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| threads.set(key, None));
        let mut one_by_one = State::default();
        let kept = (0..50_000).map(hashed).filter(|hashed| !hashed.key().as_str().starts_with("k/1"));
        kept.for_each(|hashed| one_by_one.set_all(vec![hashed], &Alone));
        assert_eq!((threads.root(), threads.bytes()), (one_by_one.root(), one_by_one.bytes()));
    }
}
