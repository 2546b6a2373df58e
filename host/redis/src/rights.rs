//! What the user we are may do in a space, and what is lost without it.

use redis::Value;
use sluice_core::Digest;

use crate::Redis;
use crate::trouble::Trouble;

/// One command somebody needs to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The command.
    pub command: &'static str,
    /// The key it goes to.
    pub key: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether it is allowed; none when that cannot be told without doing it.
    pub allowed: Option<bool>,
    /// The server's words when it is not.
    pub why: String,
}

/// What a right is for, the most needed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Hosts follow the log.
    Following,
    /// Hosts say how far they are.
    Reporting,
    /// Publishers append changes.
    Publishing,
    /// Hosts take leases: for snapshots, for changes with a time, for what a failover lost.
    Leasing,
    /// Hosts store snapshots and the history.
    Keeping,
    /// Hosts cut the log behind a snapshot.
    Trimming,
}

impl Redis {
    /// The pattern that all keys of the space match.
    pub fn pattern(&self) -> String {
        format!("{}*", self.inner.names.log.trim_end_matches("log"))
    }

    /// What this user may do, by `ACL DRYRUN`. Changes nothing.
    pub(crate) async fn rights(&self, user: Option<&str>) -> Result<Vec<Right>, Trouble> {
        let names = &self.inner.names;
        let (log, hosts) = (names.log.to_string(), names.hosts.to_string());
        let (blob, host) = (names.blob(Digest::ZERO), names.host("any"));
        let (snapshot, chunks, lease) = (names.snapshot(), names.chunks_of(1), names.lease("any"));
        use Purpose::{Following, Keeping, Leasing, Publishing, Reporting, Trimming};
        let wanted: [(&'static str, &String, &[&str], Purpose); 19] = [
            ("XREAD", &log, &["COUNT", "1", "STREAMS", &log, "0"], Following),
            ("XRANGE", &log, &[&log, "-", "+"], Following),
            ("XINFO", &log, &["STREAM", &log], Following),
            ("GET", &blob, &[&blob], Following),
            ("HGETALL", &snapshot, &[&snapshot], Following),
            ("MGET", &blob, &[&blob], Following),
            ("SET", &host, &[&host, ""], Reporting),
            ("ZADD", &hosts, &[&hosts, "0", "any"], Reporting),
            ("MGET", &host, &[&host], Reporting),
            ("XADD", &log, &[&log, "*", "tick", ""], Publishing),
            ("SET", &blob, &[&blob, ""], Publishing),
            ("EVAL", &lease, &["return 1", "1", &lease], Leasing),
            ("TIME", &lease, &[], Leasing),
            ("PEXPIRE", &lease, &[&lease, "1"], Leasing),
            ("DEL", &lease, &[&lease], Leasing),
            ("HSET", &snapshot, &[&snapshot, "a", "b"], Keeping),
            ("SADD", &chunks, &[&chunks, "a"], Keeping),
            ("UNLINK", &blob, &[&blob], Keeping),
            ("XTRIM", &log, &[&log, "MINID", "0"], Trimming),
        ];
        let mut rights = Vec::with_capacity(wanted.len());
        for (command, key, arguments, purpose) in wanted {
            let (allowed, why) = self.dry_run(user, command, arguments).await?;
            rights.push(Right { command, key: key.clone(), purpose, allowed, why });
        }
        Ok(rights)
    }

    /// `ACL DRYRUN`, which Redis 7 has and which itself may be forbidden.
    async fn dry_run(
        &self,
        user: Option<&str>,
        command: &str,
        arguments: &[&str],
    ) -> Result<(Option<bool>, String), Trouble> {
        let Some(user) = user else { return Ok((None, String::new())) };
        let mut asked = redis::cmd("ACL");
        asked.arg("DRYRUN").arg(user).arg(command).arg(arguments);
        match self.inner.commands.ask(&asked).await {
            Ok(Value::Okay) => Ok((Some(true), String::new())),
            Ok(Value::BulkString(why)) => Ok((Some(false), String::from_utf8_lossy(&why).into_owned())),
            Ok(_) | Err(Trouble::Said { .. }) => Ok((None, String::new())),
            Err(trouble) => Err(trouble),
        }
    }
}
