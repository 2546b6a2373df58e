//! From a publish to its being visible, one at a time, against the bare parts it consists of.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use redis::Value;
use redis::aio::MultiplexedConnection;
use sluice_live::Server;

use crate::host::Local;
use crate::ingest::{bind_bounds, median_of};
use crate::stream::{LOG, connect, entries_of};
use crate::table::{Goal, Row};
use crate::{Scale, state};

/// With and without waiting for the disk.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let raw_us = raw(scale).await?;
    let append_us = append(folder.path(), scale)?;
    let synced_us = visible(scale, true).await?;
    let unsynced_us = visible(scale, false).await?;
    let limit_us = raw_us + append_us + 60.0;
    let parts = format!("raw {raw_us:.0} + fsync {append_us:.0} + 60 =");
    Ok(vec![
        Row::ratio(
            "publish to visible, validator and fsync, p50",
            "us",
            synced_us,
            (&parts, limit_us),
            Goal::AtMost(1.0),
        ),
        Row::ratio(
            "publish to visible, validator, no fsync, p50",
            "us",
            unsynced_us,
            ("raw", raw_us),
            Goal::AtMost(3.0),
        ),
    ])
}

/// `XADD` until a blocked `XREAD` of another connection has it.
async fn raw(scale: Scale) -> Result<f64> {
    let server = Server::with(&["--appendonly", "no"])?;
    let (reader, mut writer) = (connect(&server).await?, connect(&server).await?);
    let (mut cursor, mut times) = ("0".to_owned(), Vec::new());
    for number in 0..scale.rounds {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(64).arg("BLOCK").arg(0).arg("STREAMS").arg(LOG).arg(&cursor);
        let waiting = tokio::spawn({
            let mut reader = reader.clone();
            async move { read.query_async::<Value>(&mut reader).await.map(|answer| (answer, Instant::now())) }
        });
        pause(&mut writer).await?;
        let begun = Instant::now();
        add(&mut writer, number).await?;
        let (answer, ended) = waiting.await??;
        times.push((ended - begun).as_secs_f64() * 1e6);
        cursor = entries_of(&answer).context("the entry is there")?.1;
    }
    Ok(median_of(times))
}

/// `XADD` until a host in this process serves it.
async fn visible(scale: Scale, is_synced: bool) -> Result<f64> {
    let server = Server::with(&["--appendonly", "no"])?;
    let folder = tempfile::tempdir()?;
    let host = Local::start(&server, folder.path(), is_synced)?;
    let bound = bind_bounds(&host).await?;
    host.settles(bound).await;
    let mut writer = connect(&server).await?;
    let mut times = Vec::new();
    for number in 0..scale.rounds {
        let mut installs = host.hub.subscribe();
        installs.borrow_and_update();
        let stamp = Arc::new(Stamp::default());
        let waker = Waker::from(stamp.clone());
        let mut changed = pin!(installs.changed());
        ensure!(changed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "the host is not at rest");
        pause(&mut writer).await?;
        let begun = Instant::now();
        let revision = add(&mut writer, number).await?;
        host.reaches(revision.parse()?).await;
        // The wake comes right after what it is about, so it may still be on its way.
        let ended = loop {
            match stamp.0.get() {
                Some(ended) => break *ended,
                None => tokio::task::yield_now().await,
            }
        };
        times.push((ended - begun).as_secs_f64() * 1e6);
    }
    host.stop().await;
    Ok(median_of(times))
}

/// Notes when it is woken, which the host does at the moment its reads give the new value. Waking a task
/// instead would measure how long a thread takes to wake once more.
#[derive(Default)]
struct Stamp(OnceLock<Instant>);

impl Wake for Stamp {
    fn wake(self: Arc<Self>) {
        self.0.get_or_init(Instant::now);
    }
}

/// Appends of the same bytes, each flushed.
fn append(folder: &Path, scale: Scale) -> Result<f64> {
    let mut file = File::create(folder.join("append"))?;
    let value = state::value(1);
    let mut times = Vec::new();
    for _ in 0..scale.rounds {
        let begun = Instant::now();
        file.write_all(&value)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median_of(times))
}

pub(crate) async fn add(writer: &mut MultiplexedConnection, number: usize) -> Result<String> {
    let mut command = redis::cmd("XADD");
    command.arg(LOG).arg("*");
    for (name, value) in state::fields(number as u64, number % 100) {
        command.arg(&name[..]).arg(&value[..]);
    }
    Ok(command.query_async(writer).await?)
}

/// Some round trips, so that every side has gone back to waiting.
async fn pause(writer: &mut MultiplexedConnection) -> Result<()> {
    for _ in 0..5 {
        let _: String = redis::cmd("PING").query_async(writer).await?;
    }
    Ok(())
}
