//! The history of a space in Redis: parts and an index among the blobs, and a pointer to the index.
//!
//! - [`Shelf`]: what is kept, read (`reading`); [`Archivist`]: who adds to it (`archivist`), folding what came since
//!   (`folding`) and merging what grew old (`merging`)

mod archivist;
mod folding;
mod merging;
mod reading;

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::Value;
use sluice_core::{Digest, Lost};
use sluice_node::hub::wall_ms;
use sluice_node::ports::Lease;
use sluice_pack::Flaw;
use sluice_pack::history::{Index, Page, Part};

use crate::leases::number;
use crate::log::{bytes, odd};
use crate::scripts;
use crate::snapshots::Shelf;

pub use archivist::{Archivist, Grown};
pub use reading::Past;

/// Bytes of parts asked for or sent at a time.
const BATCH_BYTES: u64 = 4 << 20;

impl Shelf {
    /// The index of the history that is kept; none when none is.
    pub(crate) async fn index(&self) -> Result<Option<Index>, Lost> {
        let key = self.redis.inner.names.history();
        let fields: BTreeMap<String, String> =
            redis::from_redis_value(self.ask(redis::cmd("HGETALL").arg(&key)).await?)
                .map_err(|_| self.unreadable("it is no hash of text"))?;
        if fields.is_empty() {
            return Ok(None);
        }
        let name = fields.get("index").and_then(|name| name.parse().ok());
        let name: Digest = name.ok_or_else(|| self.unreadable("it names no index"))?;
        let found = match self.ask(redis::cmd("GET").arg(self.redis.inner.names.blob(name))).await? {
            Value::Nil => return Err(self.unreadable(&format!("its index {name} is not there"))),
            found => bytes(found).map_err(|trouble| self.redis.lost(trouble))?,
        };
        let index = Index::read(&found, name).map_err(|flaw| self.unreadable(&flaw.0))?;
        match index.space == self.redis.space().as_str() {
            true => Ok(Some(index)),
            false => Err(self.unreadable(&format!("it is of the space {}", index.space))),
        }
    }

    /// Stores an index and makes it the history, unless somebody with a newer fencing token has.
    pub(crate) async fn point_history(&self, lease: &Lease, index: &Index) -> Result<(), Lost> {
        let parts: Vec<Digest> = index.parts().map(|part| part.digest).collect();
        if self.claim(lease.token, &parts).await?.contains(&false) {
            return Err(self.unreadable("some of its chunks are gone"));
        }
        let text = Bytes::from(index.to_bytes());
        let name = Digest::of(&text);
        self.put_named(lease.token, &[(name, text)], true).await?;
        let mut point = redis::cmd("EVAL");
        point.arg(scripts::HISTORY).arg(1).arg(self.redis.inner.names.history()).arg(lease.token);
        point.arg("index").arg(name.to_string()).arg("host").arg(self.host());
        point.arg("floor").arg(index.floor.to_string()).arg("through").arg(index.through.to_string());
        point.arg("stored_bytes").arg(index.stored_bytes()).arg("chunks").arg(parts.len());
        point.arg("written_at_ms").arg(wall_ms());
        match number(&self.ask(&point).await?).map_err(|trouble| self.redis.lost(trouble))? {
            0 => Ok(()),
            newer => Err(Lost(format!("somebody with the newer fencing token {newer} has written the history"))),
        }
    }

    /// Writes those pages that are not there.
    pub(crate) async fn put_pages(&self, number: u64, pages: &[Page]) -> Result<(), Lost> {
        for some in runs_of(pages, |page| u64::from(page.about.stored_bytes)) {
            let named: Vec<_> = some.iter().map(|page| (page.about.digest, page.bytes.clone())).collect();
            self.put_named(number, &named, false).await?;
        }
        Ok(())
    }

    /// The bytes of parts, a few megabytes at a time, each seen in order.
    pub(crate) async fn each_page(
        &self,
        parts: &[Part],
        mut see: impl FnMut(&Part, Bytes) -> Result<(), Flaw>,
    ) -> Result<(), Lost> {
        for some in runs_of(parts, |part| u64::from(part.stored_bytes)) {
            let names: Vec<Digest> = some.iter().map(|part| part.digest).collect();
            let found = self.fetch_named(&names).await?;
            for (part, bytes) in some.iter().zip(found) {
                let Some(bytes) = bytes else {
                    return Err(self.unreadable(&format!("history chunk {} is not there", part.digest)));
                };
                see(part, bytes).map_err(|flaw| self.unreadable(&flaw.0))?;
            }
        }
        Ok(())
    }

    /// What is kept of the history cannot be used. Nobody begins it anew unasked: it would be lost by a fault of one
    /// part, or of the one who reads it.
    pub(crate) fn unreadable(&self, what: &str) -> Lost {
        let key = self.redis.inner.names.history();
        Lost(format!(
            "{}: history: {what}; to give it up and begin it anew, delete the key {key}",
            self.redis.address()
        ))
    }

    /// The bytes of blobs, or nothing where there are none.
    pub(crate) async fn fetch_named(&self, names: &[Digest]) -> Result<Vec<Option<Bytes>>, Lost> {
        let mut command = redis::cmd("MGET");
        command.arg(names.iter().map(|name| self.redis.inner.names.blob(*name)).collect::<Vec<_>>());
        let found = match self.ask(&command).await? {
            Value::Array(found) if found.len() == names.len() => found,
            other => return Err(self.redis.lost(odd("MGET", &other))),
        };
        let all = found.into_iter().map(|found| match found {
            Value::Nil => Ok(None),
            found => bytes(found).map(Some).map_err(|trouble| self.redis.lost(trouble)),
        });
        all.collect()
    }
}

/// As many neighbours as make a good batch, at least one.
fn runs_of<T>(mut all: &[T], bytes: impl Fn(&T) -> u64) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let count = all.iter().take_while(|one| {
            let is_room = size < BATCH_BYTES;
            size += bytes(one);
            is_room
        });
        let (some, rest) = all.split_at(count.count());
        all = rest;
        (!some.is_empty()).then_some(some)
    })
}
