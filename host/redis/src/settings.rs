//! Where the Redis is, and every bound on what is asked of it.

use std::fmt;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use crate::names::Space;

/// Which Redis, which space, and how long anything may take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://[user[:password]@]host[:port][/db]` or `redis+unix:///path[?db=n&user=u&pass=p]`.
    pub url: String,
    /// The space.
    pub space: Space,
    /// How long connecting may take, name resolution and login included, in ms.
    pub connect_ms: u64,
    /// How long a command may take, in ms: a server that stands still must be noticed.
    pub answer_ms: u64,
    /// How long reading or writing a blob may take, in ms; a blob has up to 64 MiB.
    pub blob_ms: u64,
    /// How long the log's server holds a read without news, in ms.
    pub block_ms: u64,
    /// How much later than that its answer may begin, and how long it may pause then, in ms.
    pub slack_ms: u64,
    /// About how many bytes of the log one read asks for: larger answers keep the server's other clients
    /// waiting and gain nothing.
    pub batch_bytes: usize,
    /// Most entries one read asks for, for the same reason.
    pub batch_entries_max: usize,
    /// First limit of the random pause before connecting again, in ms; doubles with each failure.
    pub backoff_min_ms: u64,
    /// Last limit of that pause, in ms: a fleet must not fall upon a server that comes back.
    pub backoff_max_ms: u64,
}

/// Why a URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(String);

/// A URL, taken apart, and how it may be shown.
pub(crate) struct Address {
    info: ConnectionInfo,
    shown: String,
}

impl Settings {
    /// The default bounds.
    pub fn new(url: impl Into<String>, space: Space) -> Settings {
        Settings {
            url: url.into(),
            space,
            connect_ms: 3_000,
            answer_ms: 2_000,
            blob_ms: 30_000,
            block_ms: 5_000,
            slack_ms: 2_000,
            batch_bytes: 1 << 20,
            batch_entries_max: 1_000,
            backoff_min_ms: 50,
            backoff_max_ms: 2_000,
        }
    }
}

impl Address {
    pub fn parse(url: &str) -> Result<Address, SettingsError> {
        if url.starts_with("rediss:") || url.starts_with("valkeys:") {
            let why = "this build has no TLS: use redis:// within a trusted network, or through a tunnel";
            return Err(SettingsError(why.to_owned()));
        }
        // The parser's own words could hold the URL, and the URL the password.
        let info = url.into_connection_info().map_err(|_| {
            SettingsError("this is not the URL of a Redis: write redis://[user:password@]host[:port][/db]".to_owned())
        })?;
        // One shape of every answer, whatever the URL says; and no waiting for more to send.
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        let info = info.set_redis_settings(redis).set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let shown = shown(&info);
        Ok(Address { info, shown })
    }

    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// The URL without the password.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

fn shown(info: &ConnectionInfo) -> String {
    let redis = info.redis_settings();
    let user = redis.username().map(|user| format!("{user}@")).unwrap_or_default();
    match info.addr() {
        ConnectionAddr::Unix(path) => format!("redis+unix://{}", path.display()),
        other if redis.db() == 0 => format!("redis://{user}{other}"),
        other => format!("redis://{user}{other}/{}", redis.db()),
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let shown = |url: &str| Address::parse(url).unwrap().shown().to_owned();
        assert_eq!(shown("redis://10.0.0.1"), "redis://10.0.0.1:6379");
        assert_eq!(shown("redis://edge:hunter2@h:7/2"), "redis://edge@h:7/2");
        assert_eq!(shown("redis://:hunter2@h"), "redis://h:6379");
        assert_eq!(shown("redis+unix:///run/r.sock?pass=hunter2"), "redis+unix:///run/r.sock");
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_being_repeated() {
        for url in ["", "hunter2", "http://hunter2@h", "redis://u:hunter2@h/x"] {
            let error = Address::parse(url).err().unwrap().to_string();
            assert!(error.contains("redis://[user:password@]") && !error.contains("hunter2"), "{error}");
        }
        assert!(Address::parse("rediss://h").err().unwrap().to_string().contains("TLS"));
    }
}
