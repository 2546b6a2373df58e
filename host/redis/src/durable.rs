//! Appending, and knowing that more than one memory has it.
//!
//! `WAIT` and `WAITAOF` count for the last write of their own connection, so they go behind the `XADD` on the same
//! one, in the same packet. That connection is opened for this one entry: it stands still while it waits, and what
//! others ask must not stand behind it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Value};
use sluice_core::Revision;
use sluice_node::ports::AppendError;
use tokio::time::timeout;

use crate::Redis;
use crate::log::added;
use crate::trouble::{Trouble, Unanswered};
use crate::wire::{Wire, late};

/// Most replicas that may be asked for; more is a slip of the finger.
const REPLICAS_MAX: u32 = 100;

/// What an entry must have reached before its publisher is told that all is well: `2`, `disk` or `disk+2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durability {
    /// How many replicas must have it.
    pub replicas: u32,
    /// Whether it must be flushed to the append-only file, the primary's and those of as many replicas.
    pub is_on_disk: bool,
}

/// An entry that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where.
    pub revision: Revision,
    /// What is missing from the durability that was asked for; nobody can tell then whether it outlives a failover.
    pub shortfall: Option<String>,
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Durability, String> {
        let (is_on_disk, number) = match text.strip_prefix("disk") {
            Some("") => (true, Some("0")),
            Some(rest) => (true, rest.strip_prefix('+')),
            None => (false, Some(text)),
        };
        let replicas = number.and_then(|number| number.parse().ok()).filter(|replicas| *replicas <= REPLICAS_MAX);
        match replicas {
            Some(replicas) if replicas > 0 || text == "disk" => Ok(Durability { replicas, is_on_disk }),
            Some(_) | None => Err(format!("{text:?} is no durability: write a number of replicas, disk, or disk+N")),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_on_disk, self.replicas) {
            (true, 0) => f.write_str("disk"),
            (true, replicas) => write!(f, "disk+{replicas}"),
            (false, replicas) => write!(f, "{replicas}"),
        }
    }
}

impl Redis {
    /// Appends one entry, and waits for so much durability; never sent twice.
    ///
    /// # Errors
    /// As of `Log::append`. `Refused` also where the server cannot wait for that: nothing was appended then.
    pub async fn append_durably(
        &self,
        fields: &[(Bytes, Bytes)],
        durability: Durability,
    ) -> Result<Appended, AppendError> {
        let command = self.append_command(fields);
        let settings = &self.inner.settings;
        let limit = Duration::from_millis(settings.connect_ms);
        let opened = async || Wire::open(&self.inner.address, limit, "sluice-durable").await;
        let appended = match self.settled(opened().await, &command, durability).await {
            Err(failed) if self.inner.address.has_moved(&failed.trouble) => {
                self.settled(opened().await, &command, durability).await
            }
            Err(failed) => match self.inner.address.asked_elsewhere(&failed.trouble) {
                Some(node) => {
                    let wire = Wire::asking(&node, &self.inner.address, limit, "sluice-durable").await;
                    self.settled(wire, &command, durability).await
                }
                None => Err(failed),
            },
            appended => appended,
        };
        appended.map_err(|unanswered| self.not_appended(&unanswered))
    }

