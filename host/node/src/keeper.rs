//! Keeps snapshots new, the log short, and the log alive: one host at a time does it for all, under a lease.
//!
//! ```text
//!   every so often, at the tip, nothing held:
//!     lease "snapshot" ──▶ write ──▶ read back ──▶ add to the history ──▶ trim behind it ──▶ sweep old chunks ──▶ release
//!                           damage found: once more, all of it written anew
//!   silent for a while:
//!     lease "tick" ──▶ append a tick
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use metrics::{counter, gauge};
use sluice_core::{Lost, Revision, State};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep_until};
use tracing::{info, warn};

use crate::hub::{Hub, wall_ms};
use crate::ports::{Archive, Hosts, Kept, Lease, Leases, Log, Retention, Snapshots, WriteError};
use crate::tip::{Tip, tip};

/// The lease of whoever writes snapshots, and trims and sweeps because of them.
pub const SNAPSHOT: &str = "snapshot";
/// The lease of whoever appends ticks.
pub const TICK: &str = "tick";

/// Bounds of what a keeper does. Times are in ms.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often it looks whether a snapshot is due.
    pub look_ms: u64,
    /// How old the newest must be before another is written: a bound on what a fresh host has to fold.
    pub age_ms: u64,
    /// How many entries behind it may be at that age; fewer are folded faster than they are written.
    pub behind: u64,
    /// Log time kept behind the newest entry, for people who look at history.
    pub retention_ms: u64,
    /// A live host further behind than this, in log time, is not waited for: it comes back by a snapshot.
    pub laggard_ms: u64,
    /// How long parts of old snapshots stay for those who are reading them.
    pub grace_ms: u64,
    /// How long the lease lasts unless renewed: who stops in the middle keeps others from it no longer.
    pub lease_ms: u64,
    /// How long the log may be silent before a tick is appended; 0 appends none.
    pub tick_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        Settings {
            look_ms: 60_000,
            age_ms: 600_000,
            behind: 1_000,
            retention_ms: 7 * DAY_MS,
            laggard_ms: 30 * DAY_MS,
            grace_ms: 3_600_000,
            lease_ms: 60_000,
            tick_ms: 10_000,
        }
    }
}

/// What a keeper works with.
#[derive(Clone)]
pub struct Keeper {
    /// Its bounds.
    pub settings: Settings,
    /// The log, to see whether it is at the tip, and for ticks.
    pub log: Arc<dyn Log>,
    /// Its old end.
    pub end: Arc<dyn Retention>,
    /// Where snapshots go.
    pub snapshots: Arc<dyn Snapshots>,
    /// What the log no longer tells once it is trimmed.
    pub archive: Arc<dyn Archive>,
    /// Who may write them.
    pub leases: Arc<dyn Leases>,
    /// Who still needs the log.
    pub hosts: Arc<dyn Hosts>,
    /// What is served here.
    pub hub: Arc<Hub>,
}

/// What came of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// The newest snapshot is new enough.
    Fresh,
    /// This host holds a change, is behind the log, or serves what the log may not lead to.
    Unfit,
    /// Another host is at it.
    Taken,
    /// It is written and checked, and so many entries were trimmed.
    Wrote(Kept, u64),
}

