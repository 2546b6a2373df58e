//! Files that nobody of ours wrote, as a folder's. `./x fuzz` tries longer.

mod bodies;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;

/// Steps of a script: mostly files and frames of a few bytes.
fn script() -> impl Strategy<Value = Vec<u8>> {
    let small = prop_oneof![4 => 0..3_u8, 1 => any::<u8>()];
    let bytes = prop_oneof![4 => vec(small, 0..120), 1 => vec(any::<u8>(), 0..40)];
    let number = prop_oneof![8 => 0..4_u8, 1 => any::<u8>()];
    let step = (select(&b"iillfff0x"[..]), number, bytes).prop_map(|(what, number, bytes)| {
        let [low, high] = (bytes.len() as u16).to_le_bytes();
        [&[what, number, low, high], &bytes[..]].concat()
    });
    vec(step, 0..8).prop_map(|steps| steps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_files_are_read_or_set_aside(script in script()) {
        bodies::files(&std::env::temp_dir(), &script);
    }
}

/// What a fuzzer found worth keeping.
#[test]
fn what_was_found_before_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/store");
    let files: Vec<_> = fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        bodies::files(&std::env::temp_dir(), &fs::read(file).unwrap());
    }
}
