//! A connection to one master of a lock: what is learned when it opens, and replies in the order of the questions.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use redis::Value;
use sluice_lock::Mark;
use sluice_lock::admission::Seen;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use super::scripts::ALL;
use crate::address::Address;
use crate::reply;
use crate::resp::Stop;
use crate::trouble::Trouble;
use crate::wire::{Pipe, Wire, late};

/// Room made for each read, in bytes: a reply is three numbers.
const READ_BYTES: usize = 4 << 10;

/// What a server said of itself.
#[derive(Clone, Debug)]
pub(super) struct Greeting {
    pub seen: Seen,
    /// The number of this connection there.
    client: String,
}

pub(super) struct Connection {
    pub greeting: Greeting,
    /// Under which the server has the scripts, in the order of [`ALL`].
    pub hashes: Vec<String>,
    /// When it said something last.
    pub heard: Instant,
    reading: ReadHalf<Box<dyn Pipe>>,
    writing: WriteHalf<Box<dyn Pipe>>,
    incoming: BytesMut,
    outgoing: BytesMut,
    is_flushed: bool,
}

impl Connection {
    /// Opens one; `before` is the greeting of the one it replaces.
    pub async fn open(address: &Address, limit: Duration, before: Option<&Greeting>) -> Result<Connection, Trouble> {
        let mut wire = Wire::open(address, limit, "sluice-lock").await?;
        let greeted = timeout(limit, greet(&mut wire, before)).await;
        let (greeting, hashes) = greeted.unwrap_or_else(|_| Err(late(limit)))?;
        let (reading, writing) = tokio::io::split(wire.into_pipe().0);
        let (incoming, outgoing) = (BytesMut::new(), BytesMut::new());
        let heard = Instant::now();
        Ok(Connection { greeting, hashes, heard, reading, writing, incoming, outgoing, is_flushed: true })
    }

    /// Puts a command in line.
    pub fn write(&mut self, packed: &[u8]) {
        self.outgoing.extend_from_slice(packed);
    }

    /// Writes and reads as far as that goes at once, and gives the replies that are whole. Dropped at any point it has lost
    /// nothing.
    pub async fn exchange(&mut self) -> Result<Vec<Result<Value, String>>, Trouble> {
        self.incoming.reserve(READ_BYTES);
        let (is_waiting, is_flushed) = (!self.outgoing.is_empty(), self.is_flushed);
        let io = tokio::select! {
            read = self.reading.read_buf(&mut self.incoming) => match read {
                Ok(0) => return Err(Trouble::HungUp),
                Ok(_) => {
                    self.heard = Instant::now();
                    return self.replies();
                }
                Err(error) => Err(error),
            },
            written = write(&mut self.writing, &mut self.outgoing), if is_waiting || !is_flushed => {
                self.is_flushed = !is_waiting;
                written
            }
        };
        io.map(|()| Vec::new()).map_err(|error| Trouble::of_io(&error))
    }

    fn replies(&mut self) -> Result<Vec<Result<Value, String>>, Trouble> {
        let mut replies = Vec::new();
        loop {
            match reply::read(&self.incoming) {
                Ok((reply, used)) => {
                    self.incoming.advance(used);
                    replies.push(reply);
                }
                Err(Stop::Needs(_)) => return Ok(replies),
                Err(Stop::Odd(why)) => return Err(Trouble::Broken(why)),
            }
        }
    }
}

/// Writes some of it; with nothing left to write, flushes: TLS keeps what it is given until it is told.
async fn write(writing: &mut WriteHalf<Box<dyn Pipe>>, outgoing: &mut BytesMut) -> std::io::Result<()> {
    match outgoing.is_empty() {
        true => writing.flush().await,
        false => writing.write_buf(outgoing).await.map(drop),
    }
}

async fn greet(wire: &mut Wire, before: Option<&Greeting>) -> Result<(Greeting, Vec<String>), Trouble> {
    let info = text(&wire.ask_once(&["INFO"]).await?);
    let of = |name: &str| info.lines().find_map(|line| line.trim_end().strip_prefix(name)).unwrap_or_default();
    if of("role:") != "master" {
        return Err(Trouble::Broken("this is a replica, and what it has may be lost: lock on its primary".to_owned()));
    }
    let run = of("run_id:").to_owned();
    if run.is_empty() {
        return Err(Trouble::Broken("the server does not say in which run it is: grant this user INFO".to_owned()));
    }
    if let Some(before) = before.filter(|before| before.seen.run == run) {
        // What was written to the last one and not yet read there must not be done any more. It may be gone already.
        drop(wire.ask_once(&["CLIENT", "KILL", "ID", &before.client]).await);
    }
    let client = match wire.ask_once(&["CLIENT", "ID"]).await? {
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    };
    // A replica that was promoted has been running for long, and may lack what its primary had.
    let was_promoted = of("master_replid2:").bytes().any(|byte| byte != b'0');
    let up_ms = of("uptime_in_seconds:").parse().ok().filter(|_| !was_promoted).map(|up_s: u64| up_s * 1000);
    let mut hashes = Vec::new();
    for script in ALL {
        hashes.push(text(&wire.ask_once(&["SCRIPT", "LOAD", &script.text()]).await?));
    }
    let mark = match wire.ask_once(&["HMGET", "sluice:lock:mark", "run", "floor", "high"]).await? {
        Value::Array(fields) => {
            let number = |at: usize| fields.get(at).and_then(|field| text(field).parse().ok()).unwrap_or_default();
            Mark { run: fields.first().map(text).unwrap_or_default(), floor: number(1), high: number(2) }
        }
        _ => Mark::default(),
    };
    Ok((Greeting { seen: Seen { run, up_ms, mark }, client }, hashes))
}

fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    }
}
