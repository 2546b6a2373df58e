//! One Rust file: its tokens, its functions, its matches, and which of it is test.

use std::ops::Range;

use crate::lexer::{self, Kind, Token};

/// A Rust file as the rules read it.
pub struct Source {
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
    /// For each opening token the place of its closing one; for all others their own.
    closing: Vec<usize>,
    /// What stands under `#[cfg(test)]`, `#[test]` and their like.
    tests: Vec<Range<usize>>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    /// From the line of `fn` to that of the last brace.
    pub lines: usize,
    pub tokens: Range<usize>,
}

/// One `match`: the patterns of its arms, as tokens.
pub struct Match {
    pub line: usize,
    pub patterns: Vec<Range<usize>>,
    pub at: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let tokens = lexer::tokens(text);
        let closing = closing(&tokens);
        let mut source = Source { path: path.to_owned(), text: text.to_owned(), tokens, closing, tests: Vec::new() };
        source.tests = source.test_items();
        source
    }

    /// Whether the whole file is a test: beside the code (`*_tests.rs`), or in a crate's `tests` folder.
    pub fn is_test(&self) -> bool {
        // The first `tests` is that of the top level: it holds crates, not tests.
        let parts = self.path.trim_end_matches(".rs").split('/').skip(1);
        parts.into_iter().any(|part| part == "tests" || part.ends_with("_tests"))
    }

    /// Whether the token stands in test code of whatever sort.
    pub fn is_test_at(&self, at: usize) -> bool {
        self.is_test() || self.tests.iter().any(|range| range.contains(&at))
    }

    /// Lines outside test items, comments and blanks included: what a reader has to go through.
    pub fn lines(&self) -> usize {
        let tests = self.tests.iter().map(|range| self.line_count(range)).sum();
        self.text.lines().count().saturating_sub(tests)
    }

    /// Where these tokens follow one another.
    pub fn find<'a>(&'a self, wanted: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
        (0..self.tokens.len()).filter(move |at| self.has_at(*at, wanted))
    }

    /// Whether these tokens stand here, one after another; a string is never one of them.
    pub fn has_at(&self, at: usize, wanted: &[&str]) -> bool {
        let here = self.tokens.get(at..at + wanted.len()).unwrap_or_default();
        here.len() == wanted.len()
            && here.iter().zip(wanted).all(|(token, text)| token.kind != Kind::Literal && token.text == *text)
    }

    pub fn line(&self, at: usize) -> usize {
        self.tokens[at].line
    }

    /// The place of the token that closes the bracket at `at`.
    pub fn close(&self, at: usize) -> usize {
        self.closing[at]
    }

    /// Whether the token stands between brackets of whatever sort.
    pub fn is_nested(&self, at: usize) -> bool {
        (0..at).any(|open| self.close(open) > at)
    }

    /// The places of all words, with their text.
    pub fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let words = self.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word);
        words.map(|(at, token)| (at, token.text.as_str()))
    }

    /// All functions that have a body.
    pub fn functions(&self) -> Vec<Function> {
        let named = self.find(&["fn"]).filter(|at| self.tokens.get(at + 1).is_some_and(|t| t.kind == Kind::Word));
        let function = |at: usize| {
            let open = self.first_at_depth(at, &["{", ";"])?;
            let range = at..self.close(open) + 1;
            let (name, lines) = (self.tokens[at + 1].text.clone(), self.line_count(&range));
            (self.tokens[open].text == "{").then(|| Function { name, line: self.line(at), lines, tokens: range })
        };
        named.filter_map(function).collect()
    }

    /// All `match`es.
    pub fn matches(&self) -> Vec<Match> {
        let found = self.find(&["match"]).filter_map(|at| {
            let open = self.first_at_depth(at, &["{"])?;
            Some(Match { line: self.line(at), patterns: self.patterns(open), at })
        });
        found.collect()
    }

    fn patterns(&self, open: usize) -> Vec<Range<usize>> {
        let (end, mut from, mut patterns) = (self.close(open), open + 1, Vec::new());
        while let Some(arrow) = self.first_at_depth(from, &["=>"]).filter(|arrow| *arrow < end) {
            patterns.push(from..arrow);
            let body = arrow + 1;
            let is_block = self.has_at(body, &["{"]);
            let last = if is_block { self.close(body) } else { self.first_at_depth(body, &[","]).unwrap_or(end) };
            // the comma behind a block is optional
            from = last + 1 + usize::from(is_block && self.has_at(last + 1, &[","]));
            if from >= end {
                break;
            }
        }
        patterns
    }

    /// The first of `wanted` from `from` on that stands in no bracket opened since, before the bracket around ends.
    fn first_at_depth(&self, from: usize, wanted: &[&str]) -> Option<usize> {
        let mut at = from;
        while at < self.tokens.len() {
            if wanted.iter().any(|text| self.has_at(at, &[text])) {
                return Some(at);
            }
            if [")", "]", "}"].iter().any(|text| self.has_at(at, &[text])) {
                return None;
            }
            at = self.close(at) + 1;
        }
        None
    }

    fn line_count(&self, range: &Range<usize>) -> usize {
        self.line(range.end - 1) - self.line(range.start) + 1
    }

    fn test_items(&self) -> Vec<Range<usize>> {
        let mut items: Vec<Range<usize>> = Vec::new();
        for at in self.find(&["#", "["]) {
            let is_inside = items.last().is_some_and(|item| item.contains(&at));
            if !is_inside && self.is_test_attribute(at) {
                items.push(at..self.item_end(at));
            }
        }
        items
    }

    /// `#[test]`, `#[tokio::test(…)]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`, not `#[cfg(not(test))]`.
    fn is_test_attribute(&self, at: usize) -> bool {
        let inside = at + 2..self.close(at + 1);
        let names_test = inside.clone().any(|at| self.has_at(at, &["test"]) && !self.has_at(at - 2, &["not", "("]));
        let path_end = inside.clone().find(|at| self.has_at(*at, &["("])).unwrap_or(inside.end);
        names_test && (self.has_at(at + 2, &["cfg", "("]) || self.has_at(path_end - 1, &["test"]))
    }

    fn item_end(&self, at: usize) -> usize {
        let mut at = at;
        while self.has_at(at, &["#", "["]) {
            at = self.close(at + 1) + 1;
        }
        self.first_at_depth(at, &["{", ";"]).map_or(at, |open| self.close(open) + 1).min(self.tokens.len())
    }
}

