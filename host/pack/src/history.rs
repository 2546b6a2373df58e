//! History: what each key was before each of its changes, and what became of each entry, beyond the log.
//!
//! - [`Event`]: what happened to one key; [`Note`]: one entry and its outcome
//! - `part`: events or notes as a chunk; [`Index`]: all parts of a history; docs/SNAPSHOTS.md is the grammar
//! - [`Window`]: what an entry after the other adds; `thin`: what may be forgotten, and in which order
//! - `past`: what a key was at a revision

mod event;
mod index;
mod note;
mod part;
mod past;
mod thin;
mod window;

pub use event::{Event, Former, Value, What};
pub use index::{INDEX_BYTES_MAX, Index, Run};
pub use note::Note;
pub use part::{Page, Part};
pub use past::{Then, then, undone};
pub use thin::{Bounds, Cutoff, Weight, cutoff, thinned, weights};
pub use window::{Window, changed};
