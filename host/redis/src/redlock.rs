//! A lock over several independent Redis masters: Redlock with fencing tokens.
//!
//! What decides stands in `sluice_lock`; here is what does. Each master has a task and a connection (`master`), each lock a
//! task of its own (`keeping`), and its holder a [`Guard`]. The promise, and what it is not, stands in `docs/LOCKS.md`.

mod census;
mod clock;
mod connection;
mod errand;
mod guard;
mod keeping;
mod leases;
mod master;
mod pending;
mod scripts;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use census::{Census, LockSeen, Said as CensusSaid};
pub use clock::{Clock, Machine};
pub use guard::Guard;
pub use leases::LockLeases;
use sluice_lock::admission::{Standing, floor};
use sluice_lock::{Bounds, Lock, Names, Refused, Terms, TermsError};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tokio::time::timeout;

use crate::address::{Address, Place};
use crate::settings::SettingsError;
use errand::{Errand, Master};
use keeping::{Keeping, moment};
use master::Task;
use pending::Pending;

/// Which masters, and what holds for all locks over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSettings {
    /// Their URLs: one server each, an odd number of them, none a replica of another.
    pub masters: Vec<String>,
    /// The longest time to live of any lock, in ms, the same for all who share the masters. For so long a master that was
    /// restarted has no vote.
    pub ttl_max_ms: u64,
    /// How long one round of questions waits for those masters that do not answer, in ms.
    pub answer_ms: u64,
    /// How long to connect may take, in ms.
    pub connect_ms: u64,
    /// How long a connection may owe an answer before another is opened, in ms.
    pub silence_ms: u64,
}

impl LockSettings {
    /// Whether there can be locks over them.
    ///
    /// # Errors
    /// As for [`Redlock::new`].
    pub fn check(&self) -> Result<(), SettingsError> {
        addresses(self).map(drop)
    }

    /// These masters, and times that suit a network.
    pub fn new<T: Into<String>>(masters: impl IntoIterator<Item = T>) -> LockSettings {
        let masters = masters.into_iter().map(Into::into).collect();
        LockSettings { masters, ttl_max_ms: 30_000, answer_ms: 500, connect_ms: 1_000, silence_ms: 3_000 }
    }
}

/// The masters' addresses.
///
/// # Errors
/// There are too few or too many, or one is not that of one server, or is named twice.
fn addresses(settings: &LockSettings) -> Result<Vec<Address>, SettingsError> {
    let masters = settings.masters.len();
    if masters.is_multiple_of(2) {
        let why = format!("{masters} masters for locks: name one, three or five, none of them twice");
        return Err(SettingsError::new(why));
    }
    let mut addresses: Vec<Address> = Vec::new();
    for url in &settings.masters {
        let address = Address::parse(url, "")?;
        match &address.place {
            Place::Unix(_) | Place::Single(_) => (),
            Place::Sentinels(_) | Place::Cluster(_) => {
                return Err(SettingsError::new(
                    "a lock's master is one server: write redis://host, without Sentinels or a cluster".to_owned(),
                ));
            }
        }
        if addresses.iter().any(|one| one.shown() == address.shown()) {
            let why = format!("{} is named twice: masters must be independent", address.shown());
            return Err(SettingsError::new(why));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// Why there is no lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockError {
    /// The wish cannot be a lock.
    Terms(TermsError),
    /// It was not had in time.
    Refused(Refused),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Terms(error) => error.fmt(f),
            LockError::Refused(refused) => write!(f, "the lock was not had: {refused}"),
        }
    }
}

impl std::error::Error for LockError {}

/// The masters of locks. Clones share their connections.
#[derive(Clone)]
pub struct Redlock {
    inner: Arc<Inner>,
}

struct Inner {
    bounds: Bounds,
    masters: Arc<[Master]>,
    shown: Vec<String>,
    clock: Arc<dyn Clock>,
    register: Arc<AtomicU64>,
    pending: Pending,
    /// Who of this process is next for a name: only one of them asks the masters.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Redlock {
    /// Begins to connect, with the machine's clocks. Needs a runtime.
    ///
    /// # Errors
    /// There is no master, or an URL is not that of one server.
    pub fn new(settings: &LockSettings) -> Result<Redlock, SettingsError> {
        Redlock::with(settings, Arc::new(Machine))
    }

    /// The same with other clocks, for tests.
    ///
    /// # Errors
    /// As [`Redlock::new`].
    pub fn with(settings: &LockSettings, clock: Arc<dyn Clock>) -> Result<Redlock, SettingsError> {
        let (addresses, masters) = (addresses(settings)?, settings.masters.len());
        let bounds = Bounds { masters, ttl_max_ms: settings.ttl_max_ms, answer_ms: settings.answer_ms };
        let times = (Duration::from_millis(settings.connect_ms), Duration::from_millis(settings.silence_ms));
        // Unbounded on purpose: each master asks twice a second at most, and only while it has no vote.
        let (admissions, admitted) = mpsc::unbounded_channel();
        let shown = addresses.iter().map(|address| address.shown().to_owned()).collect();
        let start = |(place, address)| Task::start(place, address, bounds, times, clock.clone(), admissions.clone());
        let masters: Arc<[Master]> = addresses.into_iter().enumerate().map(start).collect();
        let (register, pending, turns) = (Arc::new(AtomicU64::new(0)), Pending::default(), Mutex::default());
        let inner = Arc::new(Inner { bounds, masters, shown, clock, register, pending, turns });
        tokio::spawn(admit(Arc::downgrade(&inner), admitted));
        Ok(Redlock { inner })
    }

