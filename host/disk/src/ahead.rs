//! Reads ahead on another thread.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread;

/// How many items wait at most: enough to keep both sides busy, few enough to stay small.
const AHEAD: usize = 4;

/// The same items, made on a thread of their own. Half the cost of opening is hashing values, the other
/// half building the tree; one after the other they would leave a core idle while a host waits to serve.
pub fn ahead<I>(items: I) -> io::Result<impl Iterator<Item = I::Item>>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
{
    let (send, receive) = sync_channel(AHEAD);
    thread::Builder::new().name("sluice-open".to_owned()).spawn(move || {
        for item in items {
            // Nobody wants the rest.
            if send.send(item).is_err() {
                return;
            }
        }
    })?;
    Ok(receive.into_iter())
}
