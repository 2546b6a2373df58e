//! Readers who never pause while their host is up.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::host::Host;
use crate::storm::history::{Read, Standing};
use crate::storm::publisher::{KEYS, KINDS};
use crate::storm::stage::Stage;
use crate::wait::wait_for;

/// From one read to the next, at least.
const BEAT: Duration = Duration::from_millis(20);
/// Every so many reads, the host is asked where it stands.
const STANDING_EVERY: usize = 8;

/// Reads from one host until it is over.
pub fn read_until(
    stage: &Stage,
    host: usize,
    seed: u64,
    begun: Instant,
    is_over: &AtomicBool,
) -> (Vec<Read>, Vec<Standing>) {
    let mut chance = Rng::with_seed(seed ^ (host as u64 + 1) << 48);
    let (mut reads, mut standings) = (Vec::new(), Vec::new());
    while !is_over.load(Relaxed) {
        let now = Instant::now();
        if let Some(up) = stage.seats[host].up() {
            let kind = chance.choice(KINDS).expect("there are kinds");
            let key = format!("{kind}/{}", chance.usize(..KEYS));
            let read = read(&up, key);
            if reads.len() % STANDING_EVERY == 0
                && let Some(standing) = standing(&up)
            {
                standings.push(Standing { host, ..standing });
            }
            reads.push(Read { host, at: begun.elapsed(), took: now.elapsed(), ..read });
        }
        wait_for("the next beat", || (now.elapsed() >= BEAT || is_over.load(Relaxed)).then_some(()));
    }
    (reads, standings)
}

fn read(up: &Host, key: String) -> Read {
    match up.ask("GET", &format!("/v1/keys/{key}"), &[], &[]) {
        Ok(reply) => {
            let revision = reply.header("sluice-revision").to_owned();
            Read { key, code: reply.code, revision, text: reply.text(), ..Read::default() }
        }
        Err(error) => Read { key, text: format!("{error:#}"), ..Read::default() },
    }
}

fn standing(up: &Host) -> Option<Standing> {
    let status = up.status().ok()?;
    let text = |name: &str| status[name].as_str().unwrap_or_default().to_owned();
    let is_holding = !status["held"].as_array().is_some_and(Vec::is_empty);
    Some(Standing { revision: text("revision"), chain: text("chain"), root: text("root"), is_holding, host: 0 })
}
