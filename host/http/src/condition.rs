//! Entity tags and the conditions on them (RFC 9110 §13.1).

use hyper::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use sluice_core::{Digest, Item, Key, Revision, State};

use crate::problem::Problem;

/// A strong entity tag: the first 32 hex digits of the value's BLAKE3, quoted.
#[derive(Clone, Copy)]
pub struct Tag([u8; 34]);

impl Tag {
    /// The tag of bytes with this digest.
    pub fn of(digest: &Digest) -> Tag {
        let mut text = [b'"'; 34];
        text[1..33].copy_from_slice(&digest.hex()[..32]);
        Tag(text)
    }

    /// Quoted.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }

    /// As a header.
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("hex digits and quotes make a header")
    }
}

/// Whether `If-None-Match` names this tag, or any (`*`); the comparison is the weak one.
pub fn none_match_hits(headers: &HeaderMap, tag: &Tag) -> bool {
    headers.contains_key(IF_NONE_MATCH)
        && members(headers, IF_NONE_MATCH).any(|member| member == b"*" || strong(member) == tag.0)
}

/// The base a conditional write starts from: `If-Match` names the revision or a tag the key must have,
/// `If-None-Match: *` wants it absent.
///
/// # Errors
/// When the condition fails already here, or is not one.
pub fn base(headers: &HeaderMap, state: &State, key: &Key) -> Result<Option<Revision>, Problem> {
    if headers.contains_key(IF_NONE_MATCH) {
        return match members(headers, IF_NONE_MATCH).all(|member| member == b"*") {
            true => Ok(Some(Revision::ZERO)),
            false => {
                Err(Problem::bad_request("a write takes If-None-Match: * only; use If-Match for a tag or revision"))
            }
        };
    }
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let revision = members(headers, IF_MATCH)
        .find_map(|member| std::str::from_utf8(member.trim_ascii()).ok()?.trim_matches('"').parse::<Revision>().ok());
    match (revision, state.item(key)) {
        (Some(revision), _) => Ok(Some(revision)),
        (None, Some(item)) if is_matched(headers, item) => Ok(Some(item.revision)),
        (None, Some(item)) => {
            let tag = Tag::of(&item.digest);
            let detail = format!("key \"{key}\" has the tag {}: read it again and retry", tag.as_str());
            Err(Problem::precondition(detail).with("found", item.revision.to_string()))
        }
        (None, None) => {
            Err(Problem::precondition(format!("key \"{key}\" is absent: use If-None-Match: * to create it")))
        }
    }
}

fn is_matched(headers: &HeaderMap, item: &Item) -> bool {
    let tag = Tag::of(&item.digest);
    members(headers, IF_MATCH).any(|member| member == b"*" || member == tag.0)
}

/// The members of a list header. Our tags have no comma in them, so a foreign one that has is cut into
/// pieces that match nothing.
fn members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).into_iter().flat_map(|value| value.as_bytes().split(|&b| b == b',')).map(<[u8]>::trim_ascii)
}

/// The weak comparison ignores the mark.
fn strong(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_lists_and_behind_a_weak_mark() {
        let tag = Tag::of(&Digest::of(b"1"));
        let hits = |text: &str| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(text).unwrap())]);
            none_match_hits(&headers, &tag)
        };
        let own = tag.as_str();
        assert!(hits(own) && hits("*") && hits(&format!("W/{own}")) && hits(&format!("\"a,b\", {own} ,\"c\"")));
        assert!(!hits("\"x\"") && !hits("") && !hits(own.trim_matches('"')));
        assert!(!none_match_hits(&HeaderMap::new(), &tag));
    }

    #[test]
    fn a_write_can_start_from_a_revision_or_from_nothing() {
        let key = Key::parse(b"a").unwrap();
        let of = |name: HeaderName, text: &'static str| {
            base(&HeaderMap::from_iter([(name, HeaderValue::from_static(text))]), &State::default(), &key)
        };
        assert_eq!(of(IF_MATCH, "\"7-1\"").unwrap(), Some(Revision { ms: 7, seq: 1 }));
        assert_eq!(of(IF_MATCH, "7-1").unwrap(), Some(Revision { ms: 7, seq: 1 }));
        assert_eq!(of(IF_NONE_MATCH, "*").unwrap(), Some(Revision::ZERO));
        assert!(of(IF_NONE_MATCH, "\"x\"").is_err());
        assert!(of(IF_MATCH, "*").is_err(), "there is nothing to match");
    }
}
