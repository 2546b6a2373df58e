//! The log of a space, as the node wants it.

use std::sync::Arc;

use bytes::Bytes;
use redis::{Cmd, Value};
use sluice_core::probe;
use sluice_core::{Entry, Lost, Place, PullError, Revision};
use sluice_node::ports::{Answer, AppendError, Log};

use crate::Redis;
use crate::hole;
use crate::pace::Pace;
use crate::tail::Unpulled;
use crate::trouble::{Kind, Trouble, Unanswered};

impl Log for Redis {
    fn pull(&self, after: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>> {
        Box::pin(self.pull_behind(after))
    }

    /// Never sent twice: only the publisher knows whether its entry carries a token.
    fn append(&self, fields: Vec<(Bytes, Bytes)>) -> Answer<'_, Result<Revision, AppendError>> {
        Box::pin(async move {
            if let Some(durability) = self.inner.settings.durable {
                let appended = self.append_durably(&fields, durability).await?;
                return match appended.shortfall {
                    None => Ok(appended.revision),
                    // A retry with the same token appends again, and has the first confirmed with the second.
                    Some(why) => Err(AppendError::Indeterminate { revision: Some(appended.revision), why }),
                };
            }
            let answer = self.inner.commands.told(&self.append_command(&fields)).await;
            let revision = answer.and_then(|answer| added(&answer));
            revision.map_err(|unanswered| self.not_appended(&unanswered))
        })
    }

    fn read(&self, from: Revision, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>> {
        Box::pin(async move { self.history(from, limit).await.map_err(|trouble| self.lost(trouble)) })
    }
}

impl Redis {
    async fn pull_behind(&self, place: Place) -> Result<Vec<Arc<Entry>>, PullError> {
        match self.inner.tail.pull(place).await {
            Ok(entries) if place.index.is_some_and(|index| index == 0 || self.inner.count.is_due()) => {
                self.counted(place, entries).await
            }
            Ok(entries) => Ok(entries),
            Err(Unpulled::Away(lost)) => Err(PullError::Away(lost)),
            Err(Unpulled::Odd(odd)) => {
                let log = self.stream().await.map_err(PullError::Away)?;
                match probe::rift(&place, &odd, log.as_ref()) {
                    Some(apart) => Err(PullError::Apart(apart)),
                    // Nothing is left to compare with, and nothing is missing.
                    None => {
                        self.inner.tail.pull(Place { entry: None, ..place }).await.map_err(|unpulled| match unpulled {
                            Unpulled::Away(lost) => PullError::Away(lost),
                            Unpulled::Odd(_) => {
                                PullError::Away(Lost("the log changed while it was looked at".to_owned()))
                            }
                        })
                    }
                }
            }
        }
    }

    /// Holds what was answered, and what was taken before, against the number of entries the log ever had.
    async fn counted(&self, place: Place, entries: Vec<Arc<Entry>>) -> Result<Vec<Arc<Entry>>, PullError> {
        let log = match self.stream().await {
            Ok(log) => log,
            // A host that has something is told the next time.
            Err(_) if place.index != Some(0) => return Ok(entries),
            Err(lost) => return Err(PullError::Away(lost)),
        };
        if place.index == Some(0)
            && let Some(apart) = probe::missing(log.as_ref())
        {
            return Err(PullError::Apart(apart));
        }
        let revision = entries.last().map_or(place.revision, |entry| entry.revision);
        let index = place.index.map(|index| index + entries.len() as u64);
        let reached = Place { revision, index, entry: None };
        let missed = log.and_then(|log| hole::missed(&reached, &log, &self.inner.names.log));
        self.inner.count.looked(missed.is_none());
        missed.map_or(Ok(entries), |apart| Err(PullError::Apart(apart)))
    }