    async fn settled(
        &self,
        wire: Result<Wire, Trouble>,
        command: &Cmd,
        wanted: Durability,
    ) -> Result<Appended, Unanswered> {
        let mut wire = wire.map_err(Unanswered::before)?;
        let settings = &self.inner.settings;
        let (answer, wait) =
            (Duration::from_millis(settings.answer_ms), Duration::from_millis(settings.durable_wait_ms));
        let within = async |limit: Duration, asked: Result<(), Trouble>, wire: &mut Wire| {
            asked?;
            timeout(limit, wire.reply()).await.unwrap_or_else(|_| Err(late(limit)))
        };
        if wanted.is_on_disk {
            // Nothing was written on this connection yet, so that it is answered at once: either way.
            let asked = wire.say(&wanted.question(1).get_packed_command()).await;
            within(answer, asked, &mut wire).await.map_err(|trouble| Unanswered::before(unable(trouble)))?;
        }
        let packed = [command.get_packed_command(), wanted.question(settings.durable_wait_ms).get_packed_command()];
        let mut asked = wire.say(&packed.concat()).await;
        if wire.is_asking() {
            asked = within(answer, asked, &mut wire).await.map(drop);
        }
        let revision = added(&within(answer, asked, &mut wire).await.map_err(Unanswered::after)?)?;
        let shortfall = match within(wait + answer, Ok(()), &mut wire).await {
            Ok(value) => wanted.missing(&value, settings.durable_wait_ms),
            Err(trouble) => Some(format!("how many have it cannot be told: {}", trouble.words())),
        };
        Ok(Appended { revision, shortfall })
    }
}

impl Durability {
    fn question(self, wait_ms: u64) -> Cmd {
        let mut command = redis::cmd(if self.is_on_disk { "WAITAOF" } else { "WAIT" });
        if self.is_on_disk {
            command.arg(1);
        }
        command.arg(self.replicas).arg(wait_ms);
        command
    }

    /// What is missing, by the server's answer.
    fn missing(self, answer: &Value, wait_ms: u64) -> Option<String> {
        let wanted = i64::from(self.replicas);
        let (file, replicas) = match answer {
            Value::Int(replicas) if !self.is_on_disk => (1, *replicas),
            Value::Array(counts) => match counts[..] {
                [Value::Int(file), Value::Int(replicas)] if self.is_on_disk => (file, replicas),
                _ => return Some("its answer to WAITAOF makes no sense".to_owned()),
            },
            _ => return Some("its answer to WAIT makes no sense".to_owned()),
        };
        let file = (file < 1).then(|| "the primary has not flushed it".to_owned());
        let what = if self.is_on_disk { "flushed it" } else { "confirmed it" };
        let replicas = (replicas < wanted).then(|| format!("only {replicas} of {wanted} replicas {what}"));
        let missing: Vec<String> = file.into_iter().chain(replicas).collect();
        (!missing.is_empty()).then(|| format!("{} within {wait_ms} ms", missing.join(" and ")))
    }
}

/// The server that cannot wait for its file is asked for nothing else.
fn unable(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Said { words, .. } if words.starts_with("unknown command") => Trouble::Said {
            code: "ERR".to_owned(),
            words: "it has no WAITAOF: upgrade to Redis 7.2 or Valkey, or ask for replicas only".to_owned(),
        },
        Trouble::Said { words, .. } if words.contains("appendonly is disabled") => Trouble::Said {
            code: "ERR".to_owned(),
            words: "it keeps no append-only file: config set appendonly yes, or ask for replicas only".to_owned(),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_number_of_replicas_or_disk_or_both() {
        for text in ["1", "100", "disk", "disk+2"] {
            assert_eq!(text.parse::<Durability>().unwrap().to_string(), text);
        }
        for text in ["", "0", "101", "disk+0", "disk2", "disk+", "-1", "all"] {
            assert!(text.parse::<Durability>().unwrap_err().contains("disk+N"), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_counted() {
        let missing = |level: &str, answer| level.parse::<Durability>().unwrap().missing(&answer, 7);
        let pair = |file, replicas| Value::Array(vec![Value::Int(file), Value::Int(replicas)]);
        assert_eq!((missing("2", Value::Int(2)), missing("2", Value::Int(3))), (None, None));
        let few = missing("2", Value::Int(1)).unwrap();
        assert_eq!(few, "only 1 of 2 replicas confirmed it within 7 ms");
        assert_eq!((missing("disk", pair(1, 0)), missing("disk+1", pair(1, 1))), (None, None));
        let none = missing("disk+1", pair(0, 0)).unwrap();
        assert!(none.contains("the primary has not flushed it and only 0 of 1 replicas flushed it"), "{none}");
        assert!(missing("disk", Value::Int(1)).is_some() && missing("1", pair(1, 1)).is_some());
    }
}
