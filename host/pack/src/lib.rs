//! What states and entries look like as bytes, on disk and in snapshots.
//!
//! - [`codec`]: the words; `item`, `entry`, `verdicts`: what is said in them
//! - `chunk`, `manifest`: what a snapshot consists of; docs/SNAPSHOTS.md is the grammar; `named`: how documents begin
//! - `cut`: a state in chunks; `load`: chunks as a state; `file`: all of it in one file
//! - [`history`]: what the log no longer tells; `threads`: a large state is put together on all cores

mod chunk;
pub mod codec;
mod cut;
mod entry;
mod file;
mod flaw;
pub mod history;
mod item;
mod load;
mod manifest;
mod named;
mod threads;
mod verdicts;

pub use chunk::{CHUNK_BYTES, CHUNK_BYTES_MAX, Chunk, ChunkRef, Kind, OpenChunk};
pub use cut::Packing;
pub use entry::{put_entry, read_entry};
pub use file::{Archive, ArchiveError, Stored, begin_archive, end_archive};
pub use flaw::Flaw;
pub use item::{item_bytes, put_item, put_token, read_hashed, read_item, read_token};
pub use load::Loading;
pub use manifest::{MANIFEST_BYTES_MAX, Manifest};
pub use threads::Threads;
pub use verdicts::{put_refused, put_verdict, read_refused, read_verdict};
