//! Writing snapshots: what is written again, and what those who publish meanwhile feel of it.

use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use redis::aio::MultiplexedConnection;
use sluice_live::Server;
use sluice_node::keeper::SNAPSHOT;
use sluice_node::{Leases, Snapshots, WriteError};
use sluice_redis::{Redis, Shelf};

use crate::Scale;
use crate::beside::{p99, visible_ms};
use crate::host::Local;
use crate::stream::{connect, fill_small};
use crate::table::{Goal, Row, median};

/// Keys that change between two snapshots.
const CHANGED: usize = 100;
/// Longer than any of these takes.
const LEASE_MS: u64 = 600_000;

/// One snapshot behind another, and one written whole while changes come in.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    let server = Server::with(&["--appendonly", "no"])?;
    let folder = tempfile::tempdir()?;
    let host = Local::start(&server, folder.path(), true)?;
    host.reaches(fill_small(&server, 0..scale.keys).await?).await;
    let mut connection = connect(&server).await?;
    let (mut wholes, mut whole_times, mut again, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut quiet, mut busy, mut changes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..scale.runs {
        let (mb, seconds) = written(&host, &mut connection, true).await?;
        wholes.push(mb);
        whole_times.push(seconds);
        change(&host, &server, scale.keys).await?;
        let (mb, seconds) = written(&host, &mut connection, false).await?;
        again.push(mb);
        times.push(seconds);
        let (slow, count) = meanwhile(&host, &server).await?;
        busy.push(slow);
        changes = count;
        let mut writer = connect(&server).await?;
        let mut calm = Vec::new();
        for number in 0..count {
            calm.push(visible_ms(&host, &mut writer, number).await?);
        }
        quiet.push(p99(calm));
    }
    host.stop().await;
    let [whole_mb, whole_s, mb, seconds] = [wholes, whole_times, again, times].map(median);
    let name = format!("p99 of publish to visible while {} keys are written, {changes} changes", scale.keys);
    let of = format!("{CHANGED} of {} keys changed:", scale.keys);
    Ok(vec![
        Row::ratio(
            &format!("{of} bytes the next snapshot sends"),
            "MB",
            mb,
            ("the whole", whole_mb),
            Goal::AtMost(0.05),
        ),
        Row::ratio(&format!("{of} time of the next snapshot"), "s", seconds, ("the whole", whole_s), Goal::None),
        Row::ratio(&name, "ms", median(busy), ("without", median(quiet)), Goal::AtMost(3.0)),
    ])
}

/// Gives some keys that lie far apart another value.
async fn change(host: &Local, server: &Server, keys: usize) -> Result<()> {
    let apart = keys / CHANGED;
    let first = fastrand::usize(0..apart);
    let revision = fill_small(server, (0..CHANGED).map(|number| first + number * apart)).await?;
    host.reaches(revision).await;
    let view = host.hub.view();
    let changed = view.state.range("", None).filter(|(_, item)| item.revision == revision).count();
    ensure!(changed == CHANGED, "{changed} keys have changed");
    Ok(())
}

/// Megabytes that Redis takes in for a snapshot, commands and all, and how many seconds that is.
async fn written(host: &Local, connection: &mut MultiplexedConnection, anew: bool) -> Result<(f64, f64)> {
    let (before, begun) = (taken_in(connection).await?, Instant::now());
    write(&host.redis, &host.shelf, host.hub.view().state.clone(), anew).await?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(((taken_in(connection).await? - before) / 1e6, seconds))
}

async fn write(redis: &Redis, shelf: &Shelf, state: sluice_core::State, anew: bool) -> Result<()> {
    let lease = redis.acquire(SNAPSHOT, LEASE_MS).await.map_err(|lost| anyhow!(lost.0))?;
    let lease = lease.context("nobody else writes snapshots here")?;
    let kept = shelf.write(state, lease.clone(), anew).await;
    redis.release(&lease).await.map_err(|lost| anyhow!(lost.0))?;
    match kept {
        Ok(_) => Ok(()),
        Err(WriteError::Away(lost)) => Err(anyhow!(lost.0)),
        Err(WriteError::Fenced(newer)) => Err(anyhow!("fenced by {newer}")),
    }
}

async fn taken_in(connection: &mut MultiplexedConnection) -> Result<f64> {
    let told: String = redis::cmd("INFO").arg("stats").query_async(connection).await?;
    let line = told.lines().find_map(|line| line.strip_prefix("total_net_input_bytes:"));
    Ok(line.context("Redis tells what it took in")?.trim().parse()?)
}

/// The slowest of a hundred changes while a whole snapshot is written by the same host, in ms, and how many there were.
async fn meanwhile(host: &Local, server: &Server) -> Result<(f64, usize)> {
    let (redis, shelf, state) = (host.redis.clone(), host.shelf.clone(), host.hub.view().state.clone());
    let mut writer = connect(server).await?;
    let writing = tokio::spawn(async move { write(&redis, &shelf, state, true).await });
    let mut times = Vec::new();
    while !writing.is_finished() {
        times.push(visible_ms(host, &mut writer, times.len()).await?);
    }
    writing.await??;
    Ok((p99(times.clone()), times.len()))
}
