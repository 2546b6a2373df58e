//! What Sluice promises, seen from outside: a real Redis, real hosts, and the tools people use.
//!
//! Every test starts its own, on ports the system chose, and leaves nothing behind. One binary, because
//! most of the time a test takes to build is the time to link it.

mod authors;
mod ceilings;
mod clusters;
mod compilers;
mod dev;
mod disks;
mod durable;
mod failover;
mod fences;
mod fields;
mod history;
mod http_streams;
mod http_values;
mod http_writes;
mod incidents;
mod languages;
mod linearizable;
mod locks;
mod meetings;
mod metrics;
mod network;
mod outages;
mod probation;
mod put;
mod races;
mod reading;
mod recordings;
mod reseed;
mod rifts;
mod schedules;
mod servers;
mod snapshots;
mod starts;
mod storm;
mod through;
mod tls;
mod trees;
mod trials;
mod trouble;
mod validators;
mod values;

use anyhow::Result;
use sluice_live::sluice::binary;
use sluice_live::{Host, Sluice};

/// A host and the command line, by this URL of a Redis that is more than one server.
fn edge(redis: &str) -> Result<(Sluice, tempfile::TempDir, Host)> {
    let folder = tempfile::Builder::new().prefix("sluice-fleet-").tempdir()?;
    let sluice = Sluice::new(redis, "shop", &binary()?.with_file_name("validators-of-tests"));
    let host = Host::start(&sluice, "edge-1", folder.path().join("edge-1"), &[])?;
    Ok((sluice, folder, host))
}
