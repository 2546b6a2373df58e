//! Many nodes in one process from one seed.
//!
//! Nothing here waits, and nothing is left to chance but what the seed says: one seed is one history, with
//! its publishers, its faults and its crashes, and runs the same on every machine. After each step the
//! [`laws`] are checked against the plain fold of the log. A failure names the seed; running it again with
//! `storm --seed` shows the steps that led there.
//!
//! - [`log`] with its [`branch`]es, [`publisher`], [`judge`]: the world that hosts must agree about
//! - `source`: pulls, held against what a host has by the hosts' own rule; `blows`: failovers, resets, holes, clocks that
//!   are set; `rejoin`: the hosts' own code that brings lost entries back, on a server that may fail it
//! - [`host`], [`disk`]: one node with what it has in flight, and what survives its crashes
//! - [`weather`]: which faults a seed has, and the bugs that can be planted to see them caught
//! - [`history`]: running one; `world` is its agenda of what happens next, `carry` carries effects out

mod arrival;
mod blows;
pub mod branch;
mod carry;
pub mod disk;
pub mod history;
pub mod host;
pub mod judge;
pub mod laws;
pub mod log;
pub mod publisher;
mod rejoin;
mod source;
pub mod weather;
mod world;

pub use history::{Failure, Run, Tally, run};
pub use weather::Bug;
