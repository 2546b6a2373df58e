//! Puts a host together: the only place that names the concrete edges.

pub mod edges;
mod faults;
mod life;
pub mod locks;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use sluice_disk::{Claim, Faults, Files, Larder, OpenReport};
use sluice_http::{Bearer, Drained, Serves, Surface};
use sluice_judge::{Bounds, Child, Compiler, Library, Validators};
use sluice_node::{Blobs, Hub, Judge, Keeper, Leases, Log, Reports, Scheduler, Snapshots};
use sluice_redis::{Identity, Redis};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::cli::Reach;
use crate::exit::usage;
use crate::settings::{self, Settings};

/// A host that runs.
pub struct Wired {
    /// Where applications read.
    pub address: std::net::SocketAddr,
    /// The log it follows.
    pub redis: Arc<Redis>,
    surface: Arc<Surface>,
    running: JoinHandle<()>,
    halt: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<Drained>>,
    keepers: Vec<JoinHandle<()>>,
    stocking: JoinHandle<()>,
}

/// Opens the store, binds the listeners, and starts: what was stored is served before the log answers.
pub async fn build(settings: &Settings, metrics: PrometheusHandle) -> Result<Wired> {
    let listener = bind("listen", settings.listen).await?;
    let admin = match settings.admin {
        Some(address) => Some(bind("admin", address).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let faults = faults::read()?;
    let found = life::found(settings, faults.store)?;
    let bounds = redis_settings(&settings.redis, &settings.space)?;
    let host = settings.id.parse().map_err(usage)?;
    let bounds = sluice_redis::Settings { host: Some(host), durable: settings.durable, ..bounds };
    let redis = Arc::new(Redis::new(bounds).map_err(usage)?);
    let larder = Arc::new(Larder::new(&settings.data, redis.clone()));
    let judge: Arc<dyn Judge> = Arc::new(hosts_judge(settings, larder.clone())?);
    let edges = Edges {
        redis: redis.clone(),
        larder: larder.clone(),
        snapshots: Arc::new(redis.shelf(&settings.id)),
        reports: Arc::new(redis.reporter(identity(settings, address)?)),
        leases: locks::leases(settings.locks.as_ref(), &redis)?,
        judge,
    };
    let hub = Arc::new(Hub::new(found.state().clone()));
    found.show(&hub);
    let stocking = stocking(larder, hub.clone());
    let keeper = keeper(settings, hub.clone(), &edges);
    let leases = edges.leases.clone();
    let scheduler = Scheduler { log: redis.clone(), blobs: redis.clone(), leases, hub: hub.clone() };
    let surface = surface(settings, hub.clone(), &edges, metrics);
    let (stop, stopped) = watch::channel(false);
    let serves = if admin.is_some() { Serves::Data } else { Serves::Everything };
    let mut listeners = vec![tokio::spawn(sluice_http::serve(listener, surface.clone(), serves, stopped.clone()))];
    if let Some(admin) = admin {
        let serving = sluice_http::serve(admin, surface.clone(), Serves::Administration, stopped.clone());
        listeners.push(tokio::spawn(serving));
    }
    let (halt, halted) = watch::channel(false);
    let life = life::Life { edges, hub: hub.clone(), probation: settings.disk.probation, halted };
    let running = tokio::spawn(life.lead(found));
    faults.crash.map(|key| tokio::spawn(faults::crash(hub, key)));
    let keepers = [Some(scheduler.start(stopped.clone())), keeper.map(|keeper| keeper.start(stopped))];
    let keepers = keepers.into_iter().flatten().collect();
    Ok(Wired { address, redis, surface, running, halt, stop, listeners, keepers, stocking })
}

/// The edges that need no store.
#[derive(Clone)]
struct Edges {
    redis: Arc<Redis>,
    larder: Arc<Larder>,
    snapshots: Arc<dyn Snapshots>,
    reports: Arc<dyn Reports>,
    leases: Arc<dyn Leases>,
    judge: Arc<dyn Judge>,
}

impl Wired {
    /// Says no to balancers, ends open streams, finishes what is on its way to the disk.
    pub async fn drain(self) {
        self.surface.drain();
        self.stocking.abort();
        self.stop.send_replace(true);
        for keeper in self.keepers {
            if keeper.await.is_err() {
                warn!("a keeper ended in a panic");
            }
        }
        self.halt.send_replace(true);
        if self.running.await.is_err() {
            warn!("the host's life ended in a panic");
        }
        for listener in self.listeners {
            match listener.await {
                Ok(Drained { cut: 0 }) => (),
                Ok(Drained { cut }) => warn!(cut, "connections cut at the end of the drain"),
                Err(error) => warn!(%error, "listener ended in a panic"),
            }
        }
    }
}

/// Tries what a start needs, one line each, changing nothing but an empty folder.
pub async fn try_out(settings: &Settings) -> Vec<(&'static str, Result<String, String>)> {
    let listen = bind("listen", settings.listen).await.map(|listener| format!("{:?} is free", listener.local_addr()));
    let opened = claim(settings, None).and_then(|claim| claim.open().map_err(usage));
    let store = opened.map(|opened| format!("{} keys at {}", opened.state.len(), opened.state.cursor));
    let log = match redis_settings(&settings.redis, &settings.space).and_then(|bounds| Ok(Redis::new(bounds)?)) {
        Ok(redis) => match redis.tip().await {
            Ok(tip) => Ok(format!("{} answers, the log ends at {}", redis.address(), tip.unwrap_or_default())),
            Err(lost) => Err(lost.0),
        },
        Err(error) => Err(error.to_string()),
    };
    let locks = match &settings.locks {
        Some(locks) => Some(("locks", locks::try_out(locks).await)),
        None => None,
    };
    let rows = vec![
        ("settings", Ok(format!("host {} of space {}", settings.id, settings.space))),
        ("listen", listen.map_err(|error| error.to_string())),
        ("data", store.map_err(|error| error.to_string())),
        ("redis", log),
    ];
    rows.into_iter().chain(locks).collect()
}

async fn bind(name: &str, address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| usage(format!("cannot serve on {name} {address}: {error}: choose another with --{name}")))
}

fn claim(settings: &Settings, faults: Option<Faults>) -> Result<Claim> {
    let files = faults.map_or_else(Files::default, |faults| Files::watched(Arc::new(faults)));
    let bounds = sluice_disk::Settings { sync: settings.disk.is_synced, files, ..sluice_disk::Settings::default() };
    Claim::of(&settings.data, &settings.space, bounds).map_err(usage)
}

fn tell(report: &OpenReport) {
    metrics::counter!("sluice_resyncs_total", "why" => "damage").increment(report.damaged.len() as u64);
    for damage in &report.damaged {
        warn!(file = %damage.file.display(), at = damage.at, bytes = damage.bytes, what = %damage.what,
            "damaged part of the store set aside, going on from what is sound");
    }
}

fn identity(settings: &Settings, address: std::net::SocketAddr) -> Result<Identity> {
    Ok(Identity {
        host: settings.id.parse().map_err(usage)?,
        address: Some(format!("http://{address}")),
        labels: settings.labels.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: sluice_node::hub::wall_ms(),
    })
}

/// Gets the components that the space announces, so that this host can give away all it has.
fn stocking(larder: Arc<Larder>, hub: Arc<Hub>) -> JoinHandle<()> {
    tokio::spawn(async move { larder.keep(&hub).await })
}

/// Snapshots, trimming and ticks, unless they are left to other hosts.
fn keeper(host: &Settings, hub: Arc<Hub>, edges: &Edges) -> Option<Keeper> {
    let settings = host.keeper.clone()?;
    let (redis, snapshots) = (edges.redis.clone(), edges.snapshots.clone());
    let archive = Arc::new(redis.archivist(&host.id, edges.judge.clone(), host.history));
    let log: Arc<dyn Log> = redis.clone();
    Some(Keeper {
        settings,
        log,
        end: redis.clone(),
        snapshots,
        archive,
        leases: edges.leases.clone(),
        hosts: redis,
        hub,
    })
}

fn surface(settings: &Settings, hub: Arc<Hub>, edges: &Edges, metrics: PrometheusHandle) -> Arc<Surface> {
    let identity = sluice_http::Identity {
        host: settings.id.clone(),
        space: settings.space.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let bearer = settings.publish_token.as_deref().map(|token| Bearer::new(token.as_bytes()));
    let bounds = sluice_http::Settings { bearer, ..sluice_http::Settings::default() };
    let (redis, larder, judge) = (edges.redis.clone(), edges.larder.clone(), edges.judge.clone());
    let edges = sluice_http::Edges { log: redis.clone(), blobs: larder, judge, hosts: redis };
    Surface::new(hub, edges, Some(metrics), identity, bounds)
}

fn redis_settings(url: &str, space: &str) -> Result<sluice_redis::Settings> {
    Ok(sluice_redis::Settings::new(url, space.parse().map_err(usage)?))
}

/// The space's Redis, for commands. Nothing is connected before it is needed.
pub fn redis(reach: &Reach) -> Result<Redis> {
    Redis::new(redis_settings(&reach.redis, &reach.space)?).map_err(usage)
}

/// One server, for those who want no more than what it says of itself.
pub fn server(url: &str) -> Result<Redis> {
    Redis::new(redis_settings(url, "none")?).map_err(usage)
}

/// The judge of commands: the hosts' own, with a cache in the user's folder.
pub fn local_judge(blobs: Arc<dyn Blobs>) -> Result<Arc<dyn Judge>> {
    let cache = settings::cache_folder().join("validators");
    let bounds = sluice_judge::Settings { cache: Some(cache), ..sluice_judge::Settings::default() };
    Ok(Arc::new(judge(&bounds, blobs)?.patient()))
}

fn hosts_judge(settings: &Settings, blobs: Arc<dyn Blobs>) -> Result<Validators> {
    let bounds = sluice_judge::Settings {
        cache: Some(settings.cache.clone()),
        compiler: compiler(settings.compiler),
        ceilings: settings.ceilings,
        ..sluice_judge::Settings::default()
    };
    judge(&bounds, blobs)
}

fn judge(bounds: &sluice_judge::Settings, blobs: Arc<dyn Blobs>) -> Result<Validators> {
    let library = Library::open(bounds).with_context(|| {
        let shown = bounds.cache.as_deref().unwrap_or(std::path::Path::new("nowhere")).display();
        format!("cannot set up the validators, whose cache is {shown}")
    })?;
    Ok(Validators::new(library, blobs, tokio::runtime::Handle::current()))
}

/// A child of this very program. The link leads to the file that was started, also when an upgrade has put another in
/// its place: a child of another build would make code that this one does not run.
fn compiler(bounds: Bounds) -> Compiler {
    Compiler::Child(Child { program: "/proc/self/exe".into(), args: vec!["compile".to_owned()], bounds })
}

/// The life of such a child.
pub fn compile() -> Result<()> {
    Ok(sluice_judge::compile(std::io::stdin().lock(), std::io::stdout().lock())?)
}
