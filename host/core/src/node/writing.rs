//! The one batch on its way to the disk.

use std::sync::Arc;

use crate::effect::{Batch, Millis};

/// The batch on its way to the disk. Only one is ever open, so batches reach the disk in order.
pub enum Writing {
    /// None.
    Nothing,
    /// Written, as far as one knows; past `until` the answer counts as lost.
    Open { batch: Arc<Batch>, until: Millis, failures: u32 },
    /// The store refused it; to be written again at `until`.
    Resting { batch: Arc<Batch>, until: Millis, failures: u32 },
}

impl Writing {
    /// How many entries it keeps in memory.
    pub fn entries(&self) -> usize {
        match self {
            Writing::Nothing => 0,
            Writing::Open { batch, .. } | Writing::Resting { batch, .. } => batch.steps.len(),
        }
    }

    /// Whether it takes the place of all that is on the disk.
    pub fn is_restored(&self) -> bool {
        match self {
            Writing::Nothing => false,
            Writing::Open { batch, .. } | Writing::Resting { batch, .. } => batch.is_restored,
        }
    }

    /// When it next wants to be looked at.
    pub fn deadline(&self) -> Option<Millis> {
        match self {
            Writing::Nothing => None,
            Writing::Open { until, .. } | Writing::Resting { until, .. } => Some(*until),
        }
    }
}
