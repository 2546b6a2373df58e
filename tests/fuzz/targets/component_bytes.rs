//! Any bytes as a component.
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

fuzz_target!(|bytes: &[u8]| bodies::component_bytes(&LIBRARY, bytes));
