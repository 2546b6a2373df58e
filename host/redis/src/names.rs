//! What a space's keys in Redis are called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sluice_core::Digest;

/// Longest name of a space or a host, in bytes: names stand in keys, metrics and file names.
const NAME_BYTES_MAX: usize = 64;

/// The name of a space: 1 to 64 of `a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(Arc<str>);

/// The name of a host within its space: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(Arc<str>);

/// Says which text was not a name, and what one looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError(String);

/// The keys of one space. The braces are a hash tag: in a cluster they keep a space in one slot.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Stream: the entries.
    pub log: Arc<str>,
    /// Sorted set: each host by when it reported last, in ms, so that nobody has to scan for reports.
    pub hosts: Arc<str>,
    prefix: Arc<str>,
}

impl Space {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HostId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Names {
    pub fn new(space: &Space) -> Names {
        let prefix = format!("sluice:{{{space}}}:");
        Names { log: format!("{prefix}log").into(), hosts: format!("{prefix}hosts").into(), prefix: prefix.into() }
    }

    /// String: a blob, under the BLAKE3 of its bytes.
    pub fn blob(&self, digest: Digest) -> String {
        format!("{}blob:{digest}", self.prefix)
    }

    /// What the name of every blob starts with.
    pub fn blobs(&self) -> String {
        format!("{}blob:", self.prefix)
    }

    /// Hash: the newest snapshot.
    pub fn snapshot(&self) -> String {
        format!("{}snapshot", self.prefix)
    }

    /// Hash: the snapshot of this number. Its parts' names are behind `:chunks`.
    pub fn snapshot_of(&self, number: u64) -> String {
        format!("{}snapshot:{number}", self.prefix)
    }

    /// Set: the names of what was written for a snapshot.
    pub fn chunks_of(&self, number: u64) -> String {
        format!("{}snapshot:{number}:chunks", self.prefix)
    }

    /// Hash: the index of the history.
    pub fn history(&self) -> String {
        format!("{}history", self.prefix)
    }

    /// Sorted set: the number of each snapshot by when it was begun, in ms.
    pub fn snapshots(&self) -> String {
        format!("{}snapshots", self.prefix)
    }

    /// String that expires: who holds a lease.
    pub fn lease(&self, resource: &str) -> String {
        format!("{}lease:{resource}", self.prefix)
    }

    /// String: the highest fencing token of a lease.
    pub fn fence(&self, resource: &str) -> String {
        format!("{}fence:{resource}", self.prefix)
    }

    /// String that expires: a host's report.
    pub fn host(&self, host: &str) -> String {
        format!("{}host:{host}", self.prefix)
    }
}

impl FromStr for Space {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Space, NameError> {
        checked(text, |b| b.is_ascii_lowercase(), "space", "a-z").map(Space)
    }
}

impl FromStr for HostId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<HostId, NameError> {
        checked(text, |b| b.is_ascii_alphabetic(), "host", "A-Z a-z").map(HostId)
    }
}

fn checked(text: &str, is_letter: fn(u8) -> bool, what: &str, letters: &str) -> Result<Arc<str>, NameError> {
    let is_right = |b: u8| is_letter(b) || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    match (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_right) {
        true => Ok(text.into()),
        false => {
            let shown: String = text.chars().take(80).collect();
            Err(NameError(format!("{shown:?} is not the name of a {what}: use 1 to 64 of {letters} 0-9 . _ -")))
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_carry_the_space_as_a_hash_tag() {
        let names = Names::new(&"shop".parse().unwrap());
        assert_eq!(&*names.log, "sluice:{shop}:log");
        assert_eq!(&*names.hosts, "sluice:{shop}:hosts");
        assert_eq!(names.host("ams-1"), "sluice:{shop}:host:ams-1");
        assert!(names.blob(Digest::ZERO).starts_with("sluice:{shop}:blob:0000"));
    }

    #[test]
    fn a_name_that_would_break_a_key_is_refused_with_the_rule() {
        for text in ["", "Shop", "a b", "a}b", "a:b", "ä", "a/b", &"x".repeat(65)] {
            let error = text.parse::<Space>().unwrap_err().to_string();
            assert!(error.contains("use 1 to 64 of a-z 0-9 . _ -"), "{error}");
        }
        assert!("AMS-1.example".parse::<HostId>().is_ok());
        assert!("a}b".parse::<HostId>().is_err());
    }
}
