//! Names of values.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::digest::Domain;

/// Longest key, in bytes: long enough for deep trees, short enough to stay a cheap index entry.
pub const KEY_BYTES_MAX: usize = 512;

/// Where the system's own configuration lives.
pub const RESERVED: &str = "_sluice/";

/// Where bindings of validators live: `_sluice/validators/<name>`.
pub const VALIDATORS: &str = "_sluice/validators/";

/// Where components are announced: `_sluice/components/<hex>`.
pub const COMPONENTS: &str = "_sluice/components/";

/// Where changes wait for their time: `_sluice/scheduled/<revision>`.
pub const SCHEDULED: &str = "_sluice/scheduled/";

/// Where the highest fencing tokens are kept: `_sluice/fences/<resource>`.
pub const FENCES: &str = "_sluice/fences/";

/// A valid key: 1 to 512 bytes, segments of `A-Z a-z 0-9 . _ -` joined by `/`, none of them empty,
/// `.` or `..`. A `Key` is valid or does not exist. It is hashed once, here, and carries its point.
#[derive(Clone)]
pub struct Key {
    text: Arc<str>,
    point: [u8; 32],
}

impl Key {
    /// Takes bytes from outside.
    ///
    /// # Errors
    /// Says what is wrong with the name and how to write it.
    pub fn parse(bytes: &[u8]) -> Result<Key, KeyError> {
        if bytes.is_empty() {
            return Err(KeyError { key: String::new(), fault: KeyFault::Empty });
        }
        match fault_of(bytes) {
            Some(fault) => Err(KeyError { key: shown(bytes), fault }),
            None => {
                let text = std::str::from_utf8(bytes).expect("the alphabet of keys is ASCII");
                Ok(Key { text: text.into(), point: Domain::KeyToken.hash(bytes).0 })
            }
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, shared.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The whole keyed BLAKE3 of the key: its path in the trie.
    pub fn point(&self) -> &[u8; 32] {
        &self.point
    }

    /// Its place on the ring: the first 8 bytes of the point, big-endian.
    pub fn token(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.point;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// One of the 2^14 fixed slices of the key space: the token's top 14 bits.
    pub fn partition(&self) -> u16 {
        (self.token() >> 50) as u16
    }

    /// Whether the fold itself puts it, and nobody else can.
    pub fn is_of_fold(&self) -> bool {
        [SCHEDULED, FENCES].iter().any(|prefix| self.text.starts_with(prefix))
    }

    /// Whether it is part of the system's own configuration.
    pub fn is_reserved(&self) -> bool {
        self.text.starts_with(RESERVED)
    }
}

/// Which byte or segment spoils the key, if any.
fn fault_of(bytes: &[u8]) -> Option<KeyFault> {
    if bytes.len() > KEY_BYTES_MAX {
        return Some(KeyFault::Long(bytes.len()));
    }
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    if let Some(&byte) = bytes.iter().find(|b| !allowed(b)) {
        return Some(KeyFault::Byte(byte));
    }
    bytes.split(|&b| b == b'/').find_map(|segment| match segment {
        b"" => Some(KeyFault::EmptySegment),
        b"." | b".." => Some(KeyFault::Dots),
        _ => None,
    })
}

// Bounded and escaped: the bytes come from strangers and end in logs and terminals.
fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(80)];
    let text = head.escape_ascii().to_string();
    if head.len() < bytes.len() { text + "…" } else { text }
}

/// Why some bytes are not a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    key: String,
    fault: KeyFault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyFault {
    Empty,
    Long(usize),
    Byte(u8),
    EmptySegment,
    Dots,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match self.fault {
            KeyFault::Empty => write!(f, "the key is empty: write 1 to {KEY_BYTES_MAX} bytes, such as app/limits"),
            KeyFault::Long(bytes) => {
                write!(f, "key \"{key}\" has {bytes} bytes: keys have at most {KEY_BYTES_MAX}")
            }
            KeyFault::Byte(byte) => write!(
                f,
                "key \"{key}\" contains \"{}\": keys are segments of A-Z a-z 0-9 . _ - joined by /",
                byte.escape_ascii()
            ),
            KeyFault::EmptySegment => {
                let segments: Vec<&str> = key.split('/').filter(|s| !s.is_empty()).collect();
                write!(f, "key \"{key}\" has an empty segment: write it as \"{}\"", segments.join("/"))
            }
            KeyFault::Dots => write!(f, "key \"{key}\" has a segment of only dots: name the segments in full"),
        }
    }
}

impl std::error::Error for KeyError {}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

// Identity and order are the text's; the point only follows from it.
impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(key: &[u8], message: &str) {
        assert_eq!(Key::parse(key).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_bad_key_is_told_with_its_remedy() {
        refused(b"a//b", r#"key "a//b" has an empty segment: write it as "a/b""#);
        refused(b"/a/", r#"key "/a/" has an empty segment: write it as "a""#);
        refused(b"a/../b", r#"key "a/../b" has a segment of only dots: name the segments in full"#);
        refused(b"a b", r#"key "a b" contains " ": keys are segments of A-Z a-z 0-9 . _ - joined by /"#);
        refused(b"a\n", r#"key "a\n" contains "\n": keys are segments of A-Z a-z 0-9 . _ - joined by /"#);
        refused(b"", "the key is empty: write 1 to 512 bytes, such as app/limits");
        assert!(Key::parse(&[b'a'; 513]).unwrap_err().to_string().ends_with("has 513 bytes: keys have at most 512"));
        assert!(Key::parse("ä".as_bytes()).is_err());
    }

    #[test]
    fn ordinary_keys_are_taken() {
        for key in ["a", "checkout/limits.json", "_sluice/validators/x", "A-1/b_2/...c", &"k".repeat(512)] {
            assert_eq!(Key::parse(key.as_bytes()).unwrap().as_str(), key);
        }
    }

    #[test]
    fn the_partition_is_the_top_of_the_token() {
        let key = Key::parse(b"tenant-1/flags/checkout").unwrap();
        assert_eq!(key.token(), 0x4851_c0fe_e1f9_ce97);
        assert_eq!(key.partition(), 0x4851 >> 2);
    }
}
