//! Any bytes as the memory a validator answers from.
#![no_main]

// Each target uses one of them.
#[allow(dead_code)]
#[path = "../../../host/judge/tests/doors/bodies.rs"]
mod bodies;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluice_judge::{Library, Settings};

static LIBRARY: LazyLock<Library> =
    LazyLock::new(|| Library::open(&Settings::default()).expect("there is room for an engine"));

fuzz_target!(|answer: &[u8]| bodies::returned_values(&LIBRARY, answer));
