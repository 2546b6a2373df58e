//! A value as JSON: the same in listings and in events.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sluice_core::{Item, Key};

use crate::condition::Tag;

/// A key with its value, or with all but it.
#[derive(Serialize)]
pub struct Row<'a> {
    key: &'a str,
    revision: String,
    etag: String,
    #[serde(rename = "type")]
    media: &'a str,
    /// How many bytes the value has.
    bytes: usize,
    /// The value, when it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    /// The value, when it is not.
    #[serde(rename = "valueBase64", skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl<'a> Row<'a> {
    /// With the value only when `is_full`.
    pub fn new(key: &'a Key, item: &'a Item, is_full: bool) -> Row<'a> {
        let text = is_full.then(|| std::str::from_utf8(&item.bytes));
        Row {
            key: key.as_str(),
            revision: item.revision.to_string(),
            etag: Tag::of(&item.digest).as_str().to_owned(),
            media: item.media.as_str(),
            bytes: item.bytes.len(),
            value: text.and_then(Result::ok),
            base64: text.filter(Result::is_err).map(|_| STANDARD.encode(&item.bytes)),
        }
    }
}
