//! A host in this process, on the real edges.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use sluice_core::{Revision, Settings, State};
use sluice_disk::DiskStore;
use sluice_judge::{Library, Validators};
use sluice_live::Server;
use sluice_node::memory::MemoryArchive;
use sluice_node::{Host, Hub, Judge, Keeper, Ports, Running, keeper};
use sluice_redis::{Identity, Redis, Shelf};

use crate::stream::SPACE;

/// A running host.
pub struct Local {
    pub hub: Arc<Hub>,
    pub redis: Arc<Redis>,
    pub judge: Arc<dyn Judge>,
    pub shelf: Shelf,
    running: Running,
}

impl Local {
    /// Starts one on an empty folder.
    pub fn start(server: &Server, folder: &Path, is_synced: bool) -> Result<Local> {
        Local::at(&server.url(), folder, is_synced)
    }

    /// The same for the Redis at `url`.
    pub fn at(url: &str, folder: &Path, is_synced: bool) -> Result<Local> {
        let redis = Arc::new(Redis::new(sluice_redis::Settings::new(url, SPACE.parse()?))?);
        let disk = sluice_disk::Settings { sync: is_synced, ..sluice_disk::Settings::default() };
        let store = DiskStore::open(&folder.join("data"), SPACE, disk)?.store;
        let bounds = sluice_judge::Settings { cache: Some(folder.join("cache")), ..sluice_judge::Settings::default() };
        let judge: Arc<dyn Judge> =
            Arc::new(Validators::new(Library::open(&bounds)?, redis.clone(), tokio::runtime::Handle::current()));
        let identity = Identity {
            host: "bench".parse()?,
            version: "0".to_owned(),
            address: None,
            labels: Default::default(),
            started_at_ms: 0,
        };
        let shelf = redis.shelf("bench");
        let ports = Ports {
            log: redis.clone(),
            blobs: redis.clone(),
            snapshots: Arc::new(shelf.clone()),
            reports: Arc::new(redis.reporter(identity)),
            judge: judge.clone(),
            store: Arc::new(store),
            leases: redis.clone(),
        };
        let hub = Arc::new(Hub::new(State::default()));
        let host = Host { settings: Settings::default(), state: State::default(), ports, hub: hub.clone() };
        let running = host.start(&tokio::runtime::Handle::current());
        Ok(Local { hub, redis, judge, shelf, running })
    }

    /// Waits until it has passed `revision`.
    pub async fn reaches(&self, revision: Revision) {
        self.waits(|state| state.cursor >= revision).await;
    }

    /// Waits until it has passed `revision` and holds nothing: a new binding is in force then.
    pub async fn settles(&self, revision: Revision) {
        self.waits(|state| state.cursor >= revision && state.held.is_empty()).await;
    }

    async fn waits(&self, is_there: impl Fn(&State) -> bool) {
        let mut installs = self.hub.subscribe();
        while !is_there(&self.hub.view().state) {
            // The sender lives as long as the hub, which lives as long as we do.
            drop(installs.changed().await);
        }
    }

    /// What keeps snapshots and the log, only when asked, and no history. Of the log nothing is kept that a snapshot has.
    pub fn keeper(&self) -> Keeper {
        Keeper {
            settings: keeper::Settings { retention_ms: 0, ..keeper::Settings::default() },
            log: self.redis.clone(),
            end: self.redis.clone(),
            snapshots: Arc::new(self.shelf.clone()),
            archive: Arc::<MemoryArchive>::default(),
            leases: self.redis.clone(),
            hosts: self.redis.clone(),
            hub: self.hub.clone(),
        }
    }

    /// Stops it.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
