//! Locks over masters of their own, for commands, and for hosts in place of the leases of the space's Redis.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use metrics::gauge;
use sluice_node::Leases;
use sluice_redis::{LockLeases, LockSettings, MasterStanding, Redis, Redlock};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::exit::usage;

/// Pause between two looks at how the masters stand.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// The same while they connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(5);
/// Beyond the longest time to live, which a master that was restarted waits for a vote: see `sluice_lock::admission`.
const GATE_MARGIN: Duration = Duration::from_secs(2);

/// How a master stands, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Voting,
    Waiting,
    Away,
}

/// These masters; nothing is connected.
pub fn settings(masters: Vec<String>, ttl_max: Duration) -> Result<LockSettings> {
    let settings = LockSettings { ttl_max_ms: ttl_max.as_millis() as u64, ..LockSettings::new(masters) };
    settings.check().map_err(usage)?;
    Ok(settings)
}

/// The masters, connecting.
pub fn redlock(settings: &LockSettings) -> Result<Redlock> {
    Redlock::new(settings).map_err(usage)
}

/// Gives a vote at once to a master that is new and ours.
pub async fn begin(url: &str, wait: Duration) -> Result<()> {
    let redlock = redlock(&LockSettings::new([url]))?;
    redlock.bootstrap(wait).await.map_err(|master| anyhow!("{master} does not answer"))
}

/// How long after its start a master that kept no mark has a vote.
pub fn gate(settings: &LockSettings) -> Duration {
    Duration::from_millis(settings.ttl_max_ms) + GATE_MARGIN
}

/// The leases of a host: over the masters where there are any, else those of the space's Redis.
pub fn leases(settings: Option<&LockSettings>, redis: &Arc<Redis>) -> Result<Arc<dyn Leases>> {
    let Some(settings) = settings else { return Ok(redis.clone()) };
    let redlock = redlock(settings)?;
    // It ends with the process: whoever has leases has masters.
    tokio::spawn(watch(redlock.clone()));
    Ok(Arc::new(LockLeases::new(redlock, redis.space())))
}

/// Whether a majority can be reached, in words.
pub async fn try_out(settings: &LockSettings) -> Result<String, String> {
    let redlock = redlock(settings).map_err(|error| error.to_string())?;
    connected(&redlock, settings.masters.len(), Duration::from_millis(settings.connect_ms * 2)).await;
    let masters = redlock.masters();
    let there = masters.iter().filter(|(_, standing, _)| standing.is_some()).count();
    let voting = masters.iter().filter(|(_, standing, _)| *standing == Some(MasterStanding::Admitted)).count();
    let troubles = masters.iter().filter_map(|(master, _, trouble)| Some(format!("; {master}: {}", trouble.as_ref()?)));
    let found =
        format!("{there} of {} masters answer, {voting} have a vote{}", masters.len(), troubles.collect::<String>());
    if there > masters.len() / 2 { Ok(found) } else { Err(found) }
}

/// Waits until so many masters are connected, or all have said why not, or the time is over.
pub async fn connected(redlock: &Redlock, wanted: usize, limit: Duration) {
    let until = Instant::now() + limit;
    loop {
        let masters = redlock.masters();
        let are_there = masters.iter().filter(|(_, standing, _)| standing.is_some()).count() >= wanted;
        let are_told = masters.iter().all(|(_, standing, trouble)| standing.is_some() || trouble.is_some());
        if are_there || are_told || Instant::now() >= until {
            return;
        }
        sleep(CONNECT_PAUSE).await;
    }
}

/// Shows how the masters stand, and says so once when one changes.
async fn watch(redlock: Redlock) {
    let mut before: Vec<Option<Standing>> = Vec::new();
    loop {
        let masters = redlock.masters();
        before.resize(masters.len(), None);
        let mut counts = [(Standing::Voting, 0_u32), (Standing::Waiting, 0), (Standing::Away, 0)];
        for ((master, standing, trouble), before) in masters.into_iter().zip(&mut before) {
            let now = match (standing, &trouble) {
                (Some(MasterStanding::Admitted), _) => Standing::Voting,
                (Some(MasterStanding::Gated { .. }), _) => Standing::Waiting,
                (None, Some(_)) => Standing::Away,
                // Not connected yet: no news.
                (None, None) => before.unwrap_or(Standing::Away),
            };
            counts.iter_mut().filter(|(one, _)| *one == now).for_each(|(_, count)| *count += 1);
            if *before != Some(now) && (standing.is_some() || trouble.is_some()) {
                let why = trouble.unwrap_or_default();
                match now {
                    Standing::Voting => info!(%master, "master of locks has a vote"),
                    Standing::Waiting => warn!(%master, "master of locks was started lately and has no vote yet"),
                    Standing::Away => warn!(%master, %why, "master of locks is out of reach"),
                }
                *before = Some(now);
            }
        }
        for (standing, count) in counts {
            gauge!("sluice_lock_masters", "standing" => standing.word()).set(f64::from(count));
        }
        sleep(LOOK_PAUSE).await;
    }
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Standing::Voting => "voting",
            Standing::Waiting => "waiting",
            Standing::Away => "away",
        }
    }
}
