//! The end of the log: waits for what is new.
//!
//! ```text
//!             ask, answer                    next pull, same place
//!   (none) ---------------> parked, idle  ---------------------------> ask again
//!      ^                        |  the answer was full: ask ahead
//!      |  odd, late, dropped    v
//!      +------------------- parked, asked ---> next pull, same place: only read
//! ```
//!
//! While entries pour in, the next answer is asked for before this one is decoded, so that server, network
//! and the host's cores work at once. A lone entry takes no such detour: it is decoded and handed on.
//!
//! With each answer comes what stands at the place asked from (`probe`). Both questions go out together; the server takes
//! the second up when it has answered the first, so what it finds holds for all that was answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluice_core::probe::{self, Odd};
use sluice_core::{Entry, Lost, Place, Revision};
use tokio::time::sleep_until;

use crate::address::Address;
use crate::backoff::Backoff;
use crate::pace::Pace;
use crate::resp::Record;
use crate::settings::Settings;
use crate::trouble::Trouble;
use crate::wire::{Answer, Patience, Wire};

/// An answer this many times the size wanted is cut short, and its connection thrown away.
const CUT_FACTOR: usize = 8;
/// How long the first answer on a connection may take to come: a host is ready once it knows that there is
/// nothing new, and should not find that out only when something is.
const LOOK: Duration = Duration::from_millis(1);
/// An entry that took more bytes on the wire is not sent with each answer to show that it is still there: it is asked
/// for only when something came behind it.
const PROBE_BYTES_MAX: usize = 64 << 10;
/// Answers of this many bytes are a sign that more is waiting.
const BUSY_BYTES: usize = 64 << 10;

pub(crate) struct Tail {
    address: Arc<Address>,
    log: Arc<str>,
    connect: Duration,
    block: Duration,
    patience: Patience,
    bytes_max: usize,
    line: Mutex<Line>,
}

struct Line {
    parked: Option<Parked>,
    pace: Pace,
    backoff: Backoff,
    /// Who answered last.
    server: Option<Arc<str>>,
}

/// A connection between two pulls.
struct Parked {
    wire: Wire,
    ahead: Option<Asked>,
    /// Bytes of the newest record on the wire, as far as this connection has seen one.
    newest_bytes: usize,
}

/// What has been asked and not yet read.
#[derive(Clone, Copy)]
struct Asked {
    after: Revision,
    count: usize,
    is_probed: bool,
}

/// Why a pull brought nothing.
pub(crate) enum Unpulled {
    /// The log is out of reach.
    Away(Lost),
    /// It does not have what this host took from it.
    Odd(Odd),
}

enum Failure {
    Trouble(Trouble),
    Odd(Odd),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure::Trouble(trouble)
    }
}

impl Tail {
    pub fn new(address: Arc<Address>, log: Arc<str>, settings: &Settings) -> Tail {
        let block = Duration::from_millis(settings.block_ms);
        let slack = Duration::from_millis(settings.slack_ms);
        Tail {
            address,
            log,
            connect: Duration::from_millis(settings.connect_ms),
            block,
            patience: Patience { first: block + slack, next: slack },
            bytes_max: settings.batch_bytes.saturating_mul(CUT_FACTOR),
            line: Mutex::new(Line {
                parked: None,
                pace: Pace::new(settings.batch_bytes, settings.batch_entries_max),
                backoff: Backoff::new(settings, "log"),
                server: None,
            }),
        }
    }

    /// Waits for entries behind `after`. Dropped in the middle, it takes its connection along; a second call
    /// meanwhile opens its own.
    pub async fn pull(&self, place: Place) -> Result<Vec<Arc<Entry>>, Unpulled> {
        let parked = self.line().parked_for(place.revision);
        let result = match self.unless_moved(parked).await {
            Some(parked) => match self.go_on(parked, &place, self.block).await {
                // The server was restarted between two pulls: no news, and no reason to make others wait. All other hosts
                // were cut off as well.
                Err(Failure::Trouble(Trouble::HungUp)) => {
                    self.line().backoff.spread();
                    self.start(&place).await
                }
                Err(Failure::Trouble(trouble)) if self.address.has_moved(&trouble) => self.start(&place).await,
                other => other,
            },
            None => self.start(&place).await,
        };
        let result = match result {
            Err(Failure::Trouble(trouble)) => self.follow(trouble, &place).await,
            other => other,
        };
        match result {
            Ok(entries) => Ok(entries),
            Err(Failure::Trouble(trouble)) => {
                self.line().backoff.fail();
                Err(Unpulled::Away(trouble.lost(&self.address)))
            }
            Err(Failure::Odd(odd)) => Err(Unpulled::Odd(odd)),
        }
    }

    async fn start(&self, place: &Place) -> Result<Vec<Arc<Entry>>, Failure> {
        let not_before = self.line().backoff.not_before();
        if let Some(not_before) = not_before {
            sleep_until(not_before).await;
        }
        let wire = Wire::open(&self.address, self.connect, "sluice-tail").await?;
        self.go_on(Parked { wire, ahead: None, newest_bytes: 0 }, place, LOOK).await
    }

