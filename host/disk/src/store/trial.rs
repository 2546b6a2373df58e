//! The sets of a store on probation.

use std::sync::PoisonError;

use sluice_core::{Lost, Revision};
use tracing::warn;

use super::{DiskStore, Shared};
use crate::position::Position;
use crate::probation::Probation;

impl DiskStore {
    /// To be called when the host serves, and then each time it has lived for the probation time: what was current at
    /// the call before is proven now, and what led to it need not be kept.
    ///
    /// # Errors
    /// It cannot be written down; the next call tries again.
    pub fn outlive(&self) -> Result<(), Lost> {
        let current = self.inner().position;
        let mut probation = self.probation.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(probation) = probation.as_mut() else { return Ok(()) };
        let outlived = probation.outlive(current);
        *self.shared.proven.lock().unwrap_or_else(PoisonError::into_inner) = probation.record().proven;
        outlived.map_err(|error| super::lost(&probation.path(), "write", &error))
    }

    /// To be called before entries up to `newest` are taken up. Costs a file only while a crash is remembered.
    pub fn tries(&self, newest: Revision) {
        let mut probation = self.probation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(probation) = probation.as_mut().filter(|probation| probation.record().crashes > 0)
            && let Err(error) = probation.tries(newest)
        {
            warn!(%error, "not noted which entries are tried after a crash");
        }
    }
}

impl Shared {
    pub fn proven(&self) -> Option<Position> {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The set to fall back to, for a store that has just been read.
pub fn begun(probation: Option<&mut Probation>, found: Position) -> Option<Position> {
    let probation = probation?;
    if let Err(error) = probation.found(found) {
        warn!(%error, "the set to fall back to is not noted");
    }
    probation.record().proven
}
