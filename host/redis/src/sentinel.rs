//! Asking Sentinels who the primary is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Value;
use tokio::time::{Instant, timeout};

use crate::address::Address;
use crate::settings::SettingsError;
use crate::trouble::Trouble;
use crate::url::{Login, Node, fault};
use crate::wire::{Wire, late};

/// How often a connection that seems well is compared with what the Sentinels say: a primary that was cut off
/// together with us goes on answering, and only they know that there is another.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How long that may take: whoever asks for something else waits meanwhile.
const LOOK_LIMIT: Duration = Duration::from_millis(500);

/// The Sentinels of one primary.
pub(crate) struct Sentinels {
    name: String,
    nodes: Vec<Node>,
    login: Login,
    /// The one that answered last is asked first.
    first: AtomicUsize,
    known: Mutex<Known>,
}

/// Whom they named last, and when somebody looked.
struct Known {
    primary: Option<Node>,
    looked: Instant,
}

impl Sentinels {
    pub fn new(name: &str, nodes: Vec<Node>, login: Login) -> Result<Sentinels, SettingsError> {
        if name.is_empty() {
            let what = "the URL lacks the name of the primary that the Sentinels watch";
            return Err(fault(what, "write redis+sentinel://host,host/name"));
        }
        let known = Mutex::new(Known { primary: None, looked: Instant::now() });
        Ok(Sentinels { name: name.to_owned(), nodes, login, first: AtomicUsize::new(0), known })
    }

    /// A connection to the primary, who says itself that it is one: for a while after a failover Sentinels may
    /// still name its predecessor.
    pub async fn open(&self, address: &Address, limit: Duration, purpose: &str) -> Result<Wire, Trouble> {
        let node = self.primary(address, limit).await?;
        let mut wire = Wire::to(&node, address, &address.login, purpose).await.map_err(|trouble| trouble.at(&node))?;
        wire.select(address.db).await?;
        match wire.ask_once(&["ROLE"]).await.map_err(|trouble| trouble.at(&node))? {
            Value::Array(parts) if parts.first().is_some_and(|role| text(role) == Some("master")) => Ok(wire),
            _ => {
                let why = "the Sentinels name it and it is no primary (any longer): this passes with the failover";
                Err(Trouble::Broken(why.to_owned()).at(&node))
            }
        }
    }

    /// Whether the Sentinels name another by now. Asked seldom; where none answers, nothing has changed.
    pub async fn name_another(&self, than: &str, address: &Address) -> bool {
        let is_due = {
            let mut known = self.known();
            let is_due = known.looked.elapsed() >= LOOK_AGAIN;
            if is_due {
                known.looked = Instant::now();
            }
            is_due
        };
        if is_due {
            // What it finds is kept, for whoever asks next has another connection.
            let _ = self.primary(address, LOOK_LIMIT).await;
        }
        self.known().primary.as_ref().is_some_and(|primary| primary.to_string() != than)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each is given the same share of the time, and one share is left for the primary.
    async fn primary(&self, address: &Address, limit: Duration) -> Result<Node, Trouble> {
        let share = limit / (self.nodes.len() as u32 + 1);
        let first = self.first.load(Ordering::Relaxed);
        let mut faults = Vec::new();
        for at in (0..self.nodes.len()).map(|n| (first + n) % self.nodes.len()) {
            let sentinel = &self.nodes[at];
            match timeout(share, self.ask(sentinel, address)).await.unwrap_or_else(|_| Err(late(share))) {
                Ok(node) => {
                    self.first.store(at, Ordering::Relaxed);
                    self.known().primary = Some(node.clone());
                    return Ok(node);
                }
                Err(trouble) => faults.push(format!("{sentinel}: {}", trouble.words())),
            }
        }
        Err(Trouble::Broken(format!("no Sentinel names the primary {:?}: {}", self.name, faults.join("; "))))
    }

    async fn ask(&self, sentinel: &Node, address: &Address) -> Result<Node, Trouble> {
        let answer = async {
            let mut wire = Wire::to(sentinel, address, &self.login, "sluice").await?;
            wire.ask_once(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.name]).await
        };
        match answer.await {
            Ok(Value::Array(parts)) => node(&parts).ok_or_else(no_sentinel),
            Ok(Value::Nil) => {
                let why =
                    "it watches none of that name: correct the name in the URL, which is that of SENTINEL MONITOR";
                Err(Trouble::Broken(why.to_owned()))
            }
            Ok(_) => Err(no_sentinel()),
            Err(Trouble::Said { code, .. }) if code == "NOAUTH" || code == "WRONGPASS" => {
                let why = "it wants a password of its own: give sentinel_password (and sentinel_username) in the URL";
                Err(Trouble::Broken(format!("{code}: {why}")))
            }
            Err(Trouble::Said { code, words }) if words.starts_with("unknown command") => {
                Err(Trouble::Broken(format!("{code}: this is no Sentinel: give the Sentinels' ports, often 26379")))
            }
            Err(trouble) => Err(trouble),
        }
    }
}

fn node(parts: &[Value]) -> Option<Node> {
    match parts {
        [host, port] => Some(Node { host: text(host)?.to_owned(), port: text(port)?.parse().ok()? }),
        _ => None,
    }
}

fn no_sentinel() -> Trouble {
    Trouble::Broken("its answer makes no sense: is this a Sentinel?".to_owned())
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
