//! One connection to the server: opening it, logging in, and the blocking read of the log.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use redis::ConnectionAddr;
use sluice_core::Revision;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::resp::{self, Head, Parsed, Record, Stop};
use crate::settings::Address;
use crate::trouble::Trouble;

/// Room made for each read of the socket, in bytes.
const READ_BYTES: usize = 256 << 10;
/// A buffer that grew beyond this for one large entry is given back after it, in bytes.
const IDLE_BYTES_MAX: usize = 1 << 20;
/// Largest single record taken, in bytes. Ten times what the log's rules let an entry be, so that an entry
/// too large is refused by the rules, alike on all hosts; beyond it the memory of this host comes first.
const RECORD_BYTES_MAX: usize = 320 << 20;

/// Any byte stream.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

/// A connection, logged in, with nothing on its way.
pub(crate) struct Wire {
    pipe: Box<dyn Pipe>,
    buffer: BytesMut,
}

/// How long to wait for an answer.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// For its first byte.
    pub first: Duration,
    /// For each that follows.
    pub next: Duration,
}

/// The records of one answer.
pub(crate) struct Answer {
    pub records: Vec<Record>,
    /// What they took on the wire.
    pub bytes: usize,
    /// What the newest of them took.
    pub newest_bytes: usize,
    /// Whether it is all of the answer. If not, the connection is of no more use.
    pub is_whole: bool,
}

impl Wire {
    /// Connects and logs in; `purpose` is what `CLIENT LIST` shows.
    pub async fn open(address: &Address, limit: Duration, purpose: &str) -> Result<Wire, Trouble> {
        let opened = async {
            let pipe = connect(address).await.map_err(|error| Trouble::of_io(&error))?;
            let mut wire = Wire { pipe, buffer: BytesMut::new() };
            wire.log_in(address, purpose).await?;
            Ok(wire)
        };
        timeout(limit, opened).await.unwrap_or_else(|_| Err(late(limit)))
    }

    /// The stream underneath.
    pub fn into_pipe(self) -> Box<dyn Pipe> {
        self.pipe
    }

    async fn log_in(&mut self, address: &Address, purpose: &str) -> Result<(), Trouble> {
        let redis = address.info().redis_settings();
        let mut steps: Vec<Vec<&[u8]>> = Vec::new();
        match (redis.username(), redis.password()) {
            (Some(user), Some(password)) => steps.push(vec![b"AUTH", user.as_bytes(), password.as_bytes()]),
            (None, Some(password)) => steps.push(vec![b"AUTH", password.as_bytes()]),
            (_, None) => (),
        }
        let db = redis.db().to_string();
        if redis.db() != 0 {
            steps.push(vec![b"SELECT", db.as_bytes()]);
        }
        steps.push(vec![b"CLIENT", b"SETNAME", purpose.as_bytes()]);
        // The last of them is for the operator's eyes only: a server that forbids it is as good.
        let last = steps.len() - 1;
        let text: Vec<u8> = steps.iter().flat_map(|step| command(step)).collect();
        // At its limit of clients a server says so and hangs up, whether or not it is spoken to.
        let written = self.pipe.write_all(&text).await;
        for step in 0..=last {
            match Trouble::said(&self.status().await?) {
                Trouble::Said { code, .. } if code == "OK" => (),
                Trouble::Said { code, words } if step == last && is_about_naming(&code, &words) => (),
                trouble => return Err(trouble),
            }
        }
        written.map_err(|error| Trouble::of_io(&error))
    }

