//! What comes to the core from strangers, tried with what nobody thought of. `./x fuzz` tries longer.

mod bodies;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;

/// Lines of words that mean something to the grammar, and now and then any.
fn entries() -> impl Strategy<Value = Vec<u8>> {
    const NAMES: [&str; 17] = [
        "put:",
        "put-blob:",
        "del:",
        "type:",
        "base:",
        "author",
        "reason",
        "token",
        "tick",
        "from",
        "until",
        "x-",
        "x-note",
        "fence",
        "fence:lock",
        "",
        "set:",
    ];
    const KEYS: [&str; 7] = ["a", "b/c.json", "_sluice/validators/v", "_sluice/placement", "", "a//b", "../a"];
    const VALUES: [&str; 9] =
        ["", "1", "0", "1-0", "99", "1970-01-01T01:00:00+00:30", "text/plain", "{\"keys\": [\"**\"]}", "\u{1b}[31m"];
    let value =
        prop_oneof![8 => select(&VALUES[..]).prop_map(|text| text.as_bytes().to_vec()), 1 => vec(any::<u8>(), 0..40)];
    let line = (select(&NAMES[..]), select(&KEYS[..]), value);
    let line = line.prop_map(|(name, key, value)| [name.as_bytes(), key.as_bytes(), b" ", &value].concat());
    vec(prop_oneof![6 => line, 1 => vec(any::<u8>(), 0..60)], 0..12).prop_map(|lines| lines.join(&b'\n'))
}

/// Documents of the shape of a binding.
fn binding() -> impl Strategy<Value = Vec<u8>> {
    let glob = select(&["a", "a/*", "**", "**/b", "_sluice/**", "*a*", "a/**/b*", "", "a**", "\\u001b"][..]);
    let globs = || vec(glob.clone(), 0..4);
    let settings = select(
        &["null", "{}", "1e300", "0.1", "-0.0", "[1, {\"a\": 2}]", "18446744073709551616", "\"\\ud834\\udd1e\""][..],
    );
    let rest = select(
        &["", ", \"mode\": \"off\"", ", \"limits\": {\"fuel\": 1}", ", \"limits\": {\"fuel\": 0}", ", \"x\": 1", "}"][..],
    );
    (globs(), globs(), settings, rest).prop_map(|(keys, reads, settings, rest)| {
        let component = "0".repeat(64);
        format!(r#"{{"keys": {keys:?}, "reads": {reads:?}, "component": "{component}", "settings": {settings}{rest}}}"#)
            .replace("\\\\", "\\")
            .into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_entry_is_a_change_or_refused_in_words(text in entries()) {
        bodies::entries(&text);
    }

    #[test]
    fn any_binding_is_sound_or_refused_with_a_place(text in binding()) {
        bodies::binding(&text);
    }
}

/// What a fuzzer found worth keeping.
// The core's bans are on what it does itself; the files are the test's, and so is the name of the one that fails.
#[allow(clippy::disallowed_methods, clippy::disallowed_macros)]
#[test]
fn what_was_found_before_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    for (door, body) in [("entries", bodies::entries as fn(&[u8])), ("binding", bodies::binding)] {
        let files: Vec<_> = fs::read_dir(corpus.join(door)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            println!("{}", file.display());
            body(&fs::read(file).unwrap());
        }
    }
}
