//! The life of a host: on hold, if its newest set made it crash twice, and then its drive loop.
//!
//! ```text
//!   start ──fewer than two crashes──▶ all that is on disk ─────────────────▶ drive loop ──alive for a while──▶ proven
//!     └──two──▶ the proven set, on hold ──a newer change, or the record removed──┘ (served once at the log's end)
//! ```

mod hold;
mod noting;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sluice_core::State;
use sluice_disk::{Claim, DiskStore, Faults, Opened};
use sluice_node::{Host, Hub, Ports};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::{Edges, claim, tell};
use crate::exit::usage;
use crate::settings::Settings;
use noting::Noting;

/// What a start found.
pub enum Found {
    /// Everything there is.
    Opened(Box<Opened>),
    /// The proven set, and what lies behind it unread.
    OnHold(Box<(State, Claim, u32)>),
}

impl Found {
    pub fn state(&self) -> &State {
        match self {
            Found::Opened(opened) => &opened.state,
            Found::OnHold(held) => &held.0,
        }
    }

    /// Says so if it is not all.
    pub fn show(&self, hub: &Hub) {
        match self {
            Found::Opened(_) => (),
            Found::OnHold(held) => hold::show(hub, &held.1, held.2),
        }
    }
}

/// Opens the folder, as far as crashes before allow.
pub fn found(settings: &Settings, faults: Option<Faults>) -> Result<Found> {
    let mut claim = claim(settings, faults)?;
    let crashes = if settings.disk.probation.is_some() { claim.begin() } else { 0 };
    let folder = settings.data.display();
    if claim.is_on_hold() {
        let (state, report) = claim.proven().map_err(usage)?;
        tell(&report);
        return Ok(Found::OnHold(Box::new((state, claim, crashes))));
    }
    let opened = claim.open().map_err(usage)?;
    tell(&opened.report);
    if crashes > 0 {
        warn!(revision = %opened.state.cursor, crashes, "the process before did not stop, it died: loading its set again");
    }
    info!(revision = %opened.state.cursor, keys = opened.state.len(), %folder, "store opened");
    Ok(Found::Opened(Box::new(opened)))
}

/// What the life of a host needs.
pub struct Life {
    pub(super) edges: Edges,
    pub hub: Arc<Hub>,
    pub probation: Option<Duration>,
    /// Turns true when it is to end.
    pub halted: watch::Receiver<bool>,
}

impl Life {
    /// Until it is halted, and what has been folded is on disk.
    pub async fn lead(self, found: Found) {
        let opened = match found {
            Found::Opened(opened) => *opened,
            Found::OnHold(held) => {
                let (_, claim, crashes) = *held;
                match self.hold(claim, crashes).await {
                    Ok(Some(opened)) => opened,
                    Ok(None) => return,
                    Err(why) => return error!(%why, "cannot go on from the older set: restart the host"),
                }
            }
        };
        let store = Arc::new(opened.store);
        let proving = self.probation.map(|time| tokio::spawn(prove(store.clone(), time)));
        let redis = self.edges.redis.clone();
        let ports = Ports {
            log: Arc::new(Noting { log: redis.clone(), store: store.clone() }),
            blobs: redis,
            leases: self.edges.leases.clone(),
            snapshots: self.edges.snapshots.clone(),
            reports: self.edges.reports.clone(),
            judge: self.edges.judge.clone(),
            store,
        };
        let host = Host { settings: sluice_core::Settings::default(), state: opened.state, ports, hub: self.hub };
        host.run(self.halted).await;
        if let Some(proving) = proving {
            proving.abort();
        }
    }
}

/// Tells the store each time a probation time has been lived through.
async fn prove(store: Arc<DiskStore>, time: Duration) {
    loop {
        let told = store.clone();
        match tokio::task::spawn_blocking(move || told.outlive()).await {
            Ok(Ok(())) => (),
            Ok(Err(lost)) => warn!(why = %lost.0, "not written down that the set is good, trying again"),
            Err(error) => warn!(%error, "not written down that the set is good, trying again"),
        }
        sleep(time).await;
    }
}
