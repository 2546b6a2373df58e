//! From a full log to everything installed, against the bare drain of the same log.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use sluice_core::Revision;
use sluice_live::Server;
use sluice_node::{Blobs, Log};

use crate::host::Local;
use crate::stream::{drain, fill};
use crate::table::{Goal, Row, median};
use crate::{Scale, state};

/// Settings of the bound validator.
const SETTINGS: &str = r#"{"/max":[0,100]}"#;

/// Keys the entries are spread over.
const KEYS: usize = 10_000;

/// Without and with a validator.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    let (mut drains, mut plain, mut judged, mut calls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let server = Server::with(&["--appendonly", "no"])?;
        fill(&server, scale.entries, KEYS).await?;
        drains.push(drain(&server).await?);
        plain.push(ingest(&server, scale.entries, false).await?.0);
        let server = Server::with(&["--appendonly", "no"])?;
        let (rate, call_us) = ingest(&server, scale.entries, true).await?;
        judged.push(rate);
        calls.push(call_us);
    }
    let [drain, plain, judged, call_us] = [drains, plain, judged, calls].map(median);
    let (plain_us, judged_us) = (1e6 / plain, 1e6 / judged);
    let parts = format!("plain {plain_us:.1} + bare call {call_us:.1} =");
    Ok(vec![
        Row::ratio(
            "ingest, 1 KiB, persisted, no validator",
            "entries/s",
            plain,
            ("XREAD drain", drain),
            Goal::AtLeast(0.4),
        ),
        Row::ratio(
            "ingest with bounds, time an entry",
            "us",
            judged_us,
            (&parts, plain_us + call_us),
            Goal::AtMost(1.25),
        ),
        Row::ratio("ingest with bounds", "entries/s", judged, ("XREAD drain", drain), Goal::None),
    ])
}

/// Entries a second, and the microseconds of one bare call.
async fn ingest(server: &Server, entries: usize, is_judged: bool) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let mut call_us = 0.0;
    if is_judged {
        // The binding comes first, and the component is compiled before the clock starts, as on a host that runs.
        let warm = tempfile::tempdir()?;
        let host = Local::start(server, warm.path(), false)?;
        let bound = bind_bounds(&host).await?;
        host.settles(bound).await;
        host.stop().await;
        copy(&warm.path().join("cache"), &folder.path().join("cache"))?;
        std::fs::copy(warm.path().join("cache.key"), folder.path().join("cache.key"))?;
        fill(server, entries, KEYS).await?;
        call_us = bare_call_us(entries)?;
    }
    let last = Revision::ZERO.max(tip(server).await?);
    let begun = Instant::now();
    let host = Local::start(server, folder.path(), true)?;
    host.settles(last).await;
    let rate = entries as f64 / begun.elapsed().as_secs_f64();
    let applied = host.hub.view().state.len();
    anyhow::ensure!(applied >= KEYS.min(entries), "only {applied} keys are there");
    host.stop().await;
    Ok((rate, call_us))
}

async fn tip(server: &Server) -> Result<Revision> {
    let mut connection = crate::stream::connect(server).await?;
    let entries: redis::Value = redis::cmd("XREVRANGE")
        .arg(crate::stream::LOG)
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1)
        .query_async(&mut connection)
        .await?;
    let wrapped = redis::Value::Array(vec![redis::Value::Array(vec![redis::Value::Nil, entries])]);
    let last = crate::stream::entries_of(&wrapped).map(|(_, last)| last).unwrap_or_default();
    Ok(last.parse()?)
}

/// Binds `bounds` to every key of the benches.
pub async fn bind_bounds(host: &Local) -> Result<Revision> {
    let blob = host
        .redis
        .store(bytes::Bytes::from_static(sluice_artifacts::BOUNDS))
        .await
        .map_err(|lost| anyhow::anyhow!(lost.0))?;
    let binding = serde_json::json!({
        "keys": ["tenant-*/**"], "component": blob.digest.to_string(), "settings": serde_json::from_str::<serde_json::Value>(SETTINGS)?,
    });
    let announcement = format!("put:_sluice/components/{}", blob.digest);
    let fields =
        vec![(announcement.into(), "{}".into()), ("put:_sluice/validators/bounds".into(), binding.to_string().into())];
    let revision = host.redis.append(fields).await?;
    Ok(revision)
}

/// One bare call: a fresh instance under the same limits, the same document, and nothing of ours around it.
fn bare_call_us(entries: usize) -> Result<f64> {
    crate::bare::call_us(sluice_artifacts::BOUNDS, SETTINGS, &state::entry(1, 1), entries.min(20_000))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for file in std::fs::read_dir(from)? {
        let file = file?;
        std::fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

/// The middle of some times.
pub fn median_of(times: Vec<f64>) -> f64 {
    median(times)
}
