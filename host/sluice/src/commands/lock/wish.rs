//! For what a lock is wished, and how it is had: all of some names, or one of several slots.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::cli::LockRun;
use crate::exit::usage;
use crate::wiring::edges::{Census, Guard, LockError, LockNames, Redlock, Refused, Renewal, Terms};

/// Between two rounds over all slots, in ms: anything of it, so that those who wait do not come together.
const PAUSE_MS: std::ops::Range<u64> = 50..250;
/// The command is killed so long before the lock ends, in ms, or a sixth of a short time to live.
const MARGIN_MS: u64 = 250;
const GRACE_MS: u64 = 5_000;

/// What was asked for, understood.
pub struct Wish {
    pub names: Vec<String>,
    slots: Option<u64>,
    ttl_ms: u64,
    wait_ms: u64,
    /// How long before its end the command is told to stop, in ms.
    pub grace_ms: u64,
    /// How long before its end the command is killed, in ms.
    pub margin_ms: u64,
}

impl Wish {
    pub fn of(args: &LockRun) -> Result<Wish> {
        let ms = |time: Duration| time.as_millis() as u64;
        let ttl_ms = ms(args.ttl);
        let grace_ms = args.grace.map_or_else(|| GRACE_MS.min(ttl_ms / 3), ms);
        if grace_ms > ttl_ms / 2 {
            let most = Duration::from_millis(ttl_ms / 2);
            return Err(usage(format!(
                "--grace {grace_ms}ms of --ttl {ttl_ms}ms would stop the command while all is well: give at most {most:?}"
            )));
        }
        let mut names = args.names.clone();
        if args.slots.is_some() && names.len() > 1 {
            return Err(usage("-n is for one name: leave the others out"));
        }
        names.sort_unstable();
        names.dedup();
        LockNames::new(names.clone()).map_err(usage)?;
        let wait_ms = if args.is_tried { 0 } else { ms(args.wait) };
        Ok(Wish { names, slots: args.slots, ttl_ms, wait_ms, grace_ms, margin_ms: MARGIN_MS.min(ttl_ms / 6) })
    }

    /// Says how many slots the name has, and refuses to differ from others.
    pub async fn agree(&self, census: &Census) -> Result<()> {
        let (Some(slots), name) = (self.slots, &self.names[0]) else { return Ok(()) };
        match census.agree_on_slots(name, slots).await.into_iter().find(|have| *have != slots) {
            None => Ok(()),
            Some(have) => Err(usage(format!(
                "{name} has {have} slots for those who share it, not {slots}: give -n {have}; to change it, stop all who use \
                 it and forget the number with sluice lock break {name}"
            ))),
        }
    }

    /// Waits for the lock: what is held, and under which names.
    pub async fn have(&self, redlock: &Redlock) -> Result<(Guard, Vec<String>), LockError> {
        match self.slots {
            None => {
                let guard = redlock.acquire(self.terms(self.names.clone(), self.wait_ms)?).await?;
                Ok((guard, self.names.clone()))
            }
            Some(slots) => self.slot(redlock, slots).await,
        }
    }

    /// Each slot is a lock of its own, with tokens of its own.
    async fn slot(&self, redlock: &Redlock, slots: u64) -> Result<(Guard, Vec<String>), LockError> {
        let until = Instant::now() + Duration::from_millis(self.wait_ms);
        loop {
            let (first, mut refused) = (fastrand::u64(..slots), Refused::Taken { left_ms: 0 });
            for slot in (first..slots).chain(0..first) {
                let names = vec![format!("{}#{slot}", self.names[0])];
                match redlock.acquire(self.terms(names.clone(), 0)?).await {
                    Ok(guard) => return Ok((guard, names)),
                    Err(LockError::Refused(taken @ Refused::Taken { .. })) => refused = taken,
                    Err(LockError::Refused(other)) => {
                        // It is the same for all slots.
                        refused = other;
                        break;
                    }
                    Err(terms) => return Err(terms),
                }
            }
            let pause = Duration::from_millis(fastrand::u64(PAUSE_MS));
            if Instant::now() + pause > until {
                return Err(LockError::Refused(refused));
            }
            sleep(pause).await;
        }
    }

    /// Extended for as long as the command runs.
    fn terms(&self, names: Vec<String>, wait_ms: u64) -> Result<Terms, LockError> {
        let names = LockNames::new(names).map_err(LockError::Terms)?;
        Ok(Terms { names, ttl_ms: self.ttl_ms, wait_ms, renewal: Renewal::Auto { total_ms: u64::MAX } })
    }
}
