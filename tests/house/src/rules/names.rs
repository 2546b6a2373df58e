//! What files, types and functions may be called.

use crate::lexer::Kind;
use crate::source::Source;
use crate::{Fault, Tree};

/// Words that name no thing: what they are put on does too many.
const EMPTY: &[&str] = &["Manager", "Helper", "Helpers", "Util", "Utils", "Handler", "Info", "Data"];

/// A file opens with one sentence on what it is for.
pub fn openings(tree: &Tree) -> Vec<Fault> {
    let closed = tree.sources.iter().filter(|source| !source.path.ends_with("_tests.rs"));
    let closed = closed.filter(|source| !source.text.starts_with("//!"));
    closed.map(|source| Fault::new(&source.path, 1, "opens without `//!`: say in a sentence what it is for")).collect()
}

/// A module has a name of its own. In a crate's `tests` folder cargo takes every other name for a test.
pub fn files(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.is_test()) {
        let name = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if name == "mod" {
            faults.push(Fault::new(&source.path, 1, "a `mod.rs`: call it as its folder and put it beside"));
        }
        if EMPTY.iter().any(|word| word.to_lowercase() == name) || name == "common" || name == "misc" {
            faults.push(Fault::new(&source.path, 1, format!("`{name}` names no thing: take the noun it is about")));
        }
    }
    faults
}

/// A type is called for what it is.
pub fn types(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &tree.sources {
        for at in ["struct", "enum", "trait", "type", "union"].into_iter().flat_map(|word| definitions(source, word)) {
            // What stands in an `impl` is called as its trait wants it.
            let is_associated = source.has_at(at - 1, &["type"]) && source.is_nested(at);
            let name = &source.tokens[at].text;
            if let Some(word) = EMPTY.iter().find(|word| name.ends_with(**word) && !is_associated) {
                let says = format!("`{name}`: {word} says nothing, name it for what it is");
                faults.push(Fault::new(&source.path, source.line(at), says));
            }
        }
    }
    faults
}

/// What a function returns needs no `get_` before it.
pub fn getters(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &tree.sources {
        for at in definitions(source, "fn").filter(|at| !source.is_test_at(*at)) {
            if let Some(rest) = source.tokens[at].text.strip_prefix("get_") {
                let says = format!("`get_{rest}`: call it `{rest}`");
                faults.push(Fault::new(&source.path, source.line(at), says));
            }
        }
    }
    faults
}

/// The places of the names that follow a keyword.
fn definitions<'a>(source: &'a Source, keyword: &'a str) -> impl Iterator<Item = usize> + 'a {
    let found = source.words().filter(move |(_, word)| *word == keyword).map(|(at, _)| at + 1);
    found.filter(|at| source.tokens.get(*at).is_some_and(|token| token.kind == Kind::Word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Fault>, path: &str, text: &str, faults: usize) {
        let found = rule(&Tree::of(&[(path, text)]));
        assert_eq!(found.len(), faults, "{found:?}");
    }

    #[test]
    fn empty_names_are_found() {
        check(types, "a.rs", "struct RingManager; enum Data {} type KeyInfo = u8; struct Metadata; struct Ring;", 3);
        check(types, "a.rs", "impl Body for Bytes { type Data = Bytes; }", 0);
        check(getters, "a.rs", "pub fn get_key() {} fn get() {} fn key() {}", 1);
        check(files, "host/core/src/util.rs", "", 1);
        check(files, "host/core/src/node/mod.rs", "", 1);
        check(files, "host/core/src/node.rs", "", 0);
    }

    #[test]
    fn a_file_without_an_opening_is_found() {
        check(openings, "a.rs", "use b;", 1);
        check(openings, "a.rs", "//! What it is for.", 0);
        check(openings, "a_tests.rs", "use super::*;", 0);
    }
}
