//! Leases over several masters, for those who know leases by their port.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_core::Lost;
use sluice_lock::{Names, Refused, Renewal, Terms};
use sluice_node::ports::{Answer, Lease, Leases};

use super::{Guard, LockError, Redlock};

type Held = HashMap<(String, String), Guard>;

/// Leases of one space. Whoever takes one renews it; it is not extended by itself.
#[derive(Clone)]
pub struct LockLeases {
    redlock: Redlock,
    /// Before each name.
    prefix: String,
    /// By their resources and words. Bounded by the leases this process takes: what has run out goes with the next.
    held: Arc<Mutex<Held>>,
}

impl LockLeases {
    /// Of the space with this name.
    pub fn new(redlock: Redlock, space: &crate::Space) -> LockLeases {
        LockLeases { redlock, prefix: format!("sluice:{{{space}}}:lock:"), held: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leases for LockLeases {
    fn acquire(&self, resource: &str, ttl_ms: u64) -> Answer<'_, Result<Option<Lease>, Lost>> {
        let resource = resource.to_owned();
        Box::pin(async move {
            self.held().retain(|_, guard| guard.check().is_ok());
            let names = Names::new([format!("{}{resource}", self.prefix)]).map_err(|error| Lost(error.to_string()))?;
            let terms = Terms { names, ttl_ms, wait_ms: 0, renewal: Renewal::Never };
            let began = std::time::Instant::now();
            let had = self.redlock.acquire(terms).await;
            let result = match &had {
                Ok(_) => "had",
                Err(LockError::Refused(Refused::Taken { .. })) => "taken",
                Err(_) => "failed",
            };
            metrics::histogram!("sluice_lock_acquire_seconds", "result" => result).record(began.elapsed());
            match had {
                Ok(guard) => {
                    let lease = Lease { resource, token: guard.token(), word: guard.word() };
                    self.held().insert((lease.resource.clone(), lease.word.clone()), guard);
                    Ok(Some(lease))
                }
                Err(LockError::Refused(Refused::Taken { .. })) => Ok(None),
                Err(error) => Err(Lost(error.to_string())),
            }
        })
    }

    /// The time to live is that with which it was taken.
    fn renew(&self, lease: &Lease, _: u64) -> Answer<'_, Result<bool, Lost>> {
        let key = (lease.resource.clone(), lease.word.clone());
        Box::pin(async move {
            let Some(extended) = self.held().get(&key).map(Guard::extended) else { return Ok(false) };
            match extended.await {
                Ok(true) => Ok(true),
                Ok(false) => Err(Lost(format!("the lock {} was not extended: too few masters answered", key.0))),
                Err(_) => Ok(false),
            }
        })
    }

    fn release(&self, lease: &Lease) -> Answer<'_, Result<bool, Lost>> {
        let guard = self.held().remove(&(lease.resource.clone(), lease.word.clone()));
        Box::pin(async move {
            match guard {
                Some(guard) if guard.check().is_ok() => Ok(guard.release().await.deleted > 0),
                Some(_) | None => Ok(false),
            }
        })
    }
}
