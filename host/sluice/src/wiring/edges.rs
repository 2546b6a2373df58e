//! What commands show of the edges and ask of them directly, under one name, so that they name no edge.

use anyhow::{Context, Result};

pub use sluice_artifacts::{ALL as BUILT_IN, kit};
pub use sluice_judge::{
    Binding, Bounds, COMPONENT_BYTES_MAX, Candidate, Ceilings, Cost, Description, Glob, Journal, Level, Library,
    Limits, Settings as LibrarySettings, Trial, wrapped,
};
pub use sluice_redis::{
    Archivist, Census, CensusSaid, Clock, Durability, Grown, Guard, HostId, HostReport, LockError, LockNames, LockSeen,
    LockSettings, Loss, Machine, MasterStanding, Past, Purpose, Redis, Redlock, Refused, Remains, Renewal, Right, Seen,
    ServerFacts, Shelf, Space, StreamFacts, Terms,
};

/// The validators' engine, with a cache in the user's folder, so that a second run starts at once.
pub fn library() -> Result<Library> {
    let cache = crate::settings::cache_folder().join("validators");
    let bounds = sluice_judge::Settings { cache: Some(cache), ..sluice_judge::Settings::default() };
    Library::open(&bounds).context("cannot set up the validators' engine")
}
