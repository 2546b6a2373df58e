//! The sluice command and daemon.
