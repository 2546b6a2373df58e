//! What all listeners of a host share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use metrics_exporter_prometheus::PrometheusHandle;
use sluice_node::hub::wall_ms;
use sluice_node::{Blobs, Hosts, Hub, Judge, Log, View};
use tokio::sync::Semaphore;

use crate::meter::Meter;
use crate::problem::Problem;
use crate::settings::Settings;

/// Who this host is, for those who ask.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The host's id.
    pub host: String,
    /// The space it serves.
    pub space: String,
    /// The version of the program.
    pub version: String,
}

/// The ports that listeners go through.
pub struct Edges {
    /// Where they publish.
    pub log: Arc<dyn Log>,
    /// Where large values go first.
    pub blobs: Arc<dyn Blobs>,
    /// Who judges a dry run.
    pub judge: Arc<dyn Judge>,
    /// Who tells about the other hosts.
    pub hosts: Arc<dyn Hosts>,
}

/// What all listeners of a host share: where they read, where they publish, and their bounds.
pub struct Surface {
    /// Where they read.
    pub hub: Arc<Hub>,
    /// What they go through.
    pub edges: Edges,
    /// What `/metrics` shows.
    pub metrics: Option<PrometheusHandle>,
    /// Who this host is.
    pub identity: Identity,
    /// Bounds, and who may publish.
    pub settings: Settings,
    pub(crate) meter: Meter,
    pub(crate) uploads: Semaphore,
    pub(crate) snapshots: Arc<Semaphore>,
    watchers: AtomicUsize,
    is_draining: AtomicBool,
}

impl Surface {
    /// Puts it together. Takes its metrics from the recorder installed by now.
    pub fn new(
        hub: Arc<Hub>,
        edges: Edges,
        metrics: Option<PrometheusHandle>,
        identity: Identity,
        settings: Settings,
    ) -> Arc<Surface> {
        let uploads = Semaphore::new(settings.uploads_max.max(1));
        let snapshots = Arc::new(Semaphore::new(settings.snapshots_max.max(1)));
        let (meter, watchers, is_draining) = (Meter::default(), AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Surface { hub, edges, metrics, identity, settings, meter, uploads, snapshots, watchers, is_draining })
    }

    /// From now on `/readyz` says no, so that balancers look elsewhere; everything is served on. Call it
    /// some time before stopping the listeners, which does the same.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// How old the configuration may be, in ms: the time since the log last answered; before its first
    /// answer, the time since the newest entry, which is the last the host can vouch for.
    pub(crate) fn age_ms(&self, view: &View) -> u64 {
        let seen_ms = match self.hub.fresh_ms() {
            0 => view.state.cursor.ms,
            fresh_ms => fresh_ms,
        };
        wall_ms().saturating_sub(seen_ms)
    }

    /// A seat for someone who waits, as long as there is one.
    pub(crate) fn seat(self: &Arc<Self>) -> Result<Seat, Problem> {
        let most = self.settings.watchers_max;
        let taken = self.watchers.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(self.clone());
        self.meter.watchers.increment(1.0);
        match taken < most {
            true => Ok(seat),
            false => Err(Problem::unavailable(
                "watchers",
                "too many watchers",
                format!("{most} requests wait here already: ask another host"),
            )),
        }
    }
}

/// One who waits; leaves when dropped.
pub(crate) struct Seat(Arc<Surface>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
        self.0.meter.watchers.decrement(1.0);
    }
}
