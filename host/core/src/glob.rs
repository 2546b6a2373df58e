//! Globs over keys: `*` stands for any characters of one segment, `**` for any number of whole segments.
//!
//! Which keys a validator judges must be the same on every host, in every version, so the matcher is ours:
//! a page of code rather than somebody's dialect.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::key::{RESERVED, VALIDATORS};

/// A pattern of keys, such as `app/**` or `tls/*.pem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    segments: Box<[Segment]>,
    /// How many bytes of the text every key begins with that is meant.
    prefix: usize,
}

/// Some patterns; what any of them means is meant. Copies share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globs(Arc<[Glob]>);

/// What is wrong with a pattern, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobError(String);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Any,
    Like(Box<[u8]>),
}

impl Glob {
    /// Reads a pattern: segments as in keys, with `*` besides.
    ///
    /// # Errors
    /// Says which part cannot match any key.
    pub fn parse(text: &str) -> Result<Glob, GlobError> {
        let segments = text.split('/').map(|segment| Segment::parse(segment, text)).collect::<Result<_, _>>()?;
        Ok(Glob { text: text.into(), segments, prefix: prefix_of(text) })
    }

    /// Whether it names keys of the system itself.
    pub fn is_reserved(&self) -> bool {
        self.text.starts_with(RESERVED)
    }

    /// What every key begins with that is meant, so that one need not look at all keys to find some.
    pub fn prefix(&self) -> &str {
        &self.text[..self.prefix]
    }

    /// The first segment of every key that is meant, if there is only one.
    pub fn start(&self) -> Option<&str> {
        let first = self.text.split('/').next()?;
        (!first.contains('*')).then_some(first)
    }

    /// Whether a key, given by its segments, is meant. Keys of the system itself are meant only by patterns
    /// that name it: `**` must not hand a validator the rules it is bound by. The documents that bind
    /// validators are meant by none: a validator that rejects everything could not be unbound.
    pub fn matches(&self, key: &[&str]) -> bool {
        if key.first() == Some(&"_sluice") && (!self.is_reserved() || is_binding(key)) {
            return false;
        }
        wild(&self.segments, key, |segment| matches!(segment, Segment::Any), Segment::matches)
    }
}

impl Globs {
    /// Whether a key, given by its segments, is meant by one of them.
    pub fn matches(&self, key: &[&str]) -> bool {
        self.iter().any(|glob| glob.matches(key))
    }

    /// Whether these are the same patterns, shared.
    pub fn is_shared_with(&self, other: &Globs) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Globs {
    type Target = [Glob];

    fn deref(&self) -> &[Glob] {
        &self.0
    }
}

impl FromIterator<Glob> for Globs {
    fn from_iter<I: IntoIterator<Item = Glob>>(globs: I) -> Globs {
        Globs(globs.into_iter().collect())
    }
}

impl Segment {
    fn parse(segment: &str, whole: &str) -> Result<Segment, GlobError> {
        let error = |what: String| Err(GlobError(format!("glob \"{whole}\" {what}")));
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*');
        if segment == "**" {
            return Ok(Segment::Any);
        }
        if segment.is_empty() {
            return error("has an empty segment: write it without a leading, trailing or double /".into());
        }
        if segment.contains("**") {
            return error("has ** beside other characters: ** stands for whole segments, as in app/**/limits".into());
        }
        match segment.bytes().find(|b| !allowed(b)) {
            Some(byte) => error(format!(
                "contains \"{}\": globs are segments of A-Z a-z 0-9 . _ - and * joined by /",
                byte.escape_ascii()
            )),
            None => Ok(Segment::Like(segment.as_bytes().into())),
        }
    }

