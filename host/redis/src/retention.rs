//! The old end of the log, and a log that begins behind a snapshot.

use redis::Value;
use sluice_core::{Lost, Revision};
use sluice_node::ports::{Answer, Reach, Retention};

use crate::Redis;
use crate::leases::number;
use crate::trouble::Trouble;

impl Retention for Redis {
    fn reach(&self) -> Answer<'_, Result<Reach, Lost>> {
        Box::pin(async move {
            let Some(stream) = self.stream().await? else { return Ok(Reach { first: None, gone: Some(0) }) };
            let gone = stream.added.map(|added| added.saturating_sub(stream.length));
            Ok(Reach { first: stream.first, gone })
        })
    }

    fn trim(&self, before: Revision) -> Answer<'_, Result<u64, Lost>> {
        Box::pin(async move {
            let mut command = redis::cmd("XTRIM");
            command.arg(&*self.inner.names.log).arg("MINID").arg("=").arg(before.to_string());
            let gone = self.inner.commands.ask(&command).await.and_then(|answer| number(&answer));
            gone.map_err(|trouble| self.lost(trouble))
        })
    }
}

impl Redis {
    /// Whether the space has a log, or a snapshot.
    ///
    /// # Errors
    /// The server is out of reach or does not allow it.
    pub async fn is_used(&self) -> Result<bool, Lost> {
        let mut command = redis::cmd("EXISTS");
        command.arg(&*self.inner.names.log).arg(self.inner.names.snapshot());
        let found = self.inner.commands.ask(&command).await.and_then(|answer| number(&answer));
        found.map(|found| found > 0).map_err(|trouble| self.lost(trouble))
    }

    /// Makes an empty log that goes on behind `last`, the entry number `index`, as one does that was trimmed up to there.
    /// Hosts that come from a snapshot of it find nothing missing, and new entries get higher revisions.
    ///
    /// # Errors
    /// The server is out of reach, does not allow it, or has a log that ends later.
    pub async fn begin_log_behind(&self, last: Revision, index: u64) -> Result<(), Lost> {
        self.begin(last, index).await.map_err(|trouble| self.lost(trouble))
    }

    async fn begin(&self, last: Revision, index: u64) -> Result<(), Trouble> {
        const GROUP: &str = "sluice-begin";
        let log = &*self.inner.names.log;
        let mut make = redis::cmd("XGROUP");
        make.arg("CREATE").arg(log).arg(GROUP).arg("0").arg("MKSTREAM");
        match self.inner.commands.ask(&make).await {
            Ok(_) => (),
            Err(Trouble::Said { code, .. }) if code == "BUSYGROUP" => (),
            Err(trouble) => return Err(trouble),
        }
        self.inner.commands.ask(redis::cmd("XGROUP").arg("DESTROY").arg(log).arg(GROUP)).await?;
        let last = last.to_string();
        let mut set = redis::cmd("XSETID");
        set.arg(log).arg(&last).arg("ENTRIESADDED").arg(index).arg("MAXDELETEDID").arg(&last);
        match self.inner.commands.ask(&set).await {
            Ok(Value::Okay) => Ok(()),
            // Before Redis 7 it knows the last id alone, and nobody counts entries.
            Ok(_) | Err(Trouble::Said { .. }) => {
                self.inner.commands.ask(redis::cmd("XSETID").arg(log).arg(&last)).await.map(drop)
            }
            Err(trouble) => Err(trouble),
        }
    }
}
