//! What an operator should know about the server before trusting it with a fleet.

use std::collections::BTreeMap;
use std::time::Instant;

use redis::Cmd;
use sluice_core::Lost;

use crate::Redis;
use crate::reporter::now_ms;
use crate::rights::Right;
use crate::trouble::Trouble;

/// Round trips measured for the latency shown.
const PINGS: usize = 5;

/// The server, as far as it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Where it is: host and port, or a socket's path. Behind Sentinels and in a cluster, who has the space now.
    pub place: String,
    /// `redis` or `valkey`.
    pub server: String,
    /// Its version.
    pub version: String,
    /// `master` or `slave`; only the first can be published to.
    pub role: String,
    /// Replicas connected to it.
    pub replicas: u64,
    /// Whether it is part of a cluster.
    pub is_cluster: bool,
    /// Bytes it uses, and may use; 0 = no limit.
    pub memory_used: u64,
    /// See [`ServerFacts::memory_used`].
    pub memory_max: u64,
    /// What it does when full. Anything but `noeviction` can throw the whole log away.
    pub maxmemory_policy: String,
    /// Whether every write goes to a file.
    pub is_appendonly: bool,
    /// When it saves images, in its own words; none when it does not tell. Empty = never.
    pub save: Option<String>,
    /// Clients it has, and may have; the latter is 0 when it does not tell.
    pub clients: u64,
    /// See [`ServerFacts::clients`].
    pub clients_max: u64,
    /// Changes with every restart.
    pub run_id: String,
    /// Its clock minus ours, in ms, give or take half a round trip. Revisions carry its clock.
    pub skew_ms: i64,
    /// Median round trip, in µs.
    pub ping_us: u64,
    /// Who we are to it; none when it does not tell.
    pub user: Option<String>,
    /// What that user may do here.
    pub rights: Vec<Right>,
}

impl Redis {
    /// Asks the server about itself. Changes nothing.
    ///
    /// # Errors
    /// The server is out of reach. What it refuses to tell is left empty instead.
    pub async fn server_facts(&self) -> Result<ServerFacts, Lost> {
        let looked = async {
            let (ping_us, skew_ms) = self.clock().await?;
            let facts = self.facts().await?;
            let user = self.text(redis::cmd("ACL").arg("WHOAMI")).await?;
            Ok(ServerFacts { ping_us, skew_ms, rights: self.rights(user.as_deref()).await?, user, ..facts })
        };
        looked.await.map_err(|trouble| self.lost(trouble))
    }

    /// The same but for latency, clock and rights, in two questions: for who looks again and again.
    ///
    /// # Errors
    /// As for [`Redis::server_facts`].
    pub async fn server_glance(&self) -> Result<ServerFacts, Lost> {
        self.facts().await.map_err(|trouble| self.lost(trouble))
    }

    async fn facts(&self) -> Result<ServerFacts, Trouble> {
        let info = self.info().await?;
        let text = |name: &str| info.get(name).cloned().unwrap_or_default();
        let number = |name: &str| info.get(name).and_then(|value| value.parse().ok()).unwrap_or(0);
        let is_valkey = info.contains_key("valkey_version");
        Ok(ServerFacts {
            place: self.inner.commands.server().await?.to_string(),
            server: if is_valkey { "valkey" } else { "redis" }.to_owned(),
            version: text(if is_valkey { "valkey_version" } else { "redis_version" }),
            role: text("role"),
            replicas: number("connected_slaves"),
            is_cluster: number("cluster_enabled") == 1,
            memory_used: number("used_memory"),
            memory_max: number("maxmemory"),
            maxmemory_policy: text("maxmemory_policy"),
            is_appendonly: number("aof_enabled") == 1,
            save: self.config("save").await?,
            clients: number("connected_clients"),
            clients_max: number("maxclients"),
            run_id: text("run_id"),
            ..ServerFacts::default()
        })
    }

    async fn clock(&self) -> Result<(u64, i64), Trouble> {
        self.inner.commands.ask(&redis::cmd("PING")).await?;
        let mut trips = Vec::with_capacity(PINGS);
        for _ in 0..PINGS {
            let start = Instant::now();
            self.inner.commands.ask(&redis::cmd("PING")).await?;
            trips.push(start.elapsed().as_micros() as u64);
        }
        trips.sort_unstable();
        let before = now_ms();
        let answer = self.inner.commands.ask(&redis::cmd("TIME")).await;
        let ours = (before + now_ms()) / 2;
        let theirs = match answer.map(redis::from_redis_value::<(u64, u64)>) {
            Ok(Ok((seconds, us))) => seconds * 1000 + us / 1000,
            Ok(Err(_)) | Err(Trouble::Said { .. }) => ours,
            Err(trouble) => return Err(trouble),
        };
        Ok((trips[PINGS / 2], theirs.cast_signed() - ours.cast_signed()))
    }

    async fn info(&self) -> Result<BTreeMap<String, String>, Trouble> {
        let text = self.text(redis::cmd("INFO").arg("default")).await?.unwrap_or_default();
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    async fn config(&self, name: &str) -> Result<Option<String>, Trouble> {
        match self.inner.commands.ask(redis::cmd("CONFIG").arg("GET").arg(name)).await {
            Ok(answer) => Ok(redis::from_redis_value::<(String, String)>(answer).ok().map(|(_, value)| value)),
            Err(Trouble::Said { .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// A text, or none when the server does not want to tell.
    async fn text(&self, command: &Cmd) -> Result<Option<String>, Trouble> {
        match self.inner.commands.ask(command).await {
            Ok(answer) => Ok(redis::from_redis_value(answer).ok()),
            Err(Trouble::Said { .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}
