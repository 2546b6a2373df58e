//! What states and entries look like as bytes, on disk and in snapshots.
//!
//! - [`codec`]: the words; `item`, `entry`, `verdicts`: what is said in them

pub mod codec;
mod entry;
mod item;
mod verdicts;

pub use entry::{put_entry, read_entry};
pub use item::{item_bytes, put_item, put_token, read_item, read_token};
pub use verdicts::{put_refused, put_verdict, read_refused, read_verdict};
