//! How long a change of one key takes while a large validator is compiled for others.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use sluice_live::Server;
use sluice_node::{Blobs, Log};

use crate::Scale;
use crate::host::Local;
use crate::latency::add;
use crate::stream::connect;
use crate::table::{Goal, Row};

/// What compiling may add to the slowest of a hundred, in ms.
const DELAY_MS: f64 = 5.0;
/// Longest wait for the compiler.
const PATIENCE: Duration = Duration::from_secs(120);

/// With a quiet compiler and with a busy one, on one host.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    let server = Server::with(&["--appendonly", "no"])?;
    let folder = tempfile::tempdir()?;
    let host = Local::start(&server, folder.path(), false)?;
    let mut writer = connect(&server).await?;
    let mut times = Vec::new();
    for number in 0..scale.rounds {
        times.push(visible_ms(&host, &mut writer, number).await?);
    }
    let quiet = p99(times);
    let bound = bind_schema(&host).await?;
    let (mut times, begun) = (Vec::new(), Instant::now());
    while is_held(&host, bound) && begun.elapsed() < PATIENCE {
        times.push(visible_ms(&host, &mut writer, times.len()).await?);
    }
    anyhow::ensure!(!is_held(&host, bound), "the validator was not compiled within {PATIENCE:?}");
    let (changes, busy) = (times.len(), p99(times));
    host.stop().await;
    let name = format!("what compiling json-schema adds to the p99 of {changes} changes of other keys");
    let limit = format!("{quiet:.1} ms quiet, {busy:.1} ms meanwhile; goal");
    Ok(vec![Row::ratio(&name, "ms", (busy - quiet).max(0.0), (&limit, DELAY_MS), Goal::AtMost(1.0))])
}

/// From a publish to its being served.
pub(crate) async fn visible_ms(
    host: &Local,
    writer: &mut redis::aio::MultiplexedConnection,
    number: usize,
) -> Result<f64> {
    let begun = Instant::now();
    let revision = add(writer, number).await?;
    host.reaches(revision.parse()?).await;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

async fn bind_schema(host: &Local) -> Result<sluice_core::Revision> {
    let component = bytes::Bytes::from_static(sluice_artifacts::JSON_SCHEMA);
    let blob = host.redis.store(component).await.map_err(|lost| anyhow::anyhow!(lost.0))?;
    let binding = json!({"keys": ["elsewhere/**"], "component": blob.digest.to_string(), "settings": {"schema": {}}});
    let fields = vec![
        (format!("put:_sluice/components/{}", blob.digest).into(), "{}".into()),
        ("put:_sluice/validators/schema".into(), binding.to_string().into()),
    ];
    let bound = host.redis.append(fields).await?;
    host.reaches(bound).await;
    Ok(bound)
}

fn is_held(host: &Local, revision: sluice_core::Revision) -> bool {
    host.hub.view().state.held.contains_key(&revision)
}

/// The slowest of a hundred.
pub(crate) fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).or(times.last()).copied().unwrap_or(0.0)
}
