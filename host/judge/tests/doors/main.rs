//! The doors through which strangers reach a host, tried with what nobody thought of. `./x fuzz` tries longer.

mod bodies;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use sluice_artifacts::fixtures;
use sluice_judge::{Library, Settings};

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("validators");
        Library::open(&Settings { cache: Some(cache), slots: NonZeroUsize::MIN, ..Settings::default() }).unwrap()
    })
}

/// A few bytes of a small component written over, and perhaps its end cut off.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let small: Vec<_> = fixtures::ALL.iter().filter(|(_, bytes)| bytes.len() < 8192).collect();
    let spots = vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6);
    (0..small.len(), spots, prop_oneof![3 => Just(None), 1 => any::<proptest::sample::Index>().prop_map(Some)])
        .prop_map(move |(which, spots, cut)| {
            let mut bytes = small[which].1.to_vec();
            spots.iter().for_each(|(spot, byte)| *spot.get_mut(&mut bytes) = *byte);
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
            bytes
        })
}

/// Words of an answer: small numbers, so that many mean something, and now and then any.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![8 => 0u32..4, 4 => 0u32..256, 1 => any::<u32>()];
    vec(word, 0..64).prop_map(|words| words.into_iter().flat_map(u32::to_le_bytes).collect())
}

/// JSON of words that schemas and rules are made of.
fn settings() -> impl Strategy<Value = String> {
    const WORDS: [&str; 14] = [
        "schema",
        "rules",
        "expr",
        "message",
        "$ref",
        "#",
        "#/$defs/a",
        "$defs",
        "a",
        "pattern",
        "(a+)+$",
        "new.a > old.a",
        "allOf",
        "type",
    ];
    let word = (0..WORDS.len()).prop_map(|n| format!("{:?}", WORDS[n]));
    let leaf =
        prop_oneof![4 => word.clone(), 1 => any::<i64>().prop_map(|n| n.to_string()), 1 => Just("null".to_owned())];
    let tree = leaf.prop_recursive(5, 40, 5, move |inner| {
        let field = (word.clone(), inner.clone()).prop_map(|(name, value)| format!("{name}: {value}"));
        prop_oneof![
            vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            vec(field, 0..5).prop_map(|fields| format!("{{{}}}", fields.join(","))),
        ]
    });
    prop_oneof![
        2 => tree.clone().prop_map(|schema| format!(r#"{{"schema": {schema}}}"#)),
        2 => tree.clone().prop_map(|rules| format!(r#"{{"rules": [{rules}]}}"#)),
        1 => tree,
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_validator_or_refused(component in damaged()) {
        bodies::component_bytes(library(), &component);
    }

    #[test]
    fn any_answer_is_a_verdict_or_breaks_a_rule(answer in answer()) {
        bodies::returned_values(library(), &answer);
    }

    #[test]
    fn any_settings_are_taken_or_refused(settings in settings()) {
        bodies::settings(library(), &settings);
    }
}

type Body = fn(&[u8]);

/// What a fuzzer found worth keeping.
#[test]
fn what_was_found_before_holds() {
    let doors: [(&str, Body); 3] = [
        ("component_bytes", |bytes| bodies::component_bytes(library(), bytes)),
        ("returned_values", |answer| bodies::returned_values(library(), answer)),
        ("settings", |text| std::str::from_utf8(text).into_iter().for_each(|text| bodies::settings(library(), text))),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    for (door, body) in doors {
        let files: Vec<_> = fs::read_dir(corpus.join(door)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            println!("{}", file.display());
            body(&fs::read(file).unwrap());
        }
    }
}
