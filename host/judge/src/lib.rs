//! Runs validators: wasmtime components under fuel, memory and time limits.
//!
//! - [`Validators`]: the port; all bindings of a state on each change, and bindings themselves
//! - [`Library`]: components, compiled once and kept; also looks into one
//! - [`Candidate`]: one of them with a binding, to be tried out
//! - [`Binding`], [`Glob`], [`Limits`]: what a binding document says, read by the core
//!
//! A verdict is a function of the change, the state before it and the bindings in it. What could differ
//! between hosts, time and room, ends as a fault and never as a verdict.

mod admission;
mod candidate;
mod ceilings;
mod child;
mod compiler;
mod engine;
mod finding;
mod gate;
mod guest;
mod image;
mod inspection;
mod journal;
mod key;
mod library;
mod meter;
mod run;
mod sealed;
mod shelf;
mod sight;
mod trial;
mod v0_1;
mod v1;
mod validators;
mod verdicts;
mod weight;
mod wire;
mod workshop;
mod wrap;

pub use candidate::Candidate;
pub use ceilings::Ceilings;
pub use compiler::{Bounds, Child, Compiler};
pub use engine::Build;
pub use inspection::{Description, Inspection};
pub use journal::{Journal, Level, Line};
pub use library::{COMPONENT_BYTES_MAX, Library, Settings, Unfit};
pub use run::Cost;
pub use sluice_core::{Binding, BindingError, Glob, GlobError, Limits, Mode};
pub use trial::Trial;
pub use validators::Validators;
pub use wire::compile;
pub use wrap::wrapped;
