//! Deletes what only old snapshots are made of.

use std::collections::HashSet;

use redis::Value;
use sluice_core::key::COMPONENTS;
use sluice_core::{Digest, Lost, State, Subtree};
use sluice_node::hub::wall_ms;

use crate::log::odd;
use crate::scripts;
use crate::snapshots::Shelf;

/// Chunks looked at with one script: it keeps the server from everything else for a millisecond or two.
const NAMES: usize = 256;

impl Shelf {
    pub(crate) async fn sweep_old(&self, state: State, grace_ms: u64) -> Result<u64, Lost> {
        // Without a pointer nothing is known to be replaced.
        let Some(newest) = self.pointer().await? else { return Ok(0) };
        let oldest = wall_ms().saturating_sub(grace_ms);
        let begun = self.begun().await?;
        let old = begun.iter().filter(|(number, ms)| *ms <= oldest && *number < newest.kept.number);
        let mut gone = 0;
        for (number, _) in old {
            gone += self.sweep_one(*number, &state).await?;
        }
        Ok(gone)
    }

    async fn sweep_one(&self, number: u64, state: &State) -> Result<u64, Lost> {
        let names = &self.redis.inner.names;
        let answer = self.ask(redis::cmd("SMEMBERS").arg(names.chunks_of(number))).await?;
        let chunks: Vec<String> =
            redis::from_redis_value(answer).map_err(|_| self.flawed("a list of chunks makes no sense"))?;
        let chunks = without_named(chunks, state);
        let mut gone = 0;
        // Once also without chunks, to hear whether the snapshot may go.
        for at in (0..chunks.len().max(1)).step_by(NAMES) {
            let mut command = redis::cmd("EVAL");
            command.arg(scripts::SWEEP).arg(2).arg(names.snapshots()).arg(names.snapshot());
            command.arg(number).arg(names.blobs()).arg(format!("{}:", names.snapshot()));
            command.arg(&chunks[at..chunks.len().min(at + NAMES)]);
            match self.ask(&command).await? {
                Value::Int(-1) => return Ok(gone),
                Value::Int(count) => gone += count.unsigned_abs(),
                other => return Err(self.redis.lost(odd("EVAL", &other))),
            }
        }
        let mut forget = redis::pipe();
        forget.cmd("UNLINK").arg(names.chunks_of(number)).arg(names.snapshot_of(number));
        forget.cmd("ZREM").arg(names.snapshots()).arg(number);
        let forgotten = self.redis.inner.blobs.ask_all(&forget).await;
        forgotten.map_err(|trouble| self.redis.lost(trouble))?;
        Ok(gone + 1)
    }
}

/// Those that are no value of a key and no component: somebody may have published the very bytes of a chunk.
fn without_named(chunks: Vec<String>, state: &State) -> Vec<String> {
    let parsed = chunks.into_iter().filter_map(|name| name.parse::<Digest>().ok());
    let mut digests: HashSet<Digest> = parsed.collect();
    for (key, item) in state.items(&Subtree::ALL) {
        digests.remove(&item.digest);
        if let Some(Ok(component)) = key.as_str().strip_prefix(COMPONENTS).map(str::parse) {
            digests.remove(&component);
        }
    }
    digests.iter().map(Digest::to_string).collect()
}
