//! rslock, another Redlock for Rust, over the same masters.

use std::time::Duration;

use anyhow::Result;
use rslock::LockManager;

use crate::masters::Masters;

/// A client of its own connections.
pub fn new(masters: &Masters) -> LockManager {
    LockManager::new(masters.urls())
}

/// One lock taken and given back.
///
/// # Errors
/// It was not had.
pub async fn pair(peer: &LockManager, name: &str, ttl_ms: u64) -> Result<()> {
    let lock = peer.lock(name, Duration::from_millis(ttl_ms)).await?;
    lock.release().await;
    Ok(())
}
