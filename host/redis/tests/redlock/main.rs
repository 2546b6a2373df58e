//! Locks over five real servers, which are stopped, killed and restarted. Tests are named by the invariants of
//! docs/LOCKS.md.

#[path = "../common/mod.rs"]
mod common;
mod extending;
mod live;
mod network;
mod safety;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Server, wait_for};
use sluice_redis::{Clock, Guard, LockError, LockNames, LockSettings, Machine, Redlock, Renewal, Terms};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "orders";

struct Masters {
    servers: Vec<Server>,
}

impl Masters {
    async fn start() -> Masters {
        let mut servers = Vec::new();
        for _ in 0..5 {
            servers.push(Server::start(&[]).await);
        }
        Masters { servers }
    }

    fn settings(&self) -> LockSettings {
        LockSettings { ttl_max_ms: 20_000, ..LockSettings::new(self.servers.iter().map(Server::url)) }
    }

    /// A process's view of masters that are known to be new.
    async fn bootstrapped(&self) -> Redlock {
        let redlock = Redlock::new(&self.settings()).unwrap();
        redlock.bootstrap(PATIENCE).await.unwrap();
        redlock
    }

    /// Another process's view of them.
    async fn joined(&self, settings: &LockSettings) -> Redlock {
        let redlock = Redlock::new(settings).unwrap();
        wait_for(|| async { redlock.masters().iter().all(|(_, standing, _)| standing.is_some()) }).await;
        redlock
    }

    /// How many of these have the key.
    async fn keys(&self, of: impl IntoIterator<Item = usize>) -> i64 {
        let mut keys = 0;
        for at in of {
            match self.servers[at].say(&["EXISTS", NAME]).await {
                redis::Value::Int(number) => keys += number,
                other => panic!("{other:?}"),
            }
        }
        keys
    }

    fn signal(&self, of: impl IntoIterator<Item = usize>, signal: &str) {
        of.into_iter().for_each(|at| self.servers[at].signal(signal));
    }
}

fn terms(ttl_ms: u64, wait_ms: u64) -> Terms {
    Terms { names: LockNames::new([NAME]).unwrap(), ttl_ms, wait_ms, renewal: Renewal::Never }
}

fn lasting(ttl_ms: u64, wait_ms: u64) -> Terms {
    Terms { renewal: Renewal::Auto { total_ms: 600_000 }, ..terms(ttl_ms, wait_ms) }
}

async fn taken(redlock: &Redlock, terms: Terms) -> Guard {
    redlock.acquire(terms).await.map_err(|error| format!("{error}: {:?}", redlock.masters())).unwrap()
}

fn refused(result: Result<Guard, LockError>) -> sluice_redis::Refused {
    match result {
        Err(LockError::Refused(refused)) => refused,
        Err(other) => panic!("{other}"),
        Ok(guard) => panic!("it was had, with token {}", guard.token()),
    }
}

/// Until when it is held, in ms; by 1 or 2 off, for the clock goes on between two looks. None when it is not.
fn deadline_ms(held: &Guard) -> Option<u64> {
    held.check().ok().map(|left| Machine.now_ms() + left.as_millis() as u64)
}

/// The machine's clock, and what it is ahead, as after a sleep.
#[derive(Default)]
struct Ahead(AtomicU64);

impl Clock for Ahead {
    fn now_ms(&self) -> u64 {
        Machine.now_ms() + self.0.load(Ordering::SeqCst)
    }

    fn wall_us(&self) -> u64 {
        Machine.wall_us()
    }
}

fn ahead() -> Arc<Ahead> {
    Arc::default()
}
