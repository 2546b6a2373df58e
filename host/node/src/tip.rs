//! Whether a host may act for the space: what it serves is what the log leads to, and it knows it.

use sluice_core::{Digest, Lost, Revision, State};

use crate::hub::Hub;
use crate::ports::Log;

/// How what is served stands to the log.
pub enum Tip {
    /// It is what all of the log leads to.
    Here(State),
    /// The log goes on, with this entry.
    Behind(State, Revision),
    /// It may be of another log, or is an older set than this host has. Nothing may be written because of it.
    Apart,
}

/// Looks.
///
/// # Errors
/// The log is out of reach.
pub async fn tip(hub: &Hub, log: &dyn Log) -> Result<Tip, Lost> {
    if hub.is_apart() {
        return Ok(Tip::Apart);
    }
    let state = hub.view().state.clone();
    // The entry it stands at is looked at once more: the log may be another since it was pulled from last.
    let found = log.read(state.cursor, 2).await?;
    let is_known = state.newest != Digest::ZERO;
    match found.first() {
        Some(at) if at.revision == state.cursor && is_known && at.digest != state.newest => Ok(Tip::Apart),
        Some(_) | None => Ok(match found.iter().find(|entry| entry.revision > state.cursor) {
            Some(next) => Tip::Behind(state, next.revision),
            None => Tip::Here(state),
        }),
    }
}
