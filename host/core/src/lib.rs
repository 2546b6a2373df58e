//! The rules of Sluice: a pure, deterministic state machine over the log.
