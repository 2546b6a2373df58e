//! The rules of Sluice: a pure, deterministic state machine over the log.
//!
//! No I/O, no clock, no chance, no async: time comes in as an argument, the world as [`Event`]s, and
//! all that should happen goes out as [`Effect`]s. A map of the modules, in reading order:
//!
//! - [`key`], [`revision`], [`digest`], [`media`]: the small words everything is said in
//! - [`entry`], [`change`], [`decode`]: a record of the log, and what it asks for
//! - [`verdict`], [`outcome`]: what validators answer, and what the fold decides
//! - [`binding`] with [`bindings`], [`glob`] and [`limits`]: which keys a validator judges, and how
//! - [`policy`] with its [`guard`]: what holds for the space as a whole
//! - [`state`] over [`trie`]: current values with their Merkle root, cheap to clone
//! - [`schedule`] and [`time`]: changes that begin or end at a time of the log
//! - [`fold`]: State x Entry x Verdict -> State x Outcome, the only place that refuses or applies
//! - [`reach`]: which entries must wait for which, for what their validators may look up
//! - [`probe`]: whether a log still is the one a host has followed
//! - [`effect`], [`node`]: the same fold as a state machine driven by events

pub mod binding;
pub mod bindings;
pub mod change;
pub mod crew;
pub mod decode;
pub mod digest;
pub mod effect;
pub mod entry;
pub mod fence;
pub mod fold;
pub mod glob;
pub mod guard;
pub mod key;
pub mod limits;
pub mod media;
pub mod node;
pub mod outcome;
pub mod policy;
pub mod probe;
pub mod reach;
pub mod revision;
pub mod schedule;
pub mod state;
pub mod time;
pub mod tokens;
mod touched;
pub mod trie;
pub mod verdict;
mod wait;

pub use binding::{Binding, BindingError, Mode};
pub use bindings::Bindings;
pub use change::{Action, BlobRef, Change, Content, Edit, Overrides, Put};
pub use crew::{Alone, Crew};
pub use digest::Digest;
pub use effect::{
    Apart, Ask, Batch, Effect, Event, Held, Judged, Lost, Millis, Place, PullError, Remark, Rift, Settled, Snapshot,
    Standing, Step,
};
pub use entry::{Entry, LOST_FIELD};
pub use fence::Fence;
pub use glob::{Glob, GlobError, Globs};
pub use guard::Guard;
pub use key::{Key, KeyError};
pub use limits::Limits;
pub use media::Media;
pub use node::{Node, Settings};
pub use outcome::{Outcome, Refusal, Refused};
pub use policy::Policy;
pub use revision::Revision;
pub use schedule::{Later, Planned, Turn};
pub use state::{Hashed, Item, State};
pub use touched::waits_behind;
pub use trie::Subtree;
pub use verdict::{Cause, Fault, Finding, Severity, Verdict};
