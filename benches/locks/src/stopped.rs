//! Masters that stand still: one of five for as long as it takes, and most of them for a moment.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluice_redis::{Redlock, Renewal, Terms};

use crate::client::{Client, TTL_MS};
use crate::masters::{MASTERS, Masters, QUORUM};
use crate::table::{Goal, Row, median};
use crate::{Scale, fresh_name, ours};

/// A lock that a client that waits for all masters cannot have when one hangs.
const SHORT_MS: u64 = 400;
/// A lock that is extended while most masters stand still, and for how long they do.
const LONG_MS: u64 = 20_000;
const PAUSE: Duration = Duration::from_millis(800);

/// All of them.
///
/// # Errors
/// A lock was not had.
pub async fn rows(scale: Scale, masters: &Masters) -> Result<Vec<Row>> {
    let redlock = masters.redlock().await?;
    let client = Client::Token(redlock.clone());
    let (mut healthy, mut hung, mut short) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        healthy.push(p99(client.pairs_us(scale.pairs, TTL_MS).await?));
        masters.signal([MASTERS - 1], "STOP")?;
        hung.push(p99(client.pairs_us(scale.pairs, TTL_MS).await?));
        short.push(p99(client.pairs_us(scale.pairs / 10, SHORT_MS).await?));
        masters.signal([MASTERS - 1], "CONT")?;
        redlock.close().await;
    }
    let limit = ("none does", median(healthy));
    let mut rows = vec![
        Row::ratio("p99 with one of 5 masters hung", "us", median(hung), limit, Goal::AtMost(3.0)),
        Row::ratio("the same, locks of 400 ms", "us", median(short), limit, Goal::AtMost(3.0)),
    ];
    #[cfg(feature = "peer")]
    rows.push(hung_peer(masters, limit).await?);
    rows.push(blip(masters, &redlock).await?);
    #[cfg(feature = "peer")]
    rows.push(blip_peer(masters).await?);
    Ok(rows)
}

/// Masters that still have a lock of 20 s for which an extension was asked while three stood still for 0.8 s.
async fn blip(masters: &Masters, redlock: &Redlock) -> Result<Row> {
    let name = fresh_name();
    let lasting = Terms { renewal: Renewal::Auto { total_ms: LONG_MS * 10 }, ..ours::terms(&name, LONG_MS, 0)? };
    let guard = redlock.acquire(lasting).await?;
    masters.signal(0..QUORUM, "STOP")?;
    let begun = Instant::now();
    let extended = guard.extended();
    tokio::time::sleep_until((begun + PAUSE).into()).await;
    masters.signal(0..QUORUM, "CONT")?;
    let _ = extended.await;
    ensure!(guard.check().is_ok(), "the lock was lost: {:?}", guard.check());
    let keys = masters.keys(&name).await? as f64;
    guard.release().await;
    Ok(kept("ours", keys))
}

fn kept(whose: &str, keys: f64) -> Row {
    let goal = if whose == "ours" { Goal::AtLeast(1.0) } else { Goal::None };
    let name = format!("masters that have a lock of 20 s, extended while 3 of 5 stood still for 0.8 s, {whose}");
    Row::ratio(&name, "", keys, ("all", MASTERS as f64), goal)
}

#[cfg(feature = "peer")]
async fn hung_peer(masters: &Masters, limit: (&str, f64)) -> Result<Row> {
    let peer = Client::Peer(crate::peer::new(masters));
    peer.pairs_us(10, TTL_MS).await?;
    masters.signal([MASTERS - 1], "STOP")?;
    let times = peer.pairs_us(5, TTL_MS).await;
    masters.signal([MASTERS - 1], "CONT")?;
    Ok(Row::ratio("the same, rslock, p50 of 5", "us", median(times?), limit, Goal::None))
}

#[cfg(feature = "peer")]
async fn blip_peer(masters: &Masters) -> Result<Row> {
    let (peer, name) = (crate::peer::new(masters), fresh_name());
    let ttl = Duration::from_millis(LONG_MS);
    let lock = peer.lock(name.as_str(), ttl).await?;
    masters.signal(0..QUORUM, "STOP")?;
    let begun = Instant::now();
    let extending = tokio::spawn(async move { peer.extend(&lock, ttl).await.map(drop) });
    tokio::time::sleep_until((begun + PAUSE).into()).await;
    masters.signal(0..QUORUM, "CONT")?;
    // What it says is that it has none: what counts is what is there.
    drop(extending.await?);
    Ok(kept("rslock", masters.keys(&name).await? as f64))
}

/// The slowest of a hundred.
pub(crate) fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).or(times.last()).copied().unwrap_or(0.0)
}
