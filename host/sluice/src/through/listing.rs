//! What keys are on a host, page by page.

use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;
use sluice_core::{Digest, Item, Key, Media, Revision, State};

use super::Through;
use crate::payload;

/// Keys asked for at a time; the host ends a page of large values earlier.
const PAGE: usize = 1_000;

/// `/v1/keys`, what of it is used here.
#[derive(Deserialize)]
struct Page {
    revision: String,
    keys: Vec<Row>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    revision: String,
    #[serde(rename = "type")]
    media: String,
    value: Option<String>,
    #[serde(rename = "valueBase64")]
    base64: Option<String>,
}

impl Through {
    /// The keys under `prefix` with their values. Pages that are read while things change are of different
    /// revisions: who goes on from here publishes with the revision of each key as its base.
    pub async fn state(&self, prefix: &str) -> Result<State> {
        let (mut state, mut after) = (State::default(), String::new());
        loop {
            let document = self.document(&format!("/v1/keys?prefix={prefix}&limit={PAGE}{after}")).await?;
            let page: Page = serde_json::from_value(document).context("the host's list of keys cannot be read")?;
            for row in page.keys {
                let (key, item) = row.item()?;
                state.set(&key, Some(item));
            }
            state.cursor = page.revision.parse()?;
            match page.next {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(state),
            }
        }
    }
}

impl Row {
    fn item(self) -> Result<(Key, Item)> {
        let wrong = |what: String| anyhow!("the host lists key {:?} with {what}: is it a sluice host?", self.key);
        let key = Key::parse(self.key.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let revision: Revision = self.revision.parse().map_err(|_| wrong(format!("revision {:?}", self.revision)))?;
        let media = Media::parse(&self.media).ok_or_else(|| wrong(format!("type {:?}", self.media)))?;
        let bytes = payload::read(self.value.clone(), self.base64.clone()).map_err(wrong)?;
        Ok((key, Item { revision, media, digest: Digest::of(&bytes), bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Result<(Key, Item)> {
        serde_json::from_str::<Row>(text).unwrap().item()
    }

    #[test]
    fn a_row_is_an_item() {
        let (key, item) = item(r#"{"key":"a","revision":"7-1","type":"x/y","valueBase64":"/wA="}"#).unwrap();
        assert_eq!((key.as_str(), item.revision, item.media.as_str()), ("a", Revision { ms: 7, seq: 1 }, "x/y"));
        assert_eq!((&item.bytes[..], item.digest), (&[0xff, 0][..], Digest::of(&[0xff, 0])));
    }

    #[test]
    fn a_row_that_is_none_is_told() {
        for (text, what) in [
            (r#"{"key":"a b","revision":"7","type":"x/y","value":""}"#, "a b"),
            (r#"{"key":"a","revision":"x","type":"x/y","value":""}"#, "revision"),
            (r#"{"key":"a","revision":"7","type":"x","value":""}"#, "type"),
            (r#"{"key":"a","revision":"7","type":"x/y"}"#, "no value"),
        ] {
            let why = item(text).unwrap_err().to_string();
            assert!(why.contains(what), "{why}");
        }
    }
}
