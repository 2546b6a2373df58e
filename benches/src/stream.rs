//! A Redis full of entries, and the bare ways to read and write it.

use std::time::Instant;

use anyhow::Result;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Value};
use sluice_core::Revision;
use sluice_live::Server;

use crate::state;

/// The space of the benches.
pub const SPACE: &str = "bench";

/// Its log.
pub const LOG: &str = "sluice:{bench}:log";

/// A connection of redis-rs without time-outs, as bare as it gets.
pub async fn connect(server: &Server) -> Result<MultiplexedConnection> {
    let client = redis::Client::open(server.url())?;
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

/// Appends entries of 1 KiB to `keys` keys in turn, and gives the last revision.
pub async fn fill(server: &Server, entries: usize, keys: usize) -> Result<String> {
    let mut connection = connect(server).await?;
    let mut last = String::new();
    for chunk in (0..entries).collect::<Vec<_>>().chunks(500) {
        let mut pipe = redis::pipe();
        for &number in chunk {
            let fields = state::fields(number as u64, number % keys);
            let command = pipe.cmd("XADD").arg(LOG).arg("*");
            fields.iter().for_each(|(name, value)| {
                command.arg(&name[..]).arg(&value[..]);
            });
        }
        let revisions: Vec<String> = pipe.query_async(&mut connection).await?;
        last = revisions.last().cloned().unwrap_or(last);
    }
    Ok(last)
}

/// Appends entries of 500 keys of 256 B each, and gives the last revision.
pub async fn fill_small(server: &Server, keys: impl Iterator<Item = usize>) -> Result<Revision> {
    let mut connection = connect(server).await?;
    let (mut last, mut keys) = (Revision::ZERO, keys.peekable());
    while keys.peek().is_some() {
        let mut command = redis::cmd("XADD");
        command.arg(LOG).arg("*");
        for key in keys.by_ref().take(500) {
            command.arg(format!("put:{}", state::name(key))).arg(&state::small(fastrand::u64(..))[..]);
        }
        last = command.query_async::<String>(&mut connection).await?.parse()?;
    }
    Ok(last)
}

/// Reads the whole log with `XREAD COUNT 1000` and does nothing with it: entries a second.
pub async fn drain(server: &Server) -> Result<f64> {
    let mut connection = connect(server).await?;
    let (mut cursor, mut seen) = ("0".to_owned(), 0);
    let begun = Instant::now();
    loop {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1000).arg("STREAMS").arg(LOG).arg(&cursor);
        let answer: Value = command.query_async(&mut connection).await?;
        let Some((entries, last)) = entries_of(&answer) else { break };
        seen += entries;
        cursor = last;
    }
    Ok(seen as f64 / begun.elapsed().as_secs_f64())
}

/// How many entries an answer of `XREAD` has, and the last one's id.
pub fn entries_of(answer: &Value) -> Option<(usize, String)> {
    let Value::Array(streams) = answer else { return None };
    let Value::Array(stream) = streams.first()? else { return None };
    let Value::Array(entries) = stream.get(1)? else { return None };
    let Value::Array(last) = entries.last()? else { return None };
    match last.first()? {
        Value::BulkString(id) => Some((entries.len(), String::from_utf8_lossy(id).into_owned())),
        _ => None,
    }
}