    /// A line that says how a command went, without its first byte.
    async fn status(&mut self) -> Result<String, Trouble> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.split_to(end + 2);
                return match line[0] {
                    b'+' | b'-' => Ok(String::from_utf8_lossy(&line[1..end]).into_owned()),
                    _ => Err(Trouble::Broken("it does not answer as a Redis does: check the port".to_owned())),
                };
            }
            if self.buffer.len() > IDLE_BYTES_MAX {
                return Err(Trouble::Broken("it does not answer as a Redis does: check the port".to_owned()));
            }
            let read = self.pipe.read_buf(&mut self.buffer).await;
            if read.map_err(|error| Trouble::of_io(&error))? == 0 {
                return Err(Trouble::HungUp);
            }
        }
    }

    /// Asks for up to `count` records behind `after`; the answer must be read before anything else is asked. With
    /// `probed`, what stands at `after` is asked for besides, and answered when the first answer is complete.
    pub async fn ask(
        &mut self,
        log: &str,
        after: Revision,
        (count, block): (usize, Duration),
        probed: bool,
    ) -> Result<(), Trouble> {
        if !self.buffer.is_empty() {
            return Err(Trouble::Broken("the server answered what nobody asked: is a proxy in between?".to_owned()));
        }
        let (count, block, after) = (count.to_string(), block.as_millis().to_string(), after.to_string());
        let words = ["XREAD", "COUNT", &count, "BLOCK", &block, "STREAMS", log, &after];
        let mut text = command(&words.map(str::as_bytes));
        if probed {
            text.extend(probe(log, &after));
        }
        self.pipe.write_all(&text).await.map_err(|error| Trouble::of_io(&error))
    }

    /// Asks for what stands at `after`, or first behind it.
    pub async fn ask_at(&mut self, log: &str, after: Revision) -> Result<(), Trouble> {
        self.pipe.write_all(&probe(log, &after.to_string())).await.map_err(|error| Trouble::of_io(&error))
    }

    /// Reads the answer. Past `bytes_max` it stops with what it has: the count asked for came from smaller
    /// entries, and a host must not take a gigabyte because a thousand entries turned out large.
    pub async fn answer(&mut self, patience: Patience, bytes_max: usize) -> Result<Answer, Trouble> {
        let mut answer = Answer { records: Vec::new(), bytes: 0, newest_bytes: 0, is_whole: true };
        let mut wait = patience.first;
        let (head, used) = self.until(resp::head, &mut wait, patience.next).await?;
        self.buffer.advance(used);
        let records = match head {
            Head::Nothing => 0,
            Head::Records(records) => records,
            Head::Error(line) => return Err(Trouble::said(&line)),
        };
        answer.records.reserve(records.min(1024));
        while answer.records.len() < records {
            let (record, used) = self.until(resp::record, &mut wait, patience.next).await?;
            self.buffer.advance(used);
            answer.bytes += used;
            answer.newest_bytes = used;
            answer.records.push(record);
            if answer.bytes > bytes_max && answer.records.len() < records {
                answer.is_whole = false;
                return Ok(answer);
            }
        }
        if self.buffer.is_empty() && self.buffer.capacity() > IDLE_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        Ok(answer)
    }

    async fn until<T>(
        &mut self,
        parse: fn(&[u8]) -> Parsed<T>,
        wait: &mut Duration,
        next: Duration,
    ) -> Result<(T, usize), Trouble> {
        loop {
            let needed = match parse(&self.buffer) {
                Ok(parsed) => return Ok(parsed),
                Err(Stop::Odd(why)) => return Err(Trouble::Broken(why)),
                Err(Stop::Needs(needed)) if needed > RECORD_BYTES_MAX => return Err(oversized(needed)),
                Err(Stop::Needs(needed)) => needed,
            };
            while self.buffer.len() < needed {
                self.buffer.reserve((needed - self.buffer.len()).max(READ_BYTES));
                let read = timeout(*wait, self.pipe.read_buf(&mut self.buffer)).await.map_err(|_| late(*wait))?;
                if read.map_err(|error| Trouble::of_io(&error))? == 0 {
                    return Err(Trouble::HungUp);
                }
                *wait = next;
            }
        }
    }
}

async fn connect(address: &Address) -> io::Result<Box<dyn Pipe>> {
    match address.info().addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        ConnectionAddr::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        // Refused when the settings were read.
        other => Err(io::Error::other(format!("{other}: this build cannot connect to such an address"))),
    }
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        text.extend_from_slice(word);
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// From an entry on, that one included, which is answered as `XREAD` answers.
fn probe(log: &str, at: &str) -> Vec<u8> {
    let before = at.parse().map_or(Revision::ZERO, Revision::before).to_string();
    command(&["XREAD", "COUNT", "1", "STREAMS", log, &before].map(str::as_bytes))
}

fn is_about_naming(code: &str, words: &str) -> bool {
    code == "NOPERM" || code == "ERR" && words.starts_with("unknown")
}

fn late(limit: Duration) -> Trouble {
    let ms = limit.as_millis();
    Trouble::Broken(format!("no answer in {ms} ms: the server stands still, or the network drops packets"))
}

fn oversized(bytes: usize) -> Trouble {
    Trouble::Broken(format!(
        "the next entry has more than {bytes} bytes, at most {RECORD_BYTES_MAX} are read: remove it with XDEL"
    ))
}