    pub(crate) fn append_command(&self, fields: &[(Bytes, Bytes)]) -> Cmd {
        let mut command = redis::cmd("XADD");
        command.arg(&*self.inner.names.log).arg("*");
        for (name, value) in fields {
            command.arg(&name[..]).arg(&value[..]);
        }
        command
    }

    pub(crate) fn not_appended(&self, unanswered: &Unanswered) -> AppendError {
        let Unanswered { trouble, may_be_done } = unanswered;
        let Lost(why) = trouble.lost(&self.inner.address);
        match trouble.kind() {
            _ if *may_be_done => AppendError::Indeterminate { revision: None, why },
            // A failover is under way: what names the server still names its predecessor.
            Kind::Lasting if self.inner.address.has_moved(trouble) => AppendError::Away(why),
            Kind::Passing => AppendError::Away(why),
            Kind::Lasting => AppendError::Refused(why),
        }
    }

    /// Page by page, each of about the size of a batch, so that a thousand large entries do not come as one
    /// answer that keeps the server from everything else.
    async fn history(&self, from: Revision, limit: usize) -> Result<Vec<Arc<Entry>>, Trouble> {
        let settings = &self.inner.settings;
        let mut pace = Pace::new(settings.batch_bytes, settings.batch_entries_max);
        let mut entries: Vec<Arc<Entry>> = Vec::new();
        let mut start = from.to_string();
        while entries.len() < limit {
            let count = pace.count().min(limit - entries.len());
            let mut command = redis::cmd("XRANGE");
            command.arg(&*self.inner.names.log).arg(&start).arg("+").arg("COUNT").arg(count);
            let page = page(self.inner.commands.ask(&command).await?)?;
            let (got, bytes) = (page.len(), page.iter().map(|entry| entry.bytes()).sum());
            entries.extend(page);
            if got < count {
                break;
            }
            pace.note(got, bytes);
            let last = entries.last().map_or(from, |entry| entry.revision);
            start = format!("({last}");
        }
        Ok(entries)
    }
}

fn page(answer: Value) -> Result<Vec<Arc<Entry>>, Trouble> {
    let Value::Array(records) = answer else { return Err(odd("XRANGE", &answer)) };
    records.into_iter().map(|record| entry(record).map(Arc::new)).collect()
}

/// The strings are moved, not copied: they were allocated one by one when they were read.
fn entry(record: Value) -> Result<Entry, Trouble> {
    let Value::Array(mut parts) = record else { return Err(odd("XRANGE", &record)) };
    match (parts.pop(), parts.pop(), parts.pop()) {
        (Some(Value::Array(strings)), Some(id), None) => {
            let at = revision(&id).ok_or_else(|| odd("XRANGE", &id))?;
            let mut strings = strings.into_iter();
            let mut fields = Vec::with_capacity(strings.len() / 2);
            while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
                fields.push((bytes(name)?, bytes(value)?));
            }
            Ok(Entry::read(at, fields))
        }
        (other, ..) => Err(odd("XRANGE", &other.unwrap_or(Value::Nil))),
    }
}

/// A string's bytes, without the spare room it may have been read into.
pub(crate) fn bytes(value: Value) -> Result<Bytes, Trouble> {
    match value {
        Value::BulkString(mut bytes) => {
            bytes.shrink_to_fit();
            Ok(Bytes::from(bytes))
        }
        other => Err(odd("a string", &other)),
    }
}

/// The revision that an append was answered with.
pub(crate) fn added(answer: &Value) -> Result<Revision, Unanswered> {
    revision(answer).ok_or_else(|| Unanswered::after(odd("XADD", answer)))
}

pub(crate) fn revision(value: &Value) -> Option<Revision> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        _ => None,
    }
}

/// An answer of another shape than the command's.
pub(crate) fn odd(command: &str, answer: &Value) -> Trouble {
    let shown: String = format!("{answer:?}").chars().take(80).collect();
    Trouble::Broken(format!("its answer to {command} makes no sense ({shown}): is this a Redis?"))
}
