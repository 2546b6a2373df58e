//! The signals a command under a lock is to hear.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// Handed on.
const HEARD: [Signal; 10] = [
    Signal::INT,
    Signal::TERM,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::TSTP,
    Signal::CONT,
    Signal::CHILD,
];

/// The signals as they come.
pub struct Signals(Vec<(Signal, Stream)>);

impl Signals {
    /// From now on none of them ends us. What whoever started us had us ignore stays so, for the command as well:
    /// `nohup`, and shells that start in the background.
    pub fn listen() -> io::Result<Signals> {
        let ignored = ignored();
        let heard = HEARD.into_iter().filter(|one| ignored >> (one.as_raw() - 1) & 1 == 0);
        let streams = heard.map(|one| Ok((one, signal(SignalKind::from_raw(one.as_raw()))?)));
        Ok(Signals(streams.collect::<io::Result<_>>()?))
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (one, stream) in &mut self.0 {
                if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return Poll::Ready(*one);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether it asks a process to end.
pub fn is_end(one: Signal) -> bool {
    [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT].contains(&one)
}

/// From now on none of them does anything to this process.
pub fn pass_over() -> io::Result<()> {
    let heard = HEARD.into_iter().filter(|one| *one != Signal::CHILD);
    for one in heard.chain([Signal::TTIN, Signal::TTOU, Signal::ALARM]) {
        // Once heard, it stays so when nobody listens any more.
        drop(signal(SignalKind::from_raw(one.as_raw()))?);
    }
    Ok(())
}

/// A bit for each signal that is ignored; none where nobody tells.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
