//! BLAKE3 digests, and the keyed hashes that keep the kinds of digest apart.

use std::fmt;
use std::str::FromStr;

/// 32 bytes of BLAKE3; shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

/// What a keyed hash is for. Each domain has its own key, `derive_key(context, "")` (BLAKE3 §2.3), so a
/// digest made for one purpose can never be passed off as one made for another.
#[derive(Clone, Copy, Debug)]
pub enum Domain {
    /// `sluice ring v1: key token`: where a key lies on the ring and in the trie.
    KeyToken,
    /// `sluice log v1: entry`: what an entry contains.
    Entry,
    /// `sluice log v1: chain`: all entries so far.
    Chain,
    /// `sluice state v1: leaf`: one key with its current value.
    Leaf,
    /// `sluice state v1: branch`: two halves of a set of keys.
    Branch,
}

impl Domain {
    /// The context string the domain's key is derived from.
    pub const fn context(self) -> &'static str {
        match self {
            Domain::KeyToken => "sluice ring v1: key token",
            Domain::Entry => "sluice log v1: entry",
            Domain::Chain => "sluice log v1: chain",
            Domain::Leaf => "sluice state v1: leaf",
            Domain::Branch => "sluice state v1: branch",
        }
    }

    // Derived once and written down, because deriving costs twice a hash; a test derives them again.
    const fn key(self) -> &'static [u8; 32] {
        match self {
            Domain::KeyToken => const { &hex32(b"8974d8959bfabda55a73d5c16345187df3c16e6a48e250969ffe4be9cc8c5499") },
            Domain::Entry => const { &hex32(b"8785bc72241df481120ec140192dd06960b97fec7409a7e0baede7463dc2c2be") },
            Domain::Chain => const { &hex32(b"0c933fe1605adc8cb0dbee75f9c570b91e775bd3d30e9e40e57a0bcdce94c090") },
            Domain::Leaf => const { &hex32(b"b3f41a02af234b4e94a3c2f6619d2ad1760fa68990f39a81848bba20901bdf22") },
            Domain::Branch => const { &hex32(b"55430e02d09973dde843f4652eeea8d32936441e8153f761a0492610e06831e0") },
        }
    }

    /// The keyed BLAKE3 of `bytes` in this domain.
    pub fn hash(self, bytes: &[u8]) -> Digest {
        Digest(*blake3::keyed_hash(self.key(), bytes).as_bytes())
    }

    /// The keyed BLAKE3 of two digests in a row: 64 bytes, one block.
    pub fn pair(self, left: Digest, right: Digest) -> Digest {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&left.0);
        block[32..].copy_from_slice(&right.0);
        self.hash(&block)
    }
}

const fn hex32(text: &[u8; 64]) -> [u8; 32] {
    const fn nibble(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            _ => digit - b'a' + 10,
        }
    }
    let mut bytes = [0; 32];
    let mut i = 0;
    while i < 32 {
        bytes[i] = nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]);
        i += 1;
    }
    bytes
}

impl Digest {
    /// The digest of nothing: of an empty state, and of a chain before its first entry.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The plain BLAKE3 of `bytes`: the address of a blob, the entity tag of a value.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// 64 lower-case hex digits, without an allocation.
    pub fn hex(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).expect("hex digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Says which text was not a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestError(String);

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a BLAKE3 digest: write 64 lower-case hex digits", self.0)
    }
}

impl std::error::Error for DigestError {}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        match <&[u8; 64]>::try_from(text.as_bytes()) {
            Ok(digits) if digits.iter().all(|&b| lower(b)) => Ok(Digest(hex32(digits))),
            Ok(_) | Err(_) => Err(DigestError(text.chars().take(80).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_keys_are_derived_from_their_contexts() {
        for domain in [Domain::KeyToken, Domain::Entry, Domain::Chain, Domain::Leaf, Domain::Branch] {
            assert_eq!(*domain.key(), blake3::derive_key(domain.context(), b""), "{domain:?}");
        }
    }

    #[test]
    fn key_tokens_agree_with_the_published_vectors() {
        let token = |key: &[u8]| Domain::KeyToken.hash(key).to_string()[..16].to_owned();
        assert_eq!(token(b""), "07bcb1f8999fc8a1");
        assert_eq!(token(b"a"), "9bd70d1e04dea514");
        assert_eq!(token(b"tenant-1/flags/checkout"), "4851c0fee1f9ce97");
    }

    #[test]
    fn a_digest_reads_back_as_it_was_written() {
        let digest = Digest::of(b"sluice");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for text in ["", "00", &digest.to_string().to_uppercase(), &"g".repeat(64)] {
            assert!(text.parse::<Digest>().is_err(), "{text:?}");
        }
    }
}
