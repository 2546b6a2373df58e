//! Writes this host's report, and reads those of all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::gauge;
use redis::Value;
use sluice_core::{Lost, Standing};
use sluice_node::ports::{Answer, Heard, Hosts, Reports};

use crate::Redis;
use crate::log::odd;
use crate::names::HostId;
use crate::report::HostReport;
use crate::standing;
use crate::trouble::Trouble;

/// How long a report is valid unless it is renewed, in seconds.
pub const REPORT_TTL_S: u64 = 15;
/// How long a silent host is remembered, in ms: a day, long enough to be missed by somebody.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1000;
/// Reports read with one command: each has up to 64 KiB, and the server does nothing else meanwhile.
const REPORTS_PER_READ: usize = 64;

/// What a report says about the host itself.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name.
    pub host: HostId,
    /// Its program's version.
    pub version: String,
    /// Its HTTP surface, if it has one.
    pub address: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it started, in ms since 1970.
    pub started_at_ms: u64,
}

/// The port a host reports through.
#[derive(Clone)]
pub struct Reporter {
    redis: Redis,
    identity: Arc<Identity>,
}

/// A host, and when it was heard of last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub host: String,
    /// When it wrote its last report, in ms since 1970 by its own clock.
    pub seen_ms: u64,
    /// That report; none when it has expired, or is of a kind this version cannot read.
    pub report: Option<HostReport>,
}

impl Reporter {
    pub(crate) fn new(redis: Redis, identity: Identity) -> Reporter {
        Reporter { redis, identity: Arc::new(identity) }
    }
}

impl Reports for Reporter {
    fn report(&self, standing: Standing) -> Answer<'_, Result<(), Lost>> {
        Box::pin(async move {
            let (identity, now_ms) = (self.identity.clone(), now_ms());
            let (cursor, index) = (standing.state.cursor, standing.state.index);
            let reads_from = self.redis.inner.tail.server().map(|server| server.to_string());
            let text = move || serde_json::to_vec(&standing::report(&identity, &standing, reads_from, now_ms));
            // The root digest of a million new keys takes a second of computing.
            let text = tokio::task::spawn_blocking(text).await.map_err(|error| lost_report(&error))?;
            let text = text.map_err(|error| lost_report(&error))?;
            let inner = &self.redis.inner;
            let host = self.identity.host.as_str();
            let mut commands = redis::pipe();
            commands.cmd("SET").arg(inner.names.host(host)).arg(text).arg("EX").arg(REPORT_TTL_S);
            commands.cmd("ZADD").arg(&*inner.names.hosts).arg(now_ms).arg(host);
            let forgotten = format!("({}", now_ms.saturating_sub(REMEMBERED_MS));
            commands.cmd("ZREMRANGEBYSCORE").arg(&*inner.names.hosts).arg("-inf").arg(forgotten);
            let answers = inner.commands.ask_all(&commands).await;
            answers.map(drop).map_err(|trouble| self.redis.lost(trouble))?;
            // How long the log is only the server knows, and a scrape must not wait for it.
            if let Some(lag) = self.redis.stream().await?.and_then(|stream| stream.behind(cursor, index)) {
                gauge!("sluice_log_lag_entries").set(lag as f64);
            }
            Ok(())
        })
    }
}

impl Hosts for Redis {
    fn heard(&self) -> Answer<'_, Result<Vec<Heard>, Lost>> {
        Box::pin(async move { self.all_hosts().await.map_err(|trouble| self.lost(trouble)) })
    }
}

impl Redis {
    /// All hosts heard of within a day, by name.
    ///
    /// # Errors
    /// The server is out of reach or does not allow it.
    pub async fn hosts(&self) -> Result<Vec<Seen>, Lost> {
        Ok(self.heard().await?.into_iter().map(Seen::from).collect())
    }

    /// The reports of all hosts that live, by name.
    ///
    /// # Errors
    /// As for [`Redis::hosts`].
    pub async fn reports(&self) -> Result<Vec<HostReport>, Lost> {
        Ok(self.hosts().await?.into_iter().filter_map(|seen| seen.report).collect())
    }

    async fn all_hosts(&self) -> Result<Vec<Heard>, Trouble> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(&*self.inner.names.hosts).arg(0).arg(-1).arg("WITHSCORES");
        let answer = self.inner.commands.ask(&command).await?;
        let pairs: Vec<(String, f64)> = redis::from_redis_value(answer).map_err(unreadable)?;
        let mut heard = Vec::with_capacity(pairs.len());
        for some in pairs.chunks(REPORTS_PER_READ) {
            let mut command = redis::cmd("MGET");
            for (host, _) in some {
                command.arg(self.inner.names.host(host));
            }
            let answer = self.inner.commands.ask(&command).await?;
            let Value::Array(reports) = answer else { return Err(odd("MGET", &answer)) };
            heard.extend(some.iter().zip(reports).map(|((host, ms), report)| read(host, *ms, report)));
        }
        heard.sort_by(|a, b| a.host.cmp(&b.host));
        Ok(heard)
    }
}

impl From<Heard> for Seen {
    fn from(heard: Heard) -> Seen {
        let report = heard.report.and_then(|text| serde_json::from_slice(&text).ok());
        Seen { host: heard.host, seen_ms: heard.seen_ms, report }
    }
}

/// The one thing that is needed of a report of any version.
#[derive(serde::Deserialize)]
struct Stands {
    revision: String,
}

fn read(host: &str, seen_ms: f64, report: Value) -> Heard {
    let report: Option<bytes::Bytes> = match report {
        Value::BulkString(text) => Some(text.into()),
        _ => None,
    };
    // Whatever else it says, or does not say yet: the log is not trimmed before what a live host stands at.
    let said = report.as_ref().and_then(|text| serde_json::from_slice::<Stands>(text).ok());
    let revision = said.and_then(|said| said.revision.parse().ok());
    Heard { host: host.to_owned(), seen_ms: seen_ms as u64, revision, report }
}

fn unreadable(error: redis::ParsingError) -> Trouble {
    Trouble::Broken(format!("its list of hosts cannot be read: {error}"))
}

fn lost_report(error: &dyn std::error::Error) -> Lost {
    Lost(format!("the report could not be made: {error}"))
}

pub(crate) fn now_ms() -> u64 {
    // A clock before 1970 is wrong anyway; zero shows it.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_another_version_says_at_least_where_it_stands() {
        let text = br#"{"apiVersion": "sluice/v0", "revision": "5-1", "held": 7}"#.to_vec();
        let heard = read("edge-1", 1.0, Value::BulkString(text));
        assert_eq!(heard.revision, Some(sluice_core::Revision { ms: 5, seq: 1 }));
        let seen = Seen::from(heard);
        assert_eq!((seen.host.as_str(), seen.report), ("edge-1", None));
    }
}
