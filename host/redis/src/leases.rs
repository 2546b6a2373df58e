//! Leases on one server: a key that expires, and a counter of fencing tokens.

use redis::{Cmd, Value};
use sluice_core::Lost;
use sluice_node::ports::{Answer, Lease, Leases};

use crate::Redis;
use crate::log::odd;
use crate::scripts;
use crate::trouble::Trouble;

impl Leases for Redis {
    /// Asked once: were the answer to a first try lost, a second would find the lease held, by nobody who knows it.
    fn acquire(&self, resource: &str, ttl_ms: u64) -> Answer<'_, Result<Option<Lease>, Lost>> {
        let resource = resource.to_owned();
        Box::pin(async move {
            let word = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
            let names = &self.inner.names;
            let mut command = redis::cmd("EVAL");
            command.arg(scripts::ACQUIRE).arg(2).arg(names.lease(&resource)).arg(names.fence(&resource));
            command.arg(&word).arg(ttl_ms);
            let token = self.inner.commands.once(&command).await.and_then(|answer| number(&answer));
            let token = token.map_err(|trouble| self.lost(trouble))?;
            Ok((token > 0).then_some(Lease { resource, token, word }))
        })
    }

    fn renew(&self, lease: &Lease, ttl_ms: u64) -> Answer<'_, Result<bool, Lost>> {
        let mut command = redis::cmd("EVAL");
        command.arg(scripts::RENEW).arg(1).arg(self.inner.names.lease(&lease.resource)).arg(&lease.word).arg(ttl_ms);
        Box::pin(async move { self.is_held(&command).await })
    }

    fn release(&self, lease: &Lease) -> Answer<'_, Result<bool, Lost>> {
        let mut command = redis::cmd("EVAL");
        command.arg(scripts::RELEASE).arg(1).arg(self.inner.names.lease(&lease.resource)).arg(&lease.word);
        Box::pin(async move { self.is_held(&command).await })
    }
}

impl Redis {
    async fn is_held(&self, command: &Cmd) -> Result<bool, Lost> {
        let answer = self.inner.commands.ask(command).await.and_then(|answer| number(&answer));
        answer.map(|held| held == 1).map_err(|trouble| self.lost(trouble))
    }
}

/// What a script gives that counts.
pub(crate) fn number(answer: &Value) -> Result<u64, Trouble> {
    match answer {
        Value::Int(number) if *number >= 0 => Ok(number.unsigned_abs()),
        other => Err(odd("EVAL", other)),
    }
}
