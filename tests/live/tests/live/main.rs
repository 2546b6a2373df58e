//! What Sluice promises, seen from outside: a real Redis, real hosts, and the tools people use.
//!
//! Every test starts its own, on ports the system chose, and leaves nothing behind. One binary, because
//! most of the time a test takes to build is the time to link it.

mod authors;
mod ceilings;
mod compilers;
mod dev;
mod fields;
mod http_streams;
mod http_values;
mod http_writes;
mod languages;
mod metrics;
mod outages;
mod put;
mod races;
mod reading;
mod recordings;
mod snapshots;
mod starts;
mod storm;
mod through;
mod trees;
mod trials;
mod trouble;
mod validators;
mod values;