fn closing(tokens: &[Token]) -> Vec<usize> {
    let (mut closing, mut open): (Vec<usize>, Vec<usize>) = ((0..tokens.len()).collect(), Vec::new());
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Mark) {
        match token.text.as_str() {
            "(" | "[" | "{" => open.push(at),
            ")" | "]" | "}" => {
                if let Some(opening) = open.pop() {
                    closing[opening] = at;
                }
            }
            _ => (),
        }
    }
    closing
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
fn one(f: fn(u8)) -> [u8; 2] {
    match f { A::B { x } if x => { 1 } A::C(_) => g(2, 3), _ => [0; 2] }
}
#[cfg(test)]
mod tests {
    #[test]
    fn two() {}
}
#[cfg(not(test))]
fn three();
";

    #[test]
    fn functions_have_names_and_lengths() {
        let found = Source::new("a.rs", SAMPLE).functions();
        let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(found, [("one", 1, 3), ("two", 7, 1)]);
    }

    #[test]
    fn arms_end_at_a_comma_or_a_block() {
        let source = Source::new("a.rs", SAMPLE);
        let matches = source.matches();
        let text = |range: &Range<usize>| {
            source.tokens[range.clone()].iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        let patterns: Vec<_> = matches[0].patterns.iter().map(text).collect();
        assert_eq!(patterns, ["A :: B { x } if x", "A :: C ( _ )", "_"]);
    }

    #[test]
    fn test_items_do_not_count_as_lines() {
        assert_eq!(Source::new("a.rs", SAMPLE).lines(), 5);
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        let is_test = |path| Source::new(path, "").is_test();
        assert!(is_test("host/core/src/fold_tests.rs") && is_test("tests/live/tests/main.rs"));
        assert!(is_test("host/core/src/node_tests/table.rs"));
        assert!(!is_test("tests/sim/src/world.rs") && !is_test("host/core/src/tokens.rs"));
    }
}