impl Keeper {
    /// Does it until stopped.
    pub fn start(self, mut stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => (),
                () = self.keep() => (),
                () = self.tick() => (),
            }
        })
    }

    async fn keep(&self) {
        let mut looks = interval(Duration::from_millis(self.settings.look_ms.max(1)));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            match self.look(false).await {
                Ok(Looked::Wrote(kept, trimmed)) => {
                    info!(revision = %kept.revision, chunks = kept.chunks, written = kept.written_chunks,
                        bytes = kept.stored_bytes, trimmed, "snapshot written and checked");
                }
                Ok(Looked::Fresh | Looked::Unfit | Looked::Taken) => (),
                Err(Lost(why)) => warn!(%why, "no snapshot written"),
            }
        }
    }

    /// Writes a snapshot when one is due, or at once, and then trims and sweeps.
    ///
    /// # Errors
    /// Something is out of reach, or what was written did not come back as it was, twice.
    pub async fn look(&self, is_asked: bool) -> Result<Looked, Lost> {
        let newest = self.snapshots.known().await?.into_iter().next();
        if let Some(kept) = &newest {
            tell(kept);
        }
        let state = self.hub.view().state.clone();
        if !is_asked && !self.is_due(newest.as_ref(), &state) {
            return Ok(Looked::Fresh);
        }
        let state = match tip(&self.hub, &*self.log).await? {
            Tip::Here(state) if state.held.is_empty() => state,
            Tip::Here(_) | Tip::Behind(..) | Tip::Apart => return Ok(Looked::Unfit),
        };
        let Some(lease) = self.leases.acquire(SNAPSHOT, self.settings.lease_ms).await? else {
            return Ok(Looked::Taken);
        };
        let done = tokio::select! {
            done = self.write(state, &lease) => done,
            () = self.renew(&lease) => Err(Lost("the lease was lost while a snapshot was being written".to_owned())),
        };
        // It runs out by itself when this is lost.
        drop(self.leases.release(&lease).await);
        let (kept, trimmed) = done?;
        Ok(Looked::Wrote(kept, trimmed))
    }

    fn is_due(&self, newest: Option<&Kept>, state: &State) -> bool {
        let (index, written_at_ms) = newest.map_or((0, 0), |kept| (kept.index, kept.written_at_ms));
        let behind = state.index.saturating_sub(index);
        behind >= self.settings.behind.max(1) && wall_ms().saturating_sub(written_at_ms) >= self.settings.age_ms
    }

    async fn write(&self, state: State, lease: &Lease) -> Result<(Kept, u64), Lost> {
        let mut anew = false;
        let kept = loop {
            let kept = match self.snapshots.write(state.clone(), lease.clone(), anew).await {
                Ok(kept) => kept,
                Err(WriteError::Away(lost)) => return Err(lost),
                Err(WriteError::Fenced(newer)) => {
                    return Err(Lost(format!("a host with the newer fencing token {newer} has written one")));
                }
            };
            counter!("sluice_snapshot_chunks_total", "what" => "written").increment(kept.written_chunks);
            let reused = kept.chunks.saturating_sub(kept.written_chunks);
            counter!("sluice_snapshot_chunks_total", "what" => "reused").increment(reused);
            match self.snapshots.check().await {
                Ok(_) => break kept,
                // A part that was taken over is damaged: it is written once more, with all others.
                Err(Lost(why)) if !anew => warn!(%why, "snapshot did not come back as written, writing all of it anew"),
                Err(lost) => return Err(lost),
            }
            anew = true;
        };
        tell(&kept);
        // Before the log is trimmed and old parts go: what cannot be kept yet stays where it is.
        crate::archive::archive(&*self.archive, &state, lease).await?;
        let trimmed = self.trim(&state, &kept).await?;
        self.snapshots.sweep(state, self.settings.grace_ms).await?;
        Ok((kept, trimmed))
    }

    /// Trims what is behind the snapshot just checked, older than is kept, and needed by no host that lives.
    async fn trim(&self, state: &State, kept: &Kept) -> Result<u64, Lost> {
        let ago = |ms: u64| match ms {
            0 => state.cursor,
            ms => Revision { ms: state.cursor.ms.saturating_sub(ms), seq: 0 },
        };
        let mut before = kept.revision.min(ago(self.settings.retention_ms));
        for heard in self.hosts.heard().await? {
            match heard.revision {
                // Of a host that says nothing, or nothing that can be read, nobody knows what it needs; a snapshot will do.
                Some(at) if at >= ago(self.settings.laggard_ms) => before = before.min(at),
                Some(_) | None => (),
            }
        }
        match before {
            Revision::ZERO => Ok(0),
            before => self.end.trim(before).await,
        }
    }

    /// Ends when the lease is lost.
    async fn renew(&self, lease: &Lease) {
        let mut renewals = interval(Duration::from_millis((self.settings.lease_ms / 3).max(1)));
        loop {
            renewals.tick().await;
            // Out of reach is not lost yet; and who has lost it is stopped by the fencing token all the same.
            if self.leases.renew(lease, self.settings.lease_ms).await == Ok(false) {
                return;
            }
        }
    }

    async fn tick(&self) {
        if self.settings.tick_ms == 0 {
            return std::future::pending().await;
        }
        let (silence, mut installs) = (Duration::from_millis(self.settings.tick_ms), self.hub.subscribe());
        loop {
            let cursor = self.hub.view().state.cursor;
            let deadline = Instant::now() + silence;
            tokio::select! {
                // Whatever was installed, the silence begins anew when it moved the cursor.
                _ = installs.wait_for(|_| self.hub.view().state.cursor != cursor) => continue,
                () = sleep_until(deadline) => (),
            }
            if let Err(Lost(why)) = self.tick_once(cursor).await {
                tracing::debug!(%why, "no tick appended");
            }
        }
    }

    /// Appends a tick, if the log is still silent and no other host is at it.
    async fn tick_once(&self, cursor: Revision) -> Result<(), Lost> {
        match tip(&self.hub, &*self.log).await? {
            Tip::Here(state) if state.cursor == cursor => (),
            Tip::Here(_) | Tip::Behind(..) | Tip::Apart => return Ok(()),
        }
        // Not given back: it keeps all others from it until this tick has reached them.
        if self.leases.acquire(TICK, self.settings.tick_ms / 2 + 1).await?.is_none() {
            return Ok(());
        }
        let tick = vec![(Bytes::from_static(b"tick"), Bytes::new())];
        self.log.append(tick).await.map(drop).map_err(|error| Lost(error.to_string()))
    }
}

fn tell(kept: &Kept) {
    gauge!("sluice_snapshot_age_seconds").set(wall_ms().saturating_sub(kept.written_at_ms) as f64 / 1000.0);
    gauge!("sluice_snapshot_bytes").set(kept.stored_bytes as f64);
}
