//! A connection for everything that is answered at once, shared by all who ask.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, RedisConnectionInfo, Value};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::address::Address;
use crate::backoff::Backoff;
use crate::settings::Settings;
use crate::trouble::{Trouble, Unanswered};
use crate::url::Node;
use crate::wire::{Wire, late};

/// A connection idle for longer is asked for a sign of life first. An append on a connection that died
/// unnoticed could not be told from one that was carried out; a ping can.
const IDLE_MS: u64 = 1_000;

/// Opens its connection when first needed and replaces it when anything odd happens on it.
pub(crate) struct Commands {
    address: Arc<Address>,
    connect: Duration,
    answer: Duration,
    slot: Mutex<Slot>,
}

struct Slot {
    open: Option<Open>,
    /// Tells connections apart: a late failure must not throw out the successor.
    number: u64,
    used: Instant,
    backoff: Backoff,
    failure: Option<(Instant, Trouble)>,
}

struct Open {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
    server: Arc<str>,
}

impl Drop for Open {
    fn drop(&mut self) {
        // Otherwise the driver goes on waiting for answers that may never come.
        self.driver.abort();
    }
}

impl Commands {
    pub fn new(address: Arc<Address>, settings: &Settings, connection: &str, answer_ms: u64) -> Commands {
        let backoff = Backoff::new(settings, connection);
        Commands {
            address,
            connect: Duration::from_millis(settings.connect_ms),
            answer: Duration::from_millis(answer_ms),
            slot: Mutex::new(Slot { open: None, number: 0, used: Instant::now(), backoff, failure: None }),
        }
    }

    /// Sends one command, once; again only where a server said that it did nothing, because another has the keys.
    pub async fn once(&self, command: &Cmd) -> Result<Value, Trouble> {
        self.told(command).await.map_err(|unanswered| unanswered.trouble)
    }

    /// The same, for whoever must know whether it may be done although no answer came.
    pub async fn told(&self, command: &Cmd) -> Result<Value, Unanswered> {
        match self.sent(command).await {
            Err(failed) if self.address.has_moved(&failed.trouble) => self.sent(command).await,
            Err(failed) => match self.address.asked_elsewhere(&failed.trouble) {
                Some(node) => self.detour(&node, command).await,
                None => Err(failed),
            },
            Ok(value) => Ok(value),
        }
    }

    async fn sent(&self, command: &Cmd) -> Result<Value, Unanswered> {
        let (number, mut connection) = self.connection().await.map_err(Unanswered::before)?;
        let result = connection.send_packed_command(command).await.and_then(Value::extract_error);
        self.checked(number, result.map_err(Trouble::of)).await.map_err(Unanswered::after)
    }

    /// Asks the server to which the slot is moving, over a connection for this one question: it is soon over.
    async fn detour(&self, node: &Node, command: &Cmd) -> Result<Value, Unanswered> {
        let wire = Wire::asking(node, &self.address, self.connect, "sluice").await;
        let mut wire = wire.map_err(Unanswered::before)?;
        let asked = async {
            wire.say(&command.get_packed_command()).await?;
            wire.reply().await?;
            wire.reply().await
        };
        timeout(self.answer, asked).await.unwrap_or_else(|_| Err(late(self.answer))).map_err(Unanswered::after)
    }

    /// Sends one command that does no harm when done twice: once more if the server hung up.
    pub async fn ask(&self, command: &Cmd) -> Result<Value, Trouble> {
        match self.once(command).await {
            Err(Trouble::HungUp) => self.once(command).await,
            other => other,
        }
    }

    /// Sends several that do no harm when done twice, in one go; the first error counts.
    pub async fn ask_all(&self, commands: &Pipeline) -> Result<Vec<Value>, Trouble> {
        match self.all_once(commands).await {
            Err(Trouble::HungUp) => self.all_once(commands).await,
            // One by one each finds its own way.
            Err(trouble) if self.address.is_moving() && trouble.is_redirection() => {
                let mut values = Vec::with_capacity(commands.len());
                for command in commands.cmd_iter() {
                    values.push(self.ask(command).await?);
                }
                Ok(values)
            }
            other => other,
        }
    }

    async fn all_once(&self, commands: &Pipeline) -> Result<Vec<Value>, Trouble> {
        let (number, mut connection) = self.connection().await?;
        let result = connection.send_packed_commands(commands, 0, commands.len()).await;
        let result = result.and_then(|values| values.into_iter().map(Value::extract_error).collect());
        self.checked(number, result.map_err(Trouble::of)).await
    }

    /// The server that answers now, as host and port or as a path.
    pub async fn server(&self) -> Result<Arc<str>, Trouble> {
        self.connection().await?;
        // Replaced meanwhile it is another's, gone meanwhile it is nobody's: both are as good for people.
        let slot = self.slot.lock().await;
        Ok(slot.open.as_ref().map_or_else(|| Arc::from(""), |open| open.server.clone()))
    }

    async fn checked<T>(&self, number: u64, result: Result<T, Trouble>) -> Result<T, Trouble> {
        if let Err(trouble) = &result
            && trouble.ends_connection()
        {
            let mut slot = self.slot.lock().await;
            if slot.number == number {
                slot.open = None;
                // By what others may see as well.
                slot.backoff.spread();
            }
        }
        result
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), Trouble> {
        let asked = Instant::now();
        let mut slot = self.slot.lock().await;
        if let Some(open) = &slot.open {
            let mut connection = open.connection.clone();
            let is_idle = slot.used.elapsed() >= Duration::from_millis(IDLE_MS);
            let lives = match open.driver.is_finished() {
                true => false,
                false if is_idle && self.address.is_another(&open.server).await => false,
                false if is_idle => connection.send_packed_command(&redis::cmd("PING")).await.is_ok(),
                false => true,
            };
            if lives {
                slot.used = Instant::now();
                return Ok((slot.number, connection));
            }
            slot.open = None;
        }
        match &slot.failure {
            // Somebody else tried while this one waited for the lock: that attempt was ours, too. Or a queue
            // of callers would each wait out its own.
            Some((failed, trouble)) if *failed >= asked => return Err(trouble.clone()),
            Some(_) | None => (),
        }
        if let Some(not_before) = slot.backoff.not_before() {
            sleep_until(not_before).await;
        }
        match self.open().await {
            Ok(open) => {
                let connection = open.connection.clone();
                slot.open = Some(open);
                slot.number += 1;
                slot.used = Instant::now();
                slot.backoff.succeed();
                Ok((slot.number, connection))
            }
            Err(trouble) => {
                slot.failure = Some((Instant::now(), trouble.clone()));
                slot.backoff.fail();
                Err(trouble)
            }
        }
    }

    async fn open(&self) -> Result<Open, Trouble> {
        let wire = Wire::open(&self.address, self.connect, "sluice").await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(self.answer));
        // Logged in already, with words of our own for what can go wrong there.
        let redis = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let (pipe, server) = wire.into_pipe();
        let made = MultiplexedConnection::new_with_config(&redis, pipe, config).await;
        let (connection, driver) = made.map_err(Trouble::of)?;
        Ok(Open { connection, driver: tokio::spawn(driver), server })
    }
}
