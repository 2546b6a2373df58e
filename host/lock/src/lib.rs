//! A lock over several independent masters, with fencing tokens: what decides, without I/O, clock or chance.
//!
//! The lock is Redlock (redis.io, "Distributed locks with Redis"): a key with a random word on a majority of N masters
//! that know nothing of each other. A lock alone cannot stop a holder that sleeps past its end (Kleppmann 2016, "How to
//! do distributed locking"), so each grant comes with a **fencing token**: no two grants of a name get the same, and a
//! later one gets a higher. What the lock protects compares tokens; the lock only keeps most from trying.
//!
//! One [`Lock`] is one wish for one or several names, from the first question to the last release:
//!
//! ```text
//!            a majority took it, and granted the token
//!   Taking ──────────────────────────────────────────▶ Held ──▶ Over: released, or lost
//!    │  ▲    too few, too late: release on all           │ ▲
//!    ▼  │                                                ▼ │ every third of the time to live
//!   Pausing ──▶ Over: the wait was too long             extending
//! ```
//!
//! - [`Terms`]: for what, how long, how long to wait for it
//! - [`Attempt`]: one round over all masters, and the rounds for the token
//! - [`Hold`]: a lock that is held: extended, lost
//! - [`admission`]: when a master that may have lost its memory has a vote again
//! - [`Tide`]: whether a master's clock jumped
//! - [`Memory`]: what a master does with what it is asked, in memory: what the scripts of the Redis edge do

pub mod admission;
mod ask;
mod attempt;
mod hold;
mod lock;
mod memory;
mod refused;
mod terms;
mod tide;

pub use ask::{Ask, Mark, Reply, Word};
pub use attempt::{Attempt, Decision};
pub use hold::{Hold, Loss};
pub use lock::{Lock, Moment, Outgoing, Report, Stage};
pub use memory::Memory;
pub use refused::Refused;
pub use terms::{Bounds, Names, Renewal, Terms, TermsError, drift_ms};
pub use tide::Tide;
