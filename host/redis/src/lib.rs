//! The log, the blobs and the hosts' reports in Redis.
//!
//! One [`Redis`] stands for one space on one server. It opens up to three connections, each when it is
//! first needed, because an answer that is waited for must not stand in front of one that is not:
//!
//! - the **tail**: reads the log with a blocking `XREAD` and nothing else (`wire`, `tail`)
//! - the **commands**: appends, history, reports (`commands`)
//! - the **blobs**: the same, with the patience that 64 MiB need
//!
//! and one more for each append that waits for replicas (`durable`).
//!
//! A connection on which anything odd happens (no answer in time, bytes that are no answer, a future
//! dropped in the middle) is thrown away: answers carry no number, so an answer that comes late would be
//! taken for that to the next question. Connecting again is spaced out by a jittered backoff, and asks anew where
//! to (`address`): behind Sentinels and in a cluster another server may have the space by then.

mod address;
mod backoff;
mod blobs;
mod chunks;
mod cluster;
mod commands;
mod durable;
mod facts;
mod history;
mod hole;
mod leases;
mod log;
mod names;
mod pace;
mod redlock;
mod reply;
mod report;
mod reporter;
mod reseed;
mod resp;
mod restore;
mod retention;
mod rights;
mod scripts;
mod sentinel;
mod settings;
mod snapshots;
mod standing;
mod stream;
mod sweep;
mod tail;
mod tls;
mod trouble;
mod url;
mod wire;

use std::sync::Arc;

pub use durable::{Appended, Durability};
pub use facts::ServerFacts;
pub use history::{Archivist, Grown, Past};
pub use names::{HostId, NameError, Space};
pub use redlock::{Census, CensusSaid, Clock, Guard, LockError, LockLeases, LockSeen, LockSettings, Machine, Redlock};
pub use report::{API_VERSION, FindingReport, HeldReport, HostReport, REPORT_BYTES_MAX, RefusalReport, RemarkReport};
pub use reporter::{Identity, REPORT_TTL_S, Reporter, Seen};
pub use reseed::Remains;
pub use rights::{Purpose, Right};
pub use settings::{Settings, SettingsError};
pub use sluice_core::probe::StreamFacts;
pub use sluice_lock::admission::Standing as MasterStanding;
pub use sluice_lock::{Loss, Names as LockNames, Refused, Renewal, Report as Releases, Terms, TermsError};
pub use snapshots::Shelf;

use address::Address;
use commands::Commands;
use names::Names;
use sluice_core::Lost;
use sluice_node::ports::Judge;
use sluice_pack::history::Bounds;
use tail::Tail;
use trouble::Trouble;

/// One space on one Redis: its log and its blobs, and what is known about both. Clones share their
/// connections.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    address: Arc<Address>,
    names: Names,
    tail: Tail,
    commands: Commands,
    blobs: Commands,
    count: hole::Count,
    settings: Settings,
}

impl Redis {
    /// Takes the settings and opens nothing yet: a host must start while its Redis is away.
    ///
    /// # Errors
    /// The URL is not one of a Redis this build can reach.
    pub fn new(settings: Settings) -> Result<Redis, SettingsError> {
        let names = Names::new(&settings.space);
        let address = Arc::new(Address::parse(&settings.url, &names.log)?);
        let inner = Inner {
            tail: Tail::new(address.clone(), names.log.clone(), &settings),
            commands: Commands::new(address.clone(), &settings, "commands", settings.answer_ms),
            blobs: Commands::new(address.clone(), &settings, "blobs", settings.blob_ms),
            address,
            names,
            count: hole::Count::default(),
            settings,
        };
        Ok(Redis { inner: Arc::new(inner) })
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.inner.settings.space
    }

    /// Where the server is, as it may be shown: without the password.
    pub fn address(&self) -> &str {
        self.inner.address.shown()
    }

    /// The port that writes this host's report.
    pub fn reporter(&self, identity: Identity) -> Reporter {
        Reporter::new(self.clone(), identity)
    }

    /// The port that keeps snapshots; `host` is who writes them.
    pub fn shelf(&self, host: &str) -> Shelf {
        Shelf::new(self.clone(), host)
    }

    /// The port that adds to the history, as `host`, with what folds it and how much is kept.
    pub fn archivist(&self, host: &str, judge: Arc<dyn Judge>, bounds: Bounds) -> Archivist {
        Archivist::new(self.shelf(host), judge, bounds)
    }

    fn lost(&self, trouble: Trouble) -> Lost {
        trouble.lost(&self.inner.address)
    }
}
