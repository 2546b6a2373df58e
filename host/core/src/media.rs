//! Media types of values.

use std::borrow::Cow;
use std::fmt;

use crate::key::Key;

/// Longest media type taken, in bytes (RFC 6838 §4.2 allows 127 on each side; real ones are shorter).
pub const MEDIA_BYTES_MAX: usize = 127;

/// A media type such as `application/json`, as published or as the key's extension says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Media(Cow<'static, str>);

impl Media {
    /// What a value is when nothing says otherwise.
    pub const BYTES: Media = Media(Cow::Borrowed("application/octet-stream"));

    /// Fields of an entry, kept for later: see [`crate::schedule`].
    pub const FIELDS: Media = Media(Cow::Borrowed("application/x-sluice-fields"));

    /// A text.
    pub const PLAIN: Media = Media(Cow::Borrowed("text/plain; charset=utf-8"));

    /// Takes a published media type; `None` when it is not `type/subtype` in visible ASCII.
    pub fn parse(text: &str) -> Option<Media> {
        let visible = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        let (kind, sub) = text.split_once('/')?;
        let named = !kind.is_empty() && !sub.is_empty() && !kind.contains(' ');
        (visible && named && text.len() <= MEDIA_BYTES_MAX).then(|| Media(Cow::Owned(text.to_owned())))
    }

    /// The default of a key: by its extension, else plain bytes.
    pub fn of_key(key: &Key) -> Media {
        let last = key.as_str().rsplit('/').next().unwrap_or_default();
        let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
        Media(Cow::Borrowed(match extension {
            "json" => "application/json",
            "yaml" | "yml" => "application/yaml",
            "toml" => "application/toml",
            "xml" => "application/xml",
            "txt" | "conf" | "ini" | "env" => return Media::PLAIN,
            "md" => "text/markdown; charset=utf-8",
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "csv" => "text/csv; charset=utf-8",
            "pem" | "crt" => "application/x-pem-file",
            "wasm" => "application/wasm",
            _ => return Media::BYTES,
        }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_of_a_key_says_its_media_type() {
        let of = |key: &str| Media::of_key(&Key::parse(key.as_bytes()).unwrap()).as_str().to_owned();
        assert_eq!(of("shop/limits.json"), "application/json");
        assert_eq!(of("shop/limits.yml"), "application/yaml");
        assert_eq!(of("shop.json/limits"), "application/octet-stream");
        assert_eq!(of("limits"), "application/octet-stream");
    }

    #[test]
    fn a_media_type_has_two_halves_of_visible_ascii() {
        assert!(Media::parse("text/plain; charset=utf-8").is_some());
        for text in ["", "json", "/json", "text/", "te xt/plain", "text/pl\nain", "text/ä"] {
            assert!(Media::parse(text).is_none(), "{text:?}");
        }
    }
}
