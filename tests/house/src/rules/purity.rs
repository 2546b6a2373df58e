//! The core knows no world: nothing in it waits, reads a clock, rolls dice or depends on an order of hashing.

use crate::source::Source;
use crate::{Fault, Tree};

const CORE: &str = "host/core/src/";

/// What reads bindings and the policy: the outer forms that are part of the rules.
const DOCUMENTS: &[&str] =
    &["host/core/src/binding.rs", "host/core/src/guard.rs", "host/core/src/limits.rs", "host/core/src/policy.rs"];
const READERS: &[&str] = &["serde", "serde_json"];

/// Words that have no place in the core, each with what to do instead.
const BANNED: &[(&[&str], &str)] = &[
    (&["async", "await", "tokio", "futures_util"], "waiting is for the edges: ask with an `Effect`"),
    (&["Instant", "SystemTime"], "time comes in as an argument"),
    (&["rand", "fastrand", "getrandom"], "chance comes in as an argument"),
    (&["HashMap", "HashSet", "RandomState"], "its order differs from run to run: take a BTreeMap or an imbl map"),
    (&["serde", "serde_json"], "core types have no outer form: each edge converts at its own door"),
    (&["tracing", "log", "println", "eprintln"], "the core tells by `Outcome` and `Effect`; the loop writes logs"),
];

/// Modules of `std` that touch the world.
const WORLDLY: &[&str] = &["fs", "net", "env", "thread", "process", "io", "time"];

/// Nothing of the world is named in the core.
pub fn core(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in tree.sources_in(CORE) {
        faults.extend(banned_words(source).chain(worldly_modules(source)));
    }
    faults
}

fn banned_words(source: &Source) -> impl Iterator<Item = Fault> {
    source.words().filter(|(at, _)| !source.is_test_at(*at)).filter_map(|(at, word)| {
        if READERS.contains(&word) && DOCUMENTS.contains(&source.path.as_str()) {
            return None;
        }
        let (_, remedy) = BANNED.iter().find(|(words, _)| words.contains(&word))?;
        // A field or a method may be called so; a type, a crate, a macro or a keyword stands without a dot.
        let is_member = at > 0 && source.has_at(at - 1, &["."]) && word != "await";
        let is_name = word == "log" && !source.has_at(at + 1, &["::"]);
        (!is_member && !is_name)
            .then(|| Fault::new(&source.path, source.line(at), format!("`{word}` in the core: {remedy}")))
    })
}

/// `std::fs`, and `fs` in `use std::{…}`.
fn worldly_modules(source: &Source) -> impl Iterator<Item = Fault> {
    source.find(&["std", "::"]).filter(|at| !source.is_test_at(*at)).flat_map(|at| {
        let named = at + 2..source.close(at + 2) + 1;
        let worldly = named.filter(|at| WORLDLY.iter().any(|module| source.has_at(*at, &[module])));
        worldly.map(|at| {
            let module = &source.tokens[at].text;
            Fault::new(&source.path, source.line(at), format!("`std::{module}` in the core: the world stays outside"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, lines: &[usize]) {
        let faults = core(&Tree::of(&[("host/core/src/a.rs", text), ("host/node/src/a.rs", text)]));
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), lines, "{faults:?}");
    }

    #[test]
    fn the_world_is_found_by_path_and_in_a_group() {
        check("use std::fs;\nuse std::{fmt, env};\nlet a = std::thread::spawn(f);", &[1, 2, 3]);
    }

    #[test]
    fn clocks_chance_and_waiting_are_found() {
        check(
            "use std::collections::HashMap;\nfn f(now: Instant) {}\nasync fn g() {}\nlet x = fastrand::u8(..);",
            &[1, 2, 3, 4],
        );
    }

    #[test]
    fn documents_are_read_only_where_bindings_are() {
        let text = "use serde::Deserialize;";
        let faults = core(&Tree::of(&[("host/core/src/binding.rs", text), ("host/core/src/state.rs", text)]));
        assert_eq!(faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), ["host/core/src/state.rs"]);
    }

    #[test]
    fn tests_comments_and_fields_are_free() {
        check("// HashMap\nlet a = self.log;\n#[cfg(test)]\nmod tests { use std::env; }", &[]);
    }
}
