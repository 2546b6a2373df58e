//! `sluice get`: one value, as it is.

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderName};
use serde_json::{Map, Value};
use sluice_core::{Key, Revision};

use crate::cli::{Form, Get};
use crate::exit::Ended;
use crate::past;
use crate::payload;
use crate::space::{Context, Space, key};
use crate::through::Through;

/// A value with what is known about it.
struct Found {
    revision: String,
    media: String,
    etag: String,
    bytes: Bytes,
}

pub fn run(context: &Context, args: &Get) -> Result<Ended> {
    let key = key(&args.key)?;
    let found = match Through::of(context)? {
        Some(host) => context.run(from_host(&host, &key, args.at))?,
        None => {
            let space = context.space()?;
            context.run(from_log(&space, &key, args.at))?
        }
    };
    match context.output.form() {
        // No line break is added: what comes out is what went in.
        Form::Table | Form::Wide => context.output.raw(&found.bytes)?,
        Form::Json | Form::Jsonl | Form::Yaml | Form::Name => context.output.one("Value", found.fields(&key))?,
    }
    Ok(Ended::Yes)
}

async fn from_log(space: &Space, key: &Key, at: Option<Revision>) -> Result<Found> {
    let (item, at) = match at {
        Some(at) => (past::item(space, key, at).await?, at),
        None => {
            let state = space.state(None).await?;
            (state.item(key).cloned(), state.cursor)
        }
    };
    let Some(item) = item else { bail!("key \"{key}\" is absent at revision {at}") };
    Ok(Found {
        revision: item.revision.to_string(),
        media: item.media.to_string(),
        etag: etag(&item.digest),
        bytes: item.bytes.clone(),
    })
}

async fn from_host(host: &Through, key: &Key, at: Option<Revision>) -> Result<Found> {
    let at = at.map(|at| format!("?at={at}")).unwrap_or_default();
    let response = host.ask(&format!("/v1/keys/{key}{at}")).await?;
    let text = |name: HeaderName| {
        let value = response.headers().get(&name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned).ok_or_else(|| anyhow!("the host's answer has no {name}: is it a sluice host?"))
    };
    let revision = text(HeaderName::from_static("sluice-revision"))?;
    let (media, etag) = (text(CONTENT_TYPE)?, text(ETAG)?.trim_matches('"').to_owned());
    Ok(Found { revision, media, etag, bytes: host.whole(response).await? })
}

/// The entity tag hosts give the value: half of its BLAKE3.
pub fn etag(digest: &sluice_core::Digest) -> String {
    digest.to_string()[..32].to_owned()
}

impl Found {
    fn fields(&self, key: &Key) -> Map<String, Value> {
        let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        let head = [text("key", key.as_str()), text("revision", &self.revision), text("type", &self.media)];
        head.into_iter().chain([text("etag", &self.etag), payload::field(&self.bytes)]).collect()
    }
}
