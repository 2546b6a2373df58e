//! One lock that many want: who gets it, how often they ask, and how long it lies idle between two.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use sluice_redis::Redlock;

use crate::client::{Client, TTL_MS};
use crate::hand::Hand;
use crate::masters::Masters;
use crate::stopped::p99;
use crate::table::{Goal, Row, median};
use crate::{Scale, fresh_name, ours};

/// How many want it, each with connections of its own as if it was a process.
const CONTENDERS: usize = 50;
/// How long each has it.
const HELD: Duration = Duration::from_millis(1);
/// How long each waits for it, in ms.
const WAIT_MS: u64 = 120_000;
/// What may come on top of a release and an acquisition that nobody waits for, in ms.
const ABOVE_MS: f64 = 2.0;
/// Rounds at most: each takes some seconds.
const ROUNDS: usize = 3;

/// What all of them share.
struct Race {
    name: String,
    /// How often it is to be had yet.
    left: AtomicUsize,
    /// When it was last given back.
    given: Mutex<Option<Instant>>,
    /// How long it took from there to the next, in ms.
    idle_ms: Mutex<Vec<f64>>,
    tries: AtomicUsize,
}

/// What a round came to.
struct Seen {
    grants: Vec<f64>,
    idle_ms: Vec<f64>,
    tries: f64,
    rate: f64,
}

/// Fifty on one lock.
///
/// # Errors
/// A lock was not had.
pub async fn rows(scale: Scale, masters: &Masters) -> Result<Vec<Row>> {
    let bound = Client::Hand(Hand::new(masters).await?);
    drop(masters.redlock().await?);
    let mut contenders = Vec::new();
    for _ in 0..CONTENDERS {
        contenders.push(masters.redlock().await?);
    }
    let (mut spread, mut tries, mut idle, mut slowest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut bounds, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds.min(ROUNDS) {
        bounds.push(median(bound.pairs_us(scale.pairs, TTL_MS).await?) / 1e3);
        let seen = race(&contenders, scale.grants).await?;
        let (most, least) = (max(&seen.grants), -max(&seen.grants.iter().map(|grants| -grants).collect::<Vec<_>>()));
        spread.push(most / least.max(f64::MIN_POSITIVE));
        tries.push(seen.tries);
        idle.push(median(seen.idle_ms.clone()));
        slowest.push(p99(seen.idle_ms));
        rates.push(seen.rate);
    }
    let bound_ms = median(bounds);
    let above_ms = (median(idle.clone()) - bound_ms).max(0.0);
    let said = format!("{:.2} ms, by hand {bound_ms:.2} ms; goal above it", median(idle));
    let held = format!("{CONTENDERS} contenders on one lock held for 1 ms");
    Ok(vec![
        Row::ratio(&format!("{held}: most grants to fewest"), "", median(spread), ("even", 1.0), Goal::AtMost(3.0)),
        Row::ratio("the same: tries for each acquisition", "", median(tries), ("one", 1.0), Goal::AtMost(3.0)),
        Row::ratio(
            "the same: idle between two, median, above a pair",
            "ms",
            above_ms,
            (&said, ABOVE_MS),
            Goal::AtMost(1.0),
        ),
        Row::ratio("the same: idle between two, p99", "ms", median(slowest), ("by hand", bound_ms), Goal::None),
        Row::ratio("the same: acquisitions", "/s", median(rates), ("held alone", 1e3 / (1.0 + bound_ms)), Goal::None),
    ])
}

/// All contend until it was had so often.
async fn race(contenders: &[Redlock], grants: usize) -> Result<Seen> {
    let race = Arc::new(Race {
        name: fresh_name(),
        left: AtomicUsize::new(grants),
        given: Mutex::default(),
        idle_ms: Mutex::default(),
        tries: AtomicUsize::new(0),
    });
    let begun = Instant::now();
    let tasks: Vec<_> = contenders.iter().map(|one| tokio::spawn(contend(one.clone(), race.clone()))).collect();
    let mut had = Vec::new();
    for task in tasks {
        had.push(task.await?? as f64);
    }
    let sum: f64 = had.iter().sum();
    let idle_ms = std::mem::take(&mut *race.idle_ms.lock().unwrap_or_else(PoisonError::into_inner));
    let tries = race.tries.load(Ordering::Relaxed) as f64 / sum;
    Ok(Seen { grants: had, idle_ms, tries, rate: sum / begun.elapsed().as_secs_f64() })
}

/// How often one of them had it.
async fn contend(redlock: Redlock, race: Arc<Race>) -> Result<usize> {
    let mut had = 0;
    loop {
        let guard = redlock.acquire(ours::terms(&race.name, TTL_MS, WAIT_MS)?).await?;
        let now = Instant::now();
        race.tries.fetch_add(guard.tries() as usize, Ordering::Relaxed);
        had += 1;
        if let Some(given) = race.given.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let idle_ms = now.duration_since(given).as_secs_f64() * 1e3;
            race.idle_ms.lock().unwrap_or_else(PoisonError::into_inner).push(idle_ms);
        }
        tokio::time::sleep(HELD).await;
        let is_last = race.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        *race.given.lock().unwrap_or_else(PoisonError::into_inner) = (!is_last).then(Instant::now);
        guard.release().await;
        if is_last {
            return Ok(had);
        }
    }
}

fn max(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
