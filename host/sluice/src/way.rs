//! The way to a space: over Redis, or through one of its hosts.

use anyhow::Result;
use sluice_core::State;

use crate::exit::away;
use crate::space::{Context, Space};
use crate::through::Through;
use crate::wiring::edges::Seen;

/// The way to a space.
pub enum Way {
    /// The log is read and folded here.
    Redis(Space),
    /// A host is asked.
    Host(Through),
}

impl Way {
    /// As `--host` says.
    pub fn of(context: &Context) -> Result<Way> {
        match Through::of(context)? {
            Some(host) => Ok(Way::Host(host)),
            None => context.space().map(Way::Redis),
        }
    }

    /// What keys are now; those under `prefix` at least.
    pub async fn state(&self, prefix: &str) -> Result<State> {
        match self {
            Way::Redis(space) => space.state(None).await,
            Way::Host(host) => host.state(prefix).await,
        }
    }

    /// The hosts heard of lately.
    pub async fn hosts(&self) -> Result<Vec<Seen>> {
        match self {
            Way::Redis(space) => space.redis.hosts().await.map_err(|lost| away(lost.0)),
            Way::Host(host) => host.hosts().await,
        }
    }
}
