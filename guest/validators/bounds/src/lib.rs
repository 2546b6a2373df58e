//! Refuses numbers outside their bounds: the seven-line example.
