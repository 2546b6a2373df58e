//! Begins and ends changes at their time: appends the entry that does so, once the log's own clock says that it is due.
//!
//! Every host does this. A lease spares the log most of what would be appended twice, and the base of each entry on the
//! item that keeps the change makes the rest conflicts, which change nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluice_core::{Entry, Lost, Outcome, Planned, Refusal, Revision, State, Turn, schedule};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::hub::{Fate, Hub, wall_ms};
use crate::ports::{Blobs, Leases, Log};
use crate::tip::{Tip, tip};

/// The lease of whoever begins and ends changes.
pub const SCHEDULE: &str = "schedule";

/// Who stops in the middle keeps others from it no longer.
const LEASE_MS: u64 = 15_000;

/// How long its outcome is waited for, within the lease.
const OUTCOME_WAIT: Duration = Duration::from_secs(10);

/// Pause between two looks at what is planned, however many changes come.
const LOOK: Duration = Duration::from_millis(50);

/// Pause after a failure, or while another host is at it.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest sleep: the clocks of hosts are set, and machines are suspended.
const SLEEP_MS_MAX: u64 = 60_000;

/// What beginning and ending changes needs.
#[derive(Clone)]
pub struct Scheduler {
    /// Where entries go, and whose clock counts.
    pub log: Arc<dyn Log>,
    /// Where large values go that come back.
    pub blobs: Arc<dyn Blobs>,
    /// Who does it.
    pub leases: Arc<dyn Leases>,
    /// What is planned, and what became of what was appended.
    pub hub: Arc<Hub>,
}

impl Scheduler {
    /// Does it until stopped.
    pub fn start(self, mut stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => (),
                () = self.keep() => (),
            }
        })
    }

    async fn keep(&self) {
        let mut installs = self.hub.subscribe();
        loop {
            installs.borrow_and_update();
            let next = schedule::planned(&self.hub.view().state).into_iter().next();
            let wait_ms = next.as_ref().map_or(u64::MAX, |next| next.at().saturating_sub(wall_ms()));
            tokio::select! {
                is_open = installs.changed() => match is_open {
                    Ok(()) => {
                        sleep(LOOK).await;
                        continue;
                    }
                    Err(_) => return,
                },
                () = sleep(Duration::from_millis(wait_ms.min(SLEEP_MS_MAX))) => (),
            }
            let Some(next) = next.filter(|_| wait_ms <= SLEEP_MS_MAX) else { continue };
            if let Err(Lost(why)) = self.turn(&next).await {
                tracing::debug!(%why, revision = %next.revision, "a scheduled change has to wait");
                sleep(PAUSE).await;
            }
        }
    }

    /// Begins or ends one change whose time has come by this host's clock, once it has come by the log's.
    ///
    /// # Errors
    /// Something is out of reach, the log's clock is behind, or another host is at it: it is to be tried again.
    pub async fn turn(&self, planned: &Planned) -> Result<(), Lost> {
        // A host that is behind does not know what is planned now.
        match tip(&self.hub, &*self.log).await? {
            Tip::Here(_) => (),
            Tip::Behind(state, next) if self.hub.settled(next, OUTCOME_WAIT).await == Fate::Ahead => {
                return Err(Lost(format!("this host stands at {} and does not get to {next}", state.cursor)));
            }
            Tip::Behind(..) => (),
            Tip::Apart => return Err(Lost("this host does not serve what the log leads to".to_owned())),
        }
        let Some(lease) = self.leases.acquire(SCHEDULE, LEASE_MS).await? else {
            return Err(Lost("another host is at it".to_owned()));
        };
        let done = self.turn_alone(planned).await;
        // It runs out by itself when this is lost.
        drop(self.leases.release(&lease).await);
        done
    }

    async fn turn_alone(&self, planned: &Planned) -> Result<(), Lost> {
        let state = self.hub.view().state.clone();
        if !is_planned(&state, planned) {
            return Ok(());
        }
        if let Some(held) = held(&state, planned) {
            return Err(Lost(format!("{held} is held here")));
        }
        if state.cursor.ms < planned.at() {
            let now_ms = self.append(vec![(Bytes::from_static(b"tick"), Bytes::new())]).await?.ms;
            let early_ms = planned.at().saturating_sub(now_ms);
            if early_ms > 0 {
                sleep(Duration::from_millis(early_ms.min(LEASE_MS / 2))).await;
                return Err(Lost(format!("the log's clock was {early_ms} ms early")));
            }
        }
        let (fields, blobs) = planned.entry(&state);
        for bytes in blobs {
            self.blobs.store(bytes).await?;
        }
        let revision = self.append(fields).await?;
        match self.hub.settled(revision, OUTCOME_WAIT).await {
            Fate::Settled(Outcome::Applied(_) | Outcome::Scheduled(_)) => {
                info!(%revision, scheduled = %planned.revision, what = what(planned), "a scheduled change had its turn");
                Ok(())
            }
            Fate::Settled(Outcome::Refused(refusal)) => self.refused(planned, &refusal).await,
            Fate::Settled(Outcome::Staged) | Fate::Forgotten => Ok(()),
            Fate::Held(_) | Fate::Ahead => Err(Lost(format!("{revision} is not decided yet"))),
        }
    }

    /// A change that may not begin, or may not end, is called off: it would be refused again and again.
    async fn refused(&self, planned: &Planned, refusal: &Refusal) -> Result<(), Lost> {
        let is_raced = matches!(refusal, Refusal::Conflict { .. });
        let is_end = matches!(planned.turn, Turn::End(_));
        if !is_planned(&self.hub.view().state, planned) || (is_raced && is_end) {
            // Another host was quicker; or a key was changed meanwhile, which is then left as it is.
            return Ok(());
        }
        warn!(scheduled = %planned.revision, why = %refusal, what = what(planned), "a scheduled change is called off");
        let why = format!("{} of {} was {}: {refusal}", what(planned), planned.revision, refusal.class());
        let cancelled = self.append(planned.cancelled(&why)).await?;
        match self.hub.settled(cancelled, OUTCOME_WAIT).await {
            Fate::Held(_) | Fate::Ahead => Err(Lost(format!("{cancelled} is not decided yet"))),
            Fate::Settled(_) | Fate::Forgotten => Ok(()),
        }
    }

    async fn append(&self, fields: Vec<(Bytes, Bytes)>) -> Result<Revision, Lost> {
        self.log.append(fields).await.map_err(|error| Lost(error.to_string()))
    }
}

fn is_planned(state: &State, planned: &Planned) -> bool {
    state.revision_of(&planned.key) == planned.revision
}

/// An entry about it that this host cannot decide yet: to append another would help nobody.
fn held(state: &State, planned: &Planned) -> Option<Revision> {
    let is_about =
        |entry: &Entry| entry.content.as_ref().is_ok_and(|change| change.keys().any(|key| *key == planned.key));
    state.held.values().find(|entry| is_about(entry)).map(|entry| entry.revision)
}

fn what(planned: &Planned) -> &'static str {
    match planned.turn {
        Turn::Start(_) => "start",
        Turn::End(_) => "end",
    }
}
