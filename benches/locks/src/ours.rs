//! Our own locks, as a host or `sluice lock` takes them.

use anyhow::{Result, ensure};
use sluice_redis::{LockNames, Redlock, Renewal, Terms};

/// A wish for one name, not extended by itself.
///
/// # Errors
/// The name cannot be one.
pub fn terms(name: &str, ttl_ms: u64, wait_ms: u64) -> Result<Terms> {
    Ok(Terms { names: LockNames::new([name])?, ttl_ms, wait_ms, renewal: Renewal::Never })
}

/// One lock taken and given back, of which it must be the only holder.
///
/// # Errors
/// It was not had, or was gone before it was given back.
pub async fn pair(redlock: &Redlock, terms: Terms) -> Result<()> {
    let guard = redlock.acquire(terms).await?;
    let report = guard.release().await;
    ensure!(report.deleted > 0, "the lock was gone: {report:?}");
    Ok(())
}
