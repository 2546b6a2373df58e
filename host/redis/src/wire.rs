//! One connection to the server: opening it, logging in, and the blocking read of the log.

mod reading;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use redis::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::address::{Address, Place};
use crate::reply;
use crate::resp::{Parsed, Record, Stop};
use crate::trouble::Trouble;
use crate::url::{Login, Node};

/// Room made for each read of the socket, in bytes.
const READ_BYTES: usize = 256 << 10;
/// A buffer that grew beyond this for one large entry is given back after it, in bytes.
const IDLE_BYTES_MAX: usize = 1 << 20;
/// Largest single record taken, in bytes. Ten times what the log's rules let an entry be, so that an entry
/// too large is refused by the rules, alike on all hosts; beyond it the memory of this host comes first.
const RECORD_BYTES_MAX: usize = 320 << 20;

/// Where somebody else sees to the time.
const PATIENT: Duration = Duration::from_secs(3600);

/// Any byte stream.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

/// A connection, logged in, with nothing on its way.
pub(crate) struct Wire {
    pipe: Box<dyn Pipe>,
    server: Arc<str>,
    buffer: BytesMut,
    is_asking: bool,
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
    /// Connects to whoever is behind the address now, and logs in; `purpose` is what `CLIENT LIST` shows.
    pub async fn open(address: &Address, limit: Duration, purpose: &str) -> Result<Wire, Trouble> {
        let opened = async {
            match &address.place {
                Place::Unix(path) => {
                    let pipe = UnixStream::connect(path).await.map_err(|error| Trouble::of_io(&error))?;
                    let mut wire = Wire::over(Box::new(pipe), path.display().to_string().into());
                    wire.log_in(&address.login, purpose).await?;
                    wire.select(address.db).await?;
                    Ok(wire)
                }
                Place::Single(node) => {
                    let mut wire = Wire::to(node, address, &address.login, purpose).await?;
                    wire.select(address.db).await?;
                    Ok(wire)
                }
                Place::Sentinels(sentinels) => sentinels.open(address, limit, purpose).await,
                Place::Cluster(cluster) => cluster.open(address, limit, purpose).await,
            }
        };
        timeout(limit, opened).await.unwrap_or_else(|_| match (late(limit), &address.tls) {
            // A Redis that is spoken to in TLS and does not know it waits for the end of the line.
            (Trouble::Broken(why), Some(_)) => Err(Trouble::Broken(format!("{why}, or it speaks no TLS there"))),
            (late, _) => Err(late),
        })
    }

    /// Connects to one server and logs in.
    pub async fn to(node: &Node, address: &Address, login: &Login, purpose: &str) -> Result<Wire, Trouble> {
        let connected = async {
            let stream = TcpStream::connect((node.host.as_str(), node.port)).await?;
            stream.set_nodelay(true)?;
            let pipe: Box<dyn Pipe> = match &address.tls {
                Some(tls) => Box::new(tls.begin(&node.host, stream).await?),
                None => Box::new(stream),
            };
            Ok(pipe)
        };
        let pipe = connected.await.map_err(|error: io::Error| Trouble::of_io(&error))?;
        let mut wire = Wire::over(pipe, node.to_string().into());
        wire.log_in(login, purpose).await?;
        Ok(wire)
    }

    /// The same, behind an `ASKING` for each question: the node has the keys, and not yet the slot.
    pub async fn asking(node: &Node, address: &Address, limit: Duration, purpose: &str) -> Result<Wire, Trouble> {
        let opened = timeout(limit, Wire::to(node, address, &address.login, purpose)).await;
        let wire = opened.unwrap_or_else(|_| Err(late(limit))).map_err(|trouble| trouble.at(node))?;
        Ok(Wire { is_asking: true, ..wire })
    }

    fn over(pipe: Box<dyn Pipe>, server: Arc<str>) -> Wire {
        Wire { pipe, server, buffer: BytesMut::new(), is_asking: false }
    }

