//! The rules of this house, as tests that read the tree.
//!
//! A rule is a function from a [`Tree`] to its [`Fault`]s; `tests/house.rs` holds each one against the
//! repository, and each one's own tests hold it against a planted breach. Reading is by tokens, not by
//! a full parser, so that code inside macros is seen too.
//!
//! - [`tree`], [`source`], [`lexer`], [`manifest`]: the repository as rules see it
//! - [`rules`]: the rules, a module for each topic

pub mod lexer;
pub mod manifest;
pub mod rules;
pub mod source;
pub mod tree;

use std::fmt;

pub use source::Source;
pub use tree::Tree;

/// A place where the house does not look as it should, with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub path: String,
    pub line: usize,
    /// What is wrong, then what to do about it.
    pub says: String,
}

impl Fault {
    pub fn new(path: &str, line: usize, says: impl Into<String>) -> Fault {
        Fault { path: path.to_owned(), line, says: says.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.says)
    }
}