    fn matches(&self, text: &&str) -> bool {
        match self {
            Segment::Any => true,
            Segment::Like(pattern) => wild(pattern, text.as_bytes(), |p| *p == b'*', |p, b| p == b),
        }
    }
}

/// Whether a key, given by its segments, lies under [`VALIDATORS`].
fn is_binding(key: &[&str]) -> bool {
    key.len() > 2 && VALIDATORS.split('/').zip(&key[..2]).all(|(one, other)| one == *other)
}

/// The bytes before the first star; before a `**` also the slash in front of it is no part of every key, for
/// `app/**` means `app` too.
fn prefix_of(text: &str) -> usize {
    let Some(star) = text.find('*') else { return text.len() };
    let crosses = text[star..].starts_with("**");
    text[..star].strip_suffix('/').filter(|_| crosses).map_or(star, str::len)
}

/// Whether a pattern with wildcards covers the whole of a text. On a mismatch only the last wildcard is
/// widened, for an earlier one could not do better; so the cost is at most the product of the lengths.
fn wild<P, T>(pattern: &[P], text: &[T], is_star: impl Fn(&P) -> bool, fits: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut t, mut last) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p).is_some_and(&is_star) {
            last = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|one| fits(one, &text[t])) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star, covered)) = last {
            (p, t, last) = (star + 1, covered + 1, Some((star, covered + 1)));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(is_star)
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GlobError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, meant: &[&str], not: &[&str]) {
        let glob = Glob::parse(glob).unwrap();
        let matches = |key: &str| glob.matches(&key.split('/').collect::<Vec<_>>());
        meant.iter().for_each(|key| assert!(matches(key), "{glob} should mean {key}"));
        not.iter().for_each(|key| assert!(!matches(key), "{glob} should not mean {key}"));
        meant.iter().for_each(|key| assert!(key.starts_with(glob.prefix()), "{glob} means {key}"));
    }

    #[test]
    fn a_star_stays_within_its_segment() {
        check("app/*", &["app/a", "app/a.json"], &["app", "app/a/b", "other/a"]);
        check("app/*.json", &["app/a.json", "app/.json"], &["app/a.yaml", "app/a.json.bak"]);
        check("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "b", "a"]);
        check("app/limits", &["app/limits"], &["app/limits2", "app/limit"]);
    }

    #[test]
    fn two_stars_cross_segments() {
        check("app/**", &["app/a", "app/a/b/c", "app"], &["apple/a"]);
        check("**/limits", &["limits", "a/limits", "a/b/limits"], &["a/limits/b"]);
        check("a/**/b/**/c", &["a/b/c", "a/x/b/y/z/c", "a/b/b/c/c"], &["a/c/b", "a/b"]);
    }

    #[test]
    fn the_rules_themselves_are_meant_only_by_name() {
        check("**", &["a", "a/b"], &["_sluice/validators/v"]);
        check("*/validators/*", &["a/validators/b"], &["_sluice/validators/v"]);
        check("_sluice/**", &["_sluice/placement", "_sluice/validators"], &["a", "_sluice/validators/v"]);
        check("_sluice/validators/*", &[], &["_sluice/validators/v"]);
    }

    #[test]
    fn what_a_glob_means_begins_with_its_prefix() {
        for (glob, prefix) in [
            ("app/limits", "app/limits"),
            ("app/*", "app/"),
            ("app/a*b/c", "app/a"),
            ("app/**", "app"),
            ("app/**/limits", "app"),
            ("app/*/**", "app/"),
            ("**/limits", ""),
            ("*", ""),
        ] {
            assert_eq!(Glob::parse(glob).unwrap().prefix(), prefix, "{glob}");
        }
    }

    #[test]
    fn a_glob_that_can_match_nothing_is_refused_with_the_remedy() {
        for (text, part) in
            [("", "empty segment"), ("/a", "empty segment"), ("a/b**", "whole segments"), ("a?", "\"?\"")]
        {
            let GlobError(message) = Glob::parse(text).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_spiteful_glob_takes_no_longer() {
        let glob = Glob::parse(&"*a".repeat(200)).unwrap();
        assert!(!glob.matches(&[&"a".repeat(500).replace("aaaaa", "aaaab")]));
    }
}
