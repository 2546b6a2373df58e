//! The local store of a host: an append log with group commit, and images.
//!
//! ```text
//!   Batch ──one write, one fdatasync──▶ log-7 ──too long──▶ log-8, and in the background image-8
//!   open: newest good image ──replay of the logs from its number on──▶ State
//! ```
//!
//! A log record is a batch: its entries as they stand in the stream, and the verdicts, the one thing
//! about them that does not follow from the log. Opening folds them again, so nothing else is trusted,
//! and what comes out is always a state this host once had: the newest, or after damage an older one.
//! In reading order:
//!
//! - `settings`, `report`, `error`: what goes in, and what opening has to say
//! - `files`: every change of the disk, for tests to stand in its way; `faults`: how real processes are told to
//! - `record`: a batch as bytes, in the words of `sluice_pack`
//! - `frame`, `log`, `image`: the two kinds of files
//! - `folder`, `recover`, `store`: the files together
//! - `probation`, `claim`: how the host ended before, and what may be loaded because of that
//! - `past`: what was taken lately, for a log that lost it
//! - `larder`: components, for whoever has none

mod ahead;
mod claim;
mod error;
mod faults;
mod files;
mod folder;
mod frame;
mod image;
mod larder;
mod log;
mod past;
mod position;
mod probation;
mod record;
mod recover;
mod report;
mod settings;
mod store;

pub use claim::Claim;
pub use error::OpenError;
pub use faults::Faults;
pub use files::{Act, Change, Files, Watch};
pub use larder::Larder;
pub use recover::verify;
pub use report::{Damage, OpenReport};
pub use settings::Settings;
pub use store::{DiskStore, Opened};
