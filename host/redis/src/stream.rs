//! What the server says about the log as a whole.

use redis::Value;
use sluice_core::probe::StreamFacts;
use sluice_core::{Lost, Revision};

use crate::Redis;
use crate::log::{odd, revision};
use crate::trouble::Trouble;

impl Redis {
    /// What the server says about the log; none when there is no log yet.
    ///
    /// # Errors
    /// The server is out of reach or does not allow it.
    pub async fn stream(&self) -> Result<Option<StreamFacts>, Lost> {
        let mut command = redis::cmd("XINFO");
        command.arg("STREAM").arg(&*self.inner.names.log);
        match self.inner.commands.ask(&command).await {
            Ok(answer) => read(&answer).map(Some).ok_or_else(|| self.lost(odd("XINFO", &answer))),
            Err(Trouble::Said { code, words }) if code == "ERR" && words.starts_with("no such key") => Ok(None),
            Err(trouble) => Err(self.lost(trouble)),
        }
    }

    /// The newest revision of the log; none when there is no log yet.
    ///
    /// # Errors
    /// As for [`Redis::stream`].
    pub async fn tip(&self) -> Result<Option<Revision>, Lost> {
        Ok(self.stream().await?.map(|stream| stream.last))
    }
}

fn read(answer: &Value) -> Option<StreamFacts> {
    let Value::Array(pairs) = answer else { return None };
    let fact = |wanted: &str| {
        let mut pairs = pairs.chunks_exact(2);
        pairs.find(|pair| text(&pair[0]) == Some(wanted)).map(|pair| &pair[1])
    };
    let number = |wanted: &str| match fact(wanted) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        Some(_) | None => None,
    };
    let end = |wanted: &str| match fact(wanted) {
        Some(Value::Array(record)) => record.first().and_then(revision),
        Some(_) | None => None,
    };
    Some(StreamFacts {
        length: number("length")?,
        last: revision(fact("last-generated-id")?)?,
        first: end("first-entry"),
        newest: end("last-entry"),
        added: number("entries-added"),
    })
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
