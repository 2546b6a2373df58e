//! The hosts of a space, as one of them tells.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::Through;
use crate::wiring::edges::Seen;

/// `/v1/hosts`, what of it is used here.
#[derive(Deserialize)]
struct Document {
    hosts: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    host: String,
    seen_ms: u64,
    report: Value,
}

impl Through {
    /// The hosts heard of lately.
    pub async fn hosts(&self) -> Result<Vec<Seen>> {
        let document = self.document("/v1/hosts").await?;
        let Document { hosts } = serde_json::from_value(document).context("the host's list of hosts cannot be read")?;
        // A report of a kind this version cannot read is none, as it is over Redis.
        let seen = |row: Row| Seen {
            report: serde_json::from_value(row.report).unwrap_or_default(),
            host: row.host,
            seen_ms: row.seen_ms,
        };
        Ok(hosts.into_iter().map(seen).collect())
    }
}