    /// The server that answered last; none before the first answer.
    pub fn server(&self) -> Option<Arc<str>> {
        self.line().server.clone()
    }

    /// The same at the server to which the log is moving, if that is the trouble.
    async fn follow(&self, trouble: Trouble, place: &Place) -> Result<Vec<Arc<Entry>>, Failure> {
        let Some(node) = self.address.asked_elsewhere(&trouble) else { return Err(trouble.into()) };
        let wire = Wire::asking(&node, &self.address, self.connect, "sluice-tail").await?;
        self.go_on(Parked { wire, ahead: None, newest_bytes: 0 }, place, LOOK).await
    }

    /// The connection, unless it is known to lead to a server that was replaced.
    async fn unless_moved(&self, parked: Option<Parked>) -> Option<Parked> {
        let parked = parked?;
        let has_moved = parked.ahead.is_none() && self.address.is_another(&parked.wire.server()).await;
        (!has_moved).then_some(parked)
    }

    async fn go_on(&self, parked: Parked, place: &Place, block: Duration) -> Result<Vec<Arc<Entry>>, Failure> {
        let Parked { mut wire, ahead, newest_bytes } = parked;
        let Asked { count, is_probed, .. } = match ahead {
            Some(asked) => asked,
            None => {
                let count = self.line().pace.count();
                let is_probed = place.entry.is_some() && newest_bytes <= PROBE_BYTES_MAX && wire.may_pipeline();
                let asked = Asked { after: place.revision, count, is_probed };
                self.ask(&mut wire, asked, block).await?;
                asked
            }
        };
        let answer = wire.answer(self.patience, self.bytes_max).await?;
        let last = check_order(place.revision, &answer.records)?;
        self.probe(&mut wire, place, &answer, is_probed).await?;
        let newest_bytes = if answer.records.is_empty() { newest_bytes } else { answer.newest_bytes };
        let next = self.line().learn(&answer, wire.server());
        if answer.is_whole {
            let is_busy = answer.records.len() >= count || answer.bytes >= BUSY_BYTES;
            let is_probed = newest_bytes <= PROBE_BYTES_MAX && wire.may_pipeline();
            let ahead = is_busy.then_some(Asked { after: last, count: next, is_probed });
            if let Some(asked) = ahead {
                // A failure here concerns the next answer, and whoever wants it will see it.
                let _ = self.ask(&mut wire, asked, self.block).await;
            }
            self.line().parked = Some(Parked { wire, ahead, newest_bytes });
        }
        Ok(answer.records.into_iter().map(|record| Arc::new(Entry::read(record.revision, record.fields))).collect())
    }

    async fn ask(&self, wire: &mut Wire, asked: Asked, block: Duration) -> Result<(), Trouble> {
        wire.ask(&self.log, asked.after, (asked.count, block), asked.is_probed).await
    }

    /// Makes sure that an answer is one of the log this host has followed so far.
    async fn probe(&self, wire: &mut Wire, place: &Place, answer: &Answer, is_probed: bool) -> Result<(), Failure> {
        let patience = Patience { first: self.patience.next, ..self.patience };
        let found = match (is_probed, answer.is_whole) {
            (true, true) => wire.answer(patience, self.bytes_max).await?,
            (_, false) if place.entry.is_none() => return Ok(()),
            // What was not read is in the way.
            (_, false) => {
                let mut other = Wire::open(&self.address, self.connect, "sluice-tail").await?;
                other.ask_at(&self.log, place.revision).await?;
                other.answer(patience, self.bytes_max).await?
            }
            (false, true) if answer.records.is_empty() || place.entry.is_none() => return Ok(()),
            (false, true) => {
                wire.ask_at(&self.log, place.revision).await?;
                wire.answer(patience, self.bytes_max).await?
            }
        };
        let found = found.records.into_iter().next().map(|record| Entry::read(record.revision, record.fields));
        probe::compare(place, found.as_ref()).map_err(Failure::Odd)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing in there can be left half done, so a panic elsewhere is no reason for another.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// The parked connection, unless an answer is on its way to it that was asked for another place.
    fn parked_for(&mut self, after: Revision) -> Option<Parked> {
        self.parked.take().filter(|parked| parked.ahead.is_none_or(|asked| asked.after == after))
    }

    fn learn(&mut self, answer: &Answer, server: Arc<str>) -> usize {
        self.server = Some(server);
        self.backoff.succeed();
        self.pace.note(answer.records.len(), answer.bytes);
        self.pace.count()
    }
}

/// Revisions must rise, or this is not the answer to what was asked. Gives the last of them.
fn check_order(after: Revision, records: &[Record]) -> Result<Revision, Trouble> {
    let mut last = after;
    for record in records {
        if record.revision <= last {
            let why = format!("it sent entry {} behind {last}: is a proxy in between?", record.revision);
            return Err(Trouble::Broken(why));
        }
        last = record.revision;
    }
    Ok(last)
}
