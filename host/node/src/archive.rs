//! The keeper's part in the history: adds to it, and says how it is.

use metrics::gauge;
use sluice_core::{Lost, State};
use tracing::warn;

use crate::ports::{Archive, Archived, Lease};

/// Adds what led to a state.
///
/// # Errors
/// As the archive says. Then nothing may be trimmed.
pub async fn archive(archive: &dyn Archive, state: &State, lease: &Lease) -> Result<(), Lost> {
    let Archived { floor, stored_bytes, anew, .. } = archive.archive(state.clone(), lease.clone()).await?;
    if let Some(why) = anew {
        warn!(%why, %floor, "the history begins anew: what was before cannot be told");
    }
    gauge!("sluice_history_bytes").set(stored_bytes as f64);
    Ok(())
}
