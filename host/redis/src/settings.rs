//! Where the Redis is, and every bound on what is asked of it.

use std::fmt;

use crate::durable::Durability;
use crate::names::{HostId, Space};

/// Which Redis, which space, and how long anything may take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://[user[:password]@]host[:port][/db]`, `redis+sentinel://…@host[:port],host[:port]/name[?db=n]`,
    /// `redis+cluster://…@host[:port],host[:port]`, each with `rediss` for TLS (`?cacert=FILE&cert=FILE&key=FILE`),
    /// or `redis+unix:///path[?db=n&user=u&pass=p]`. Who we are to Sentinels themselves stands in
    /// `sentinel_username` and `sentinel_password`.
    pub url: String,
    /// The space.
    pub space: Space,
    /// The host; its name says when it connects. None for a command, which waits for nobody.
    pub host: Option<HostId>,
    /// How long connecting may take, name resolution and login included, in ms.
    pub connect_ms: u64,
    /// How long a command may take, in ms: a server that stands still must be noticed.
    pub answer_ms: u64,
    /// How long reading or writing a blob may take, in ms; a blob has up to 64 MiB.
    pub blob_ms: u64,
    /// What every append waits for; none: for the server's own memory.
    pub durable: Option<Durability>,
    /// How long an append waits for that, in ms.
    pub durable_wait_ms: u64,
    /// How long the log's server holds a read without news, in ms.
    pub block_ms: u64,
    /// How much later than that its answer may begin, and how long it may pause then, in ms.
    pub slack_ms: u64,
    /// About how many bytes of the log one read asks for: larger answers keep the server's other clients
    /// waiting and gain nothing.
    pub batch_bytes: usize,
    /// Most entries one read asks for, for the same reason.
    pub batch_entries_max: usize,
    /// The window in which hosts connect that start together or are cut off together, in ms.
    pub spread_ms: u64,
    /// The window after a first failure, in ms; doubles with each further one.
    pub backoff_min_ms: u64,
    /// The longest window, in ms: a fleet must not fall upon a server that comes back.
    pub backoff_max_ms: u64,
}

/// Why a URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(String);

impl Settings {
    /// The default bounds.
    pub fn new(url: impl Into<String>, space: Space) -> Settings {
        Settings {
            url: url.into(),
            space,
            host: None,
            connect_ms: 3_000,
            answer_ms: 2_000,
            blob_ms: 30_000,
            durable: None,
            durable_wait_ms: 2_000,
            block_ms: 5_000,
            slack_ms: 2_000,
            batch_bytes: 1 << 20,
            batch_entries_max: 1_000,
            spread_ms: 500,
            backoff_min_ms: 50,
            backoff_max_ms: 2_000,
        }
    }
}

impl SettingsError {
    pub(crate) fn new(why: String) -> SettingsError {
        SettingsError(why)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}
