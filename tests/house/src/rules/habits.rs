//! What code here does not do.

use crate::lexer::Kind;
use crate::source::{Match, Source};
use crate::{Fault, Tree};

/// The closed enums: who adds a variant must be led to every place that has to decide about it.
const CLOSED: &[&str] = &["Effect", "Event", "Outcome", "Refusal", "Step"];

/// Functions that sleep because nothing tells them when to look again, each with the reason.
const SLEEPERS: &[(&str, &str)] = &[("wait_for", "the one loop that polls a condition of another process")];

/// A match on a closed enum names every variant.
pub fn catch_alls(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &tree.sources {
        for found in source.matches().iter().filter(|found| !source.is_test_at(found.at)) {
            if let Some(closed) = CLOSED.iter().find(|closed| names(source, found, closed)) {
                let arms = found.patterns.iter().filter(|arm| is_catch_all(source, arm.start, arm.end));
                faults.extend(arms.map(|arm| {
                    let says = format!("a match on {closed} has a `_` arm: name what it stands for");
                    Fault::new(&source.path, source.line(arm.start), says)
                }));
            }
        }
    }
    faults
}

fn names(source: &Source, found: &Match, closed: &str) -> bool {
    found.patterns.iter().cloned().flatten().any(|at| source.has_at(at, &[closed, "::"]))
}

/// `_`, `_ if …`, `(_, _)`.
fn is_catch_all(source: &Source, start: usize, end: usize) -> bool {
    let pattern = (start..end).take_while(|at| !source.has_at(*at, &["if"]));
    let mut text = pattern.map(|at| source.tokens[at].text.as_str());
    text.all(|text| ["_", "(", ",", ")", "|"].contains(&text))
}

/// What may fail says why it cannot, and nothing is left undone.
pub fn loose_ends(tree: &Tree) -> Vec<Fault> {
    const LOOSE: &[(&[&str], &str)] = &[
        (&[".", "unwrap", "("], "`unwrap()` outside tests: `expect(\"why it cannot fail\")`, or handle it"),
        (&["todo", "!"], "`todo!` is no code: write it, or leave it out"),
        (&["unimplemented", "!"], "`unimplemented!` is no code: write it, or leave it out"),
        (&["dbg", "!"], "`dbg!` is for the desk: take it out"),
    ];
    let mut faults = Vec::new();
    for source in tree.sources.iter().filter(|source| !is_for_tests(source)) {
        for (tokens, says) in LOOSE {
            let found = source.find(tokens).filter(|at| !source.is_test_at(*at));
            faults.extend(found.map(|at| Fault::new(&source.path, source.line(at), *says)));
        }
    }
    faults
}

/// Whole packages that only tests use: there a panic is the way to fail.
fn is_for_tests(source: &Source) -> bool {
    let folders = ["tests/", "benches/", "guest/fixtures/"];
    folders.iter().any(|folder| source.path.starts_with(folder)) || source.path.contains("/examples/")
}

/// No test is left out, and none succeeds by failing.
pub fn lame_tests(tree: &Tree) -> Vec<Fault> {
    const LAME: &[(&str, &str)] = &[
        ("ignore", "an ignored test: mend it, or take it out"),
        ("should_panic", "`should_panic` takes any panic: assert what is returned, or `catch_unwind`"),
    ];
    let mut faults = Vec::new();
    for source in &tree.sources {
        for (name, says) in LAME {
            let found = source.find(&["#", "["]).filter(|at| source.has_at(at + 2, &[name]));
            faults.extend(found.map(|at| Fault::new(&source.path, source.line(at), *says)));
        }
    }
    faults
}

/// Tests never sleep: time is virtual in the simulator, paused under tokio, and waited on by condition in live.
pub fn sleeps(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &tree.sources {
        let functions = source.functions();
        let is_for_tests = source.path.starts_with("tests/");
        for at in source.find(&["sleep", "("]).filter(|at| is_for_tests || source.is_test_at(*at)) {
            let within = functions.iter().filter(|function| function.tokens.contains(&at));
            let mut within = within.map(|function| function.name.as_str());
            if !within.any(|name| SLEEPERS.iter().any(|(sleeper, _)| *sleeper == name)) {
                faults.push(Fault::new(&source.path, source.line(at), "a sleep in a test: `wait_for` a condition"));
            }
        }
    }
    faults
}

/// An `allow` says why: by `reason = "…"`, or in a comment on its line or above.
pub fn allows(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &tree.sources {
        let lines: Vec<&str> = source.text.lines().collect();
        for at in source.find(&["allow", "("]).filter(|at| is_attribute(source, *at)) {
            let line = source.line(at);
            let argues = lines[line.saturating_sub(2)..line].iter().any(|line| line.contains("//"));
            let has_reason = (at..source.close(at + 1)).any(|at| source.has_at(at, &["reason", "="]));
            if !argues && !has_reason {
                let says = "an `allow` without a reason: mend what it hides, or add `reason = \"…\"`";
                faults.push(Fault::new(&source.path, line, says));
            }
        }
    }
    faults
}

fn is_attribute(source: &Source, at: usize) -> bool {
    let marks = source.tokens[..at].iter().rev().take(2).all(|token| token.kind == Kind::Mark);
    marks && at >= 2 && source.has_at(at - 1, &["["])
}

/// A channel without a bound argues that it needs none.
pub fn unbounded(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in tree.sources.iter().filter(|source| !is_for_tests(source)) {
        let argues = source.text.lines().any(|line| line.contains("//") && line.contains("nbounded on purpose"));
        let calls = ["unbounded_channel", "unbounded"].into_iter().flat_map(|name| {
            source.words().filter(move |(at, word)| *word == name && source.has_at(at + 1, &["("])).map(|(at, _)| at)
        });
        for at in calls.filter(|at| !argues && !source.is_test_at(*at)) {
            let says = "a queue without a bound: give it one, or argue in a comment \"Unbounded on purpose: …\"";
            faults.push(Fault::new(&source.path, source.line(at), says));
        }
    }
    faults
}

#[cfg(test)]
#[path = "habits_tests.rs"]
mod tests;
