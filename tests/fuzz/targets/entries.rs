//! Any text as the fields of entries.
#![no_main]

// Each target uses one of them.
#[allow(dead_code)]
#[path = "../../../host/core/tests/doors/bodies.rs"]
mod bodies;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| bodies::entries(text));
