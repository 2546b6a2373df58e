//! Any files as the store of a host.
#![no_main]

#[path = "../../../host/disk/tests/doors/bodies.rs"]
mod bodies;

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| bodies::files(Path::new("/dev/shm"), script));
