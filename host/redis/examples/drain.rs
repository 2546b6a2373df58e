//! How fast a log is drained: this crate's pull against plain reads through the client library.
//!
//! `cargo run --release -p sluice-redis --example drain [redis-url]`; without a URL it starts a server of
//! its own. 100 000 entries of 1 KiB, and then the time from an append to the pull that brings it.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, Value};
use sluice_core::{Entry, Revision};
use sluice_node::ports::Log;
use sluice_redis::{Redis, Settings};

const ENTRIES: usize = 100_000;
const VALUE_BYTES: usize = 1024;
const ROUNDS: usize = 5;
const TRIPS: usize = 5_000;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("redis.sock");
    let given = std::env::args().nth(1);
    let mut server = match &given {
        Some(_) => None,
        None => Some(
            std::process::Command::new("redis-server")
                .args(["--port", "0", "--save", "", "--appendonly", "no", "--loglevel", "warning", "--unixsocket"])
                .arg(&socket)
                .stdout(std::process::Stdio::null())
                .spawn()?,
        ),
    };
    let url = given.unwrap_or(format!("redis+unix://{}", socket.display()));
    let result = measure(&url).await;
    if let Some(server) = &mut server {
        server.kill()?;
        server.wait()?;
    }
    result
}

async fn measure(url: &str) -> Result<()> {
    let space = format!("drain-{}", std::process::id());
    let ours = Redis::new(Settings::new(url, space.parse()?))?;
    let client = redis::Client::open(url)?;
    // The library's own half second is short for a machine that has other things to do.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
    let mut raw = loop {
        match client.get_multiplexed_async_connection_with_config(&patient).await {
            Ok(raw) => break raw,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let log = format!("sluice:{{{space}}}:log");
    fill(&mut raw, &log).await?;
    for _ in 0..ROUNDS {
        let pulled = measured(drain_ours(&ours)).await?;
        let values = measured(drain_values(&mut raw, &log)).await?;
        let maps = measured(drain_maps(&mut raw, &log)).await?;
        let decoded = measured(decode(&ours)).await?;
        println!("pull {pulled}   of it decode {decoded}   XREAD as values {values}   as maps {maps}");
    }
    println!("append to pulled, us: {}", trips(&ours).await?);
    redis::cmd("DEL").arg(&log).exec_async(&mut raw).await?;
    Ok(())
}

async fn fill(raw: &mut redis::aio::MultiplexedConnection, log: &str) -> Result<()> {
    let value = "v".repeat(VALUE_BYTES);
    for _ in 0..ENTRIES / 500 {
        let mut adds = redis::pipe();
        for _ in 0..500 {
            adds.cmd("XADD").arg(log).arg("*").arg("put:a/key").arg(&value).ignore();
        }
        adds.exec_async(raw).await?;
    }
    Ok(())
}

/// Decoded and hashed, too: what the node gets.
async fn drain_ours(redis: &Redis) -> Result<()> {
    let (mut after, mut seen) = (Revision::ZERO, 0);
    while seen < ENTRIES {
        let entries = redis.pull(after.into()).await.map_err(|error| anyhow::anyhow!(error.lost().0))?;
        after = entries.last().map_or(after, |entry| entry.revision);
        seen += entries.len();
    }
    Ok(())
}

/// The part of it that no client can save: decoding and hashing, over one entry again and again.
async fn decode(redis: &Redis) -> Result<()> {
    let entries = redis.read(Revision::ZERO, 1).await.map_err(|error| anyhow::anyhow!(error.0))?;
    for _ in 0..ENTRIES {
        std::hint::black_box(Entry::read(entries[0].revision, entries[0].fields.clone()));
    }
    Ok(())
}

async fn drain_values(raw: &mut redis::aio::MultiplexedConnection, log: &str) -> Result<()> {
    let (mut after, mut seen) = ("0".to_owned(), 0);
    while seen < ENTRIES {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(1000).arg("STREAMS").arg(log).arg(&after);
        let Value::Array(streams) = read.query_async(raw).await? else { break };
        let Value::Array(stream) = &streams[0] else { break };
        let Value::Array(entries) = &stream[1] else { break };
        let Some(Value::Array(last)) = entries.last() else { break };
        after = redis::from_redis_value(last[0].clone())?;
        seen += entries.len();
    }
    Ok(())
}

async fn drain_maps(raw: &mut redis::aio::MultiplexedConnection, log: &str) -> Result<()> {
    let (mut after, mut seen) = ("0".to_owned(), 0);
    while seen < ENTRIES {
        let options = StreamReadOptions::default().count(1000);
        let reply: StreamReadReply = raw.xread_options(&[log], &[&after], &options).await?;
        let entries = &reply.keys[0].ids;
        after = entries.last().map_or(after, |entry| entry.id.clone());
        seen += entries.len();
    }
    Ok(())
}

async fn trips(redis: &Redis) -> Result<String> {
    let mut after = redis.tip().await.map_err(|error| anyhow::anyhow!(error.0))?.unwrap_or_default();
    let (told, mut came) = tokio::sync::mpsc::channel(1);
    let reader = redis.clone();
    let reading = tokio::spawn(async move {
        while let Ok(entries) = reader.pull(after.into()).await {
            let now = Instant::now();
            after = entries.last().map_or(after, |entry| entry.revision);
            if !entries.is_empty() && told.send(now).await.is_err() {
                return;
            }
        }
    });
    let mut taken = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let start = Instant::now();
        redis.append(vec![(Bytes::from_static(b"put:a/key"), Bytes::from_static(b"{}"))]).await?;
        taken.extend(came.recv().await.map(|now| now.duration_since(start)));
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    reading.abort();
    taken.sort_unstable();
    let at = |share: usize| taken[taken.len() * share / 100].as_micros();
    Ok(format!("p50 {} p99 {}", at(50), at(99)))
}

/// Entries a second, and this process' own time for each: the latter says more when the cores are shared.
async fn measured(drain: impl Future<Output = Result<()>>) -> Result<String> {
    let (start, cpu) = (Instant::now(), cpu_ticks()?);
    drain.await?;
    let us = (cpu_ticks()? - cpu) as f64 * 10_000.0 / ENTRIES as f64;
    let rate = ENTRIES as f64 / start.elapsed().as_secs_f64();
    Ok(format!("{rate:>7.0}/s {us:.2} us cpu"))
}

/// Hundredths of a second this process has run, in user and kernel mode.
fn cpu_ticks() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().skip(11).take(2).map(|ticks| Ok(ticks.parse::<u64>()?)).sum()
}