    /// Takes a lock. Given up at any point, nothing stays behind.
    ///
    /// # Errors
    /// The terms cannot be met, or it was not had in their time.
    pub async fn acquire(&self, terms: Terms) -> Result<Guard, LockError> {
        let inner = &self.inner;
        terms.check(&inner.bounds).map_err(LockError::Terms)?;
        let (began_ms, wait_ms) = (inner.clock.now_ms(), terms.wait_ms);
        let turns = timeout(Duration::from_millis(wait_ms.max(1)), inner.turns(&terms.names)).await;
        let turns = turns.map_err(|_| LockError::Refused(Refused::Taken { left_ms: 0 }))?;
        let waited_ms = inner.clock.now_ms().saturating_sub(began_ms);
        let terms = Terms { wait_ms: wait_ms.saturating_sub(waited_ms), ..terms };
        let (tell, told) = oneshot::channel();
        let lock = Lock::begin(terms, inner.bounds, inner.register.load(Ordering::Relaxed), &moment(&*inner.clock));
        let keeping = Keeping {
            lock,
            masters: inner.masters.clone(),
            clock: inner.clock.clone(),
            register: inner.register.clone(),
            owed_ms: inner.bounds.ttl_max_ms,
            report_ms: inner.bounds.answer_ms,
            pending: inner.pending.clone(),
            turns,
            tell: Some(tell),
        };
        tokio::spawn(keeping.run(inner.pending.one()));
        // It tells before it ends; when the runtime shuts down it cannot.
        let guard = told.await.unwrap_or(Err(Refused::Late)).map_err(LockError::Refused)?;
        match guard.check() {
            Ok(_) => Ok(guard),
            // This process slept after the last answer.
            Err(_) => Err(LockError::Refused(Refused::Late)),
        }
    }

    /// Gives all masters a vote at once: for masters that are new, on which nobody can hold a lock yet. On others it lets in
    /// what the gate is there to keep out.
    ///
    /// # Errors
    /// A master that does not answer in time, by its address.
    pub async fn bootstrap(&self, wait: Duration) -> Result<(), String> {
        let floor = self.inner.clock.wall_us();
        let ended = tokio::time::Instant::now() + wait;
        for (place, master) in self.inner.masters.iter().enumerate() {
            loop {
                let (tell, told) = oneshot::channel();
                master.send(Errand::Bootstrap(floor, tell));
                match tokio::time::timeout_at(ended, told).await {
                    Ok(Ok(())) => break,
                    // Not connected yet: what comes in then fails at once.
                    Ok(Err(_)) if tokio::time::Instant::now() < ended => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    Ok(Err(_)) | Err(_) => return Err(self.inner.shown[place].clone()),
                }
            }
        }
        Ok(())
    }

    /// Each master's address, where it stands, and what is wrong with it.
    pub fn masters(&self) -> Vec<(String, Option<Standing>, Option<String>)> {
        let said = self.inner.masters.iter().map(Master::said);
        self.inner.shown.iter().zip(said).map(|(shown, said)| (shown.clone(), said.standing, said.trouble)).collect()
    }

    /// Waits until nothing is held or wished for, and all that was given back is acknowledged or has run out.
    pub async fn close(&self) {
        self.inner.pending.none().await;
    }
}

impl Inner {
    /// This process's turn for all names; in their order, so that two cannot wait for each other.
    async fn turns(&self, names: &Names) -> Vec<OwnedMutexGuard<()>> {
        let mut turns = Vec::new();
        for name in names.iter() {
            let turn = {
                let mut all = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
                all.retain(|_, turn| Arc::strong_count(turn) > 1);
                all.entry(name.to_owned()).or_default().clone()
            };
            turns.push(turn.lock_owned().await);
        }
        turns
    }
}

/// Admits those masters whose gate is over, as long as anybody has use for them.
async fn admit(inner: std::sync::Weak<Inner>, mut admitted: mpsc::UnboundedReceiver<usize>) {
    while let Some(place) = admitted.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        let mut asked = Vec::new();
        for (_, other) in inner.masters.iter().enumerate().filter(|(other, _)| *other != place) {
            let (tell, told) = oneshot::channel();
            other.send(Errand::Witness(tell));
            asked.push(told);
        }
        let ended = tokio::time::Instant::now() + Duration::from_millis(inner.bounds.answer_ms);
        let mut others = Vec::new();
        for told in asked {
            others.push(tokio::time::timeout_at(ended, told).await.ok().and_then(Result::ok));
        }
        if let Some(floor) = floor(&inner.bounds, &others, inner.clock.wall_us()) {
            inner.masters[place].send(Errand::Admit(floor));
        }
    }
}
