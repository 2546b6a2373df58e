//! Appending again what the log lost, under a lease that is renewed for as long as it takes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use sluice_core::{Lost, Revision};
use tokio::time::Instant;

use super::gone::{Gone, token};
use super::{LEASE_MS, PAGE, next};
use crate::ports::{Lease, Leases, Log};

/// Somebody who holds the lease.
pub struct Back<'a> {
    log: &'a dyn Log,
    leases: &'a dyn Leases,
    lease: &'a Lease,
    renewed: Instant,
}

impl<'a> Back<'a> {
    /// Whoever just took it.
    pub fn new(log: &'a dyn Log, leases: &'a dyn Leases, lease: &'a Lease) -> Back<'a> {
        Back { log, leases, lease, renewed: Instant::now() }
    }

    /// Appends what is not there yet, in its order. Gives what became of which: the old revision by the new one.
    pub async fn append(
        mut self,
        fork: Revision,
        gone: &[Gone],
        beyond: Revision,
    ) -> Result<HashMap<Revision, Revision>, Lost> {
        let (there, mut end) = self.there(fork, gone).await?;
        // What it is called now, by what it was called.
        let mut names: HashMap<Revision, Revision> = HashMap::new();
        let mut now_ms = None;
        for gone in gone {
            let new = match there.get(&token(&gone.entry)) {
                Some(new) => *new,
                None => {
                    if gone.has_times() && now_ms.is_none() {
                        now_ms = Some(self.tick().await?.ms);
                    }
                    self.put(gone.fields(&names, now_ms.unwrap_or_default())).await?
                }
            };
            names.insert(gone.entry.revision, new);
            end = end.max(new);
        }
        if end <= beyond {
            // What is served must not go back, so the log has to come further.
            self.tick().await?;
        }
        Ok(names.into_iter().map(|(old, new)| (new, old)).collect())
    }

    /// What is behind the fork already, by its token, and where the log ends.
    async fn there(&mut self, fork: Revision, gone: &[Gone]) -> Result<(HashMap<Bytes, Revision>, Revision), Lost> {
        let wanted: HashSet<Bytes> = gone.iter().map(|gone| token(&gone.entry)).collect();
        let (mut there, mut end) = (HashMap::new(), fork);
        loop {
            self.stay().await?;
            let page = self.log.read(next(end), PAGE).await?;
            let Some(last) = page.last() else { return Ok((there, end)) };
            end = last.revision;
            for entry in &page {
                if let Some(token) = entry.content.iter().find_map(|change| change.token.clone())
                    && wanted.contains(&token)
                {
                    there.entry(token).or_insert(entry.revision);
                }
            }
        }
    }

    /// Tells the log's time.
    async fn tick(&mut self) -> Result<Revision, Lost> {
        self.put(vec![(Bytes::from_static(b"tick"), Bytes::new())]).await
    }

    async fn put(&mut self, fields: Vec<(Bytes, Bytes)>) -> Result<Revision, Lost> {
        self.stay().await?;
        self.log.append(fields).await.map_err(|error| Lost(error.to_string()))
    }

    /// Keeps the lease, or ends what is done under it.
    async fn stay(&mut self) -> Result<(), Lost> {
        if self.renewed.elapsed() < Duration::from_millis(LEASE_MS / 3) {
            return Ok(());
        }
        self.renewed = Instant::now();
        match self.leases.renew(self.lease, LEASE_MS).await {
            Ok(false) => Err(Lost("another host appends what the log lost by now: this one comes next".to_owned())),
            // Out of reach is not lost yet; and whoever else does the same finds the tokens.
            Ok(true) | Err(_) => Ok(()),
        }
    }
}