    /// The stream underneath, and where it leads.
    pub fn into_pipe(self) -> (Box<dyn Pipe>, Arc<str>) {
        (self.pipe, self.server)
    }

    /// Where it leads.
    pub fn server(&self) -> Arc<str> {
        self.server.clone()
    }

    /// Whether each question is answered twice, first the `ASKING`.
    pub fn is_asking(&self) -> bool {
        self.is_asking
    }

    async fn log_in(&mut self, login: &Login, purpose: &str) -> Result<(), Trouble> {
        let mut steps: Vec<Vec<&[u8]>> = Vec::new();
        match (&login.user, &login.password) {
            (Some(user), Some(password)) => steps.push(vec![b"AUTH", user.as_bytes(), password.as_bytes()]),
            (None, Some(password)) => steps.push(vec![b"AUTH", password.as_bytes()]),
            (_, None) => (),
        }
        steps.push(vec![b"CLIENT", b"SETNAME", purpose.as_bytes()]);
        // The last of them is for the operator's eyes only: a server that forbids it is as good.
        let last = steps.len() - 1;
        let text: Vec<u8> = steps.iter().flat_map(|step| command(step)).collect();
        // At its limit of clients a server says so and hangs up, whether or not it is spoken to.
        let written = self.send(&text).await;
        for step in 0..=last {
            match self.reply().await {
                Ok(_) => (),
                Err(Trouble::Said { code, words }) if step == last && is_about_naming(&code, &words) => (),
                Err(trouble) => return Err(trouble),
            }
        }
        written
    }

    /// Chooses the database.
    pub async fn select(&mut self, db: u32) -> Result<(), Trouble> {
        match db {
            0 => Ok(()),
            db => self.ask_once(&["SELECT", &db.to_string()]).await.map(drop),
        }
    }

    /// Asks something that is answered at once. The caller sees to the time it may take.
    pub async fn ask_once(&mut self, words: &[&str]) -> Result<Value, Trouble> {
        self.say(&command(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())).await?;
        self.reply().await
    }

    /// Sends commands, packed; their replies must be read before anything else is sent.
    pub async fn say(&mut self, packed: &[u8]) -> Result<(), Trouble> {
        if !self.buffer.is_empty() {
            return Err(Trouble::Broken("the server answered what nobody asked: is a proxy in between?".to_owned()));
        }
        match self.is_asking {
            true => self.send(&[&command(&[b"ASKING"]), packed].concat()).await,
            false => self.send(packed).await,
        }
    }

    /// Reads one reply, whatever it is; an error is trouble. Its caller sees to the time it may take.
    pub async fn reply(&mut self) -> Result<Value, Trouble> {
        let (reply, used) = self.until(reply::read, &mut PATIENT.clone(), PATIENT).await?;
        self.buffer.advance(used);
        reply.map_err(|line| Trouble::said(&line))
    }

    async fn send(&mut self, text: &[u8]) -> Result<(), Trouble> {
        let sent = async {
            self.pipe.write_all(text).await?;
            // TLS keeps what it is given until it is told.
            self.pipe.flush().await
        };
        sent.await.map_err(|error| Trouble::of_io(&error))
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

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        text.extend_from_slice(word);
        text.extend_from_slice(b"\r\n");
    }
    text
}

fn is_about_naming(code: &str, words: &str) -> bool {
    code == "NOPERM" || code == "ERR" && words.starts_with("unknown")
}

pub(crate) fn late(limit: Duration) -> Trouble {
    let ms = limit.as_millis();
    Trouble::Broken(format!("no answer in {ms} ms: the server stands still, or the network drops packets"))
}

fn oversized(bytes: usize) -> Trouble {
    Trouble::Broken(format!(
        "the next entry has more than {bytes} bytes, at most {RECORD_BYTES_MAX} are read: remove it with XDEL"
    ))
}
