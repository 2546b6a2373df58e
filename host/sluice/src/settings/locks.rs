//! What a host is told about masters of locks.

use std::time::Duration;

use serde::Deserialize;
use sluice_node::{keeper, rejoin};

use crate::cli::duration;
use crate::wiring::{edges, locks};

/// Where a host takes its leases.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedLocks {
    /// One, three or five Redis servers that know nothing of each other. Default: the space's own Redis, with scripts of its
    /// own.
    masters: Vec<String>,
    /// The longest time to live of any lock over them, the same for all who share them.
    ttl_max: Option<String>,
}

impl TypedLocks {
    /// None without masters.
    pub fn meant(&self, keeper: Option<&keeper::Settings>) -> Result<Option<edges::LockSettings>, String> {
        let longest_ms = keeper.map_or(0, |keeper| keeper.lease_ms).max(rejoin::LEASE_MS);
        let ttl_max = match self.ttl_max.as_deref() {
            Some(text) => duration(text).map_err(|why| format!("locks.ttl_max: {why}"))?,
            None => Duration::from_millis(longest_ms),
        };
        if ttl_max < Duration::from_millis(longest_ms) {
            return Err(format!(
                "locks.ttl_max is {ttl_max:?}, and hosts take leases of {longest_ms}ms (keeper.lease_ms, and {}ms to bring \
                 back what a failover lost): give at least {longest_ms}ms",
                rejoin::LEASE_MS
            ));
        }
        match (&self.masters[..], &self.ttl_max) {
            ([], Some(_)) => {
                Err("locks.ttl_max is of no use without locks.masters: name them, or leave it out".to_owned())
            }
            ([], None) => Ok(None),
            (masters, _) => {
                locks::settings(masters.to_vec(), ttl_max).map(Some).map_err(|error| format!("locks.masters: {error}"))
            }
        }
    }
}
