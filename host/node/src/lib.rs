//! Runs one node on tokio: the ports, the drive loop, in-memory ports, conformance suites.
//!
//! - [`ports`]: what a node needs from the world, as traits; each edge crate implements some
//! - [`drive`]: the loop that carries out effects and brings back answers
//! - [`hub`]: what surfaces read and wait on
//! - [`keeper`]: snapshots, trimming and ticks, by one host for all
//! - [`archive`]: the keeper's part in the history
//! - [`rejoin`]: back to a log that lost entries this host has
//! - [`scheduler`]: changes that begin and end at a time
//! - [`memory`]: every port in memory, a real one that passes the same suites
//! - [`conformance`]: one suite a port

pub mod archive;
pub mod conformance;
pub mod drive;
pub mod hub;
pub mod keeper;
pub mod memory;
mod meter;
pub mod ports;
pub mod rejoin;
pub mod scheduler;
mod tip;

pub use drive::{Host, Running};
pub use hub::{Hub, View};
pub use keeper::Keeper;
pub use ports::{
    AppendError, Archive, Archived, Blobs, Heard, Hosts, Judge, Judgement, Kept, Lease, Leases, Log, Past, Ports,
    Reach, Reports, Retention, Snapshots, Store, WriteError,
};
pub use scheduler::Scheduler;
