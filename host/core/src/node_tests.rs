//! The node as transcripts: events in, effects out.

#[path = "node_tests/reach.rs"]
mod reach;
#[path = "node_tests/restore.rs"]
mod restore;
#[path = "node_tests/scripts.rs"]
mod scripts;
#[path = "node_tests/storm.rs"]
mod storm;
#[path = "node_tests/table.rs"]
mod table;
