//! `sluice ls`: the keys under a prefix.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cli::Ls;
use crate::commands::get::etag;
use crate::exit::Ended;
use crate::output::Table;
use crate::prefix::prefix;
use crate::space::{Context, Space};
use crate::through::Through;

/// Keys asked for at a time.
const PAGE: usize = 1_000;

pub fn run(context: &Context, args: &Ls) -> Result<Ended> {
    let prefix = prefix(&args.prefix)?;
    let rows = match Through::of(context)? {
        Some(host) => context.run(from_host(&host, prefix))?,
        None => {
            let space = context.space()?;
            context.run(from_log(&space, prefix))?
        }
    };
    let columns = vec!["key", "revision", "bytes", "type", "etag"];
    context.output.many("Keys", &Table { columns, wide_from: 4, rows })?;
    Ok(Ended::Yes)
}

async fn from_log(space: &Space, prefix: &str) -> Result<Vec<Vec<Value>>> {
    let state = space.state(None).await?;
    let row = |(key, item): (&sluice_core::Key, &sluice_core::Item)| {
        let media = item.media.as_str();
        vec![
            json!(key.as_str()),
            json!(item.revision.to_string()),
            json!(item.bytes.len()),
            json!(media),
            json!(etag(&item.digest)),
        ]
    };
    Ok(state.range(prefix, None).map(row).collect())
}

async fn from_host(host: &Through, prefix: &str) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    let mut after = String::new();
    loop {
        let page = host.document(&format!("/v1/keys?prefix={prefix}&keys_only=true&limit={PAGE}{after}")).await?;
        let keys =
            page.get("keys").and_then(Value::as_array).context("the host's list has no keys: is it a sluice host?")?;
        rows.extend(keys.iter().map(row));
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(rows),
        }
    }
}

fn row(listed: &Value) -> Vec<Value> {
    let field = |name: &str| listed.get(name).cloned().unwrap_or_default();
    let etag = field("etag").as_str().map(|tag| tag.trim_matches('"').to_owned());
    vec![field("key"), field("revision"), field("bytes"), field("type"), etag.into()]
}
