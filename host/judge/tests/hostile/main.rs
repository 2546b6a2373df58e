//! Validators that mean harm: each is stopped, for the right cause, and the host goes on.
//!
//! - [`fixtures`]: a test for each fixture, with what stops it
//! - [`calls`]: time, room, and what a call costs
//! - [`files`]: damaged, foreign, huge and heavy components
//! - [`settings`]: settings that mean harm
//! - [`host`]: all of them on one running host, whose readers are served meanwhile
//! - [`leaks`]: ten thousand calls, and the memory before and after

mod calls;
mod files;
mod fixtures;
mod host;
mod leaks;
mod reads;
mod rig;
mod settings;
