//! Reads ahead on other threads.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::{self, available_parallelism};

/// How many items wait at most: enough to keep both sides busy, few enough to stay small.
const AHEAD: usize = 4;
/// Most threads that work on items, each with its own few that wait.
const THREADS_MAX: usize = 8;

/// The same items, made on a thread of their own: one after the other, a core would be idle while a host waits to
/// serve.
pub fn ahead<I>(items: I) -> io::Result<impl Iterator<Item = I::Item>>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
{
    let (send, receive) = sync_channel(AHEAD);
    start(move || {
        for item in items {
            // Nobody wants the rest.
            if send.send(item).is_err() {
                return;
            }
        }
    })?;
    Ok(receive.into_iter())
}

/// What `work` makes of each item, in their order, worked out on all cores: nearly all of opening is hashing,
/// and of writing an image looking for what stands where.
pub fn worked<I, T, W>(items: I, work: W) -> io::Result<impl Iterator<Item = T>>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
    T: Send + 'static,
    W: Fn(I::Item) -> T + Clone + Send + 'static,
{
    let threads = available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let (mut sends, mut receives) = (Vec::new(), Vec::new());
    for _ in 0..threads {
        let (send, items) = sync_channel(AHEAD);
        let (made, receive) = sync_channel(AHEAD);
        let work = work.clone();
        start(move || {
            for item in items {
                if made.send(work(item)).is_err() {
                    return;
                }
            }
        })?;
        sends.push(send);
        receives.push(receive);
    }
    start(move || {
        for (item, send) in items.zip((0..threads).cycle().map(|at| &sends[at])) {
            if send.send(item).is_err() {
                return;
            }
        }
    })?;
    // They were dealt out in turn, so whoever has none at its turn has had the last.
    let mut turns = (0..threads).cycle();
    Ok(std::iter::from_fn(move || receives[turns.next()?].recv().ok()))
}

fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("sluice-open".to_owned()).spawn(work).map(drop)
}
