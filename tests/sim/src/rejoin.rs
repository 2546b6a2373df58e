//! What the log lost comes back by a host's own code, on a server that may fail it anywhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fastrand::Rng;
use sluice_core::{
    BlobRef, Digest, Entry, Event, Fault, LOST_FIELD, Lost, Millis, Place, PullError, Revision, State, Step, fold,
};
use sluice_node::memory::{MemoryReports, MemorySnapshots};
use sluice_node::ports::{Answer, AppendError, Blobs, Judge, Judgement, Lease, Leases, Log, Past, Ports, Store};
use sluice_node::rejoin::Rejoin;
use tokio::runtime::Runtime;

use crate::carry::away;
use crate::judge;
use crate::laws::{self, Law};
use crate::log::{self, Fields};
use crate::publisher::{self, Habits};
use crate::weather::{Bug, Weather};
use crate::world::World;

/// Virtual time is shorter than ours: a lease lasts this much less.
const LEASE_SHARE: u64 = 20;

thread_local! {
    /// Nothing waits on it: each port answers at once.
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be built");
}

/// The server as one try finds it.
struct Server {
    log: log::Log,
    rng: Rng,
    habits: Habits,
    now: Millis,
    bug: Bug,
    is_sick: bool,
    past: (State, Vec<Step>),
    lease: Option<(Millis, u64)>,
    /// Requests until it is out of reach; none: it stays.
    left: Option<u32>,
    /// Entries it had when all of it was first read to the end.
    reads: u32,
}

#[derive(Clone)]
struct Door(Arc<Mutex<Server>>);

impl World {
    pub(crate) fn rejoin(&mut self, host: usize) -> Law {
        let is_stormy = self.now < Weather::calm();
        let server = Server {
            log: std::mem::take(&mut self.log),
            rng: self.rng.fork(),
            habits: self.habits.clone(),
            now: self.now,
            bug: self.run.bug,
            is_sick: self.weather.is_judge_sick(host, self.now),
            past: self.hosts[host].disk.past.clone(),
            lease: self.lease,
            left: match self.weather.is_log_away(self.now) {
                true => Some(0),
                false => (is_stormy && self.rng.u8(0..3) == 0).then(|| self.rng.u32(1..30)),
            },
            reads: 0,
        };
        let door = Door(Arc::new(Mutex::new(server)));
        let port = Arc::new(door.clone());
        let ports = Ports {
            log: port.clone(),
            blobs: port.clone(),
            snapshots: Arc::new(MemorySnapshots::default()),
            reports: Arc::new(MemoryReports::default()),
            judge: port.clone(),
            store: port.clone(),
            leases: port,
        };
        let have = self.hosts[host].served.clone();
        let result = RUNTIME.with(|runtime| runtime.block_on(Rejoin::new(&ports).run(have)));
        let mut server = door.server();
        (self.log, self.habits, self.lease) = (std::mem::take(&mut server.log), server.habits.clone(), server.lease);
        drop(server);
        self.tally.rejoins[usize::from(result.as_ref().is_some_and(Result::is_ok))] += 1;
        if let Some(result) = result {
            if let Ok(Some(snapshot)) = &result {
                laws::state_is_the_fold(&snapshot.state, &self.log)?;
            }
            self.note(|| format!("  host {host}: rejoined {result:?}"));
            self.answer(host, Event::Restored(result));
        }
        Ok(())
    }
}

impl Door {
    fn server(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Counts a request.
    fn is_reached(&mut self) -> Result<(), Lost> {
        match &mut self.left {
            Some(0) => Err(away()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether one chance in so many comes about, while things go wrong at all.
    fn strikes(&mut self, one_in: u32) -> bool {
        self.now < Weather::calm() && self.rng.u32(0..one_in) == 0
    }

    fn put(&mut self, fields: Fields) -> Revision {
        self.log.append(self.now, fields).entry.revision
    }

    /// What a publisher appends just then.
    fn intrude(&mut self) {
        let fields = publisher::next(&mut self.rng, &mut self.log, self.now, &mut self.habits);
        self.put(fields);
    }
}

impl Log for Door {
    fn pull(&self, _: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>> {
        Box::pin(async { Err(PullError::Away(away())) })
    }

    fn append(&self, mut fields: Fields) -> Answer<'_, Result<Revision, AppendError>> {
        let mut server = self.server();
        let is_back = fields.iter().any(|(name, _)| name == LOST_FIELD);
        let (bug, away) = (server.bug, || AppendError::Away("away".to_owned()));
        fields.retain(|(name, _)| match bug {
            Bug::TokenDropped => !is_back || name != "token",
            Bug::BasesDropped => !is_back || !name.starts_with(b"base:"),
            _ => true,
        });
        let answer = match server.is_reached() {
            Err(_) => Err(away()),
            Ok(()) => {
                // Another host whose lease ran out does the same just then, or the answer gets lost.
                if server.strikes(12) {
                    server.put(fields.clone());
                }
                if server.strikes(6) {
                    server.intrude();
                }
                let revision = server.put(fields);
                if server.strikes(12) { Err(away()) } else { Ok(revision) }
            }
        };
        Box::pin(async move { answer })
    }

    fn read(&self, from: Revision, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>> {
        let mut server = self.server();
        let answer = server.is_reached().map(|()| {
            if limit > 1 && server.strikes(10) {
                server.intrude();
            }
            let mut page = server.log.read(from.before(), limit);
            server.reads += u32::from(limit > 1);
            if server.bug == Bug::SwapEarly && server.reads > 2 {
                page.truncate(usize::from(server.reads == 3));
            }
            page
        });
        Box::pin(async move { answer })
    }
}

impl Blobs for Door {
    fn fetch(&self, digest: Digest) -> Answer<'_, Result<Bytes, Lost>> {
        let mut server = self.server();
        let answer = server.is_reached();
        let answer = answer.and_then(|()| server.log.blob(digest, server.now).cloned().ok_or_else(away));
        Box::pin(async move { answer })
    }

    fn store(&self, _: Bytes) -> Answer<'_, Result<BlobRef, Lost>> {
        Box::pin(async { Err(away()) })
    }
}

impl Judge for Door {
    fn judge(&self, entry: &Entry, before: &State) -> Judgement {
        let is_sick = self.server().is_sick;
        match &entry.content {
            Ok(change) if !is_sick => Ok(judge::judge(before, change)),
            Ok(_) | Err(_) => Err((Fault::Time, "overloaded".to_owned())),
        }
    }

    fn is_ready(&self, _: &Entry, _: &State) -> bool {
        true
    }
}

impl Store for Door {
    fn persist(&self, _: &sluice_core::Batch) -> Result<(), Lost> {
        Err(away())
    }

    fn past(&self, see: &mut dyn FnMut(Past<'_>)) -> Result<(), Lost> {
        let (mut state, steps) = self.server().past.clone();
        see(Past::Begins(&state));
        for step in &steps {
            let before = state.clone();
            fold::replay(&mut state, step);
            see(Past::Took { before: &before, step, after: &state });
        }
        Ok(())
    }
}

impl Leases for Door {
    fn acquire(&self, resource: &str, ttl_ms: u64) -> Answer<'_, Result<Option<Lease>, Lost>> {
        let mut server = self.server();
        let answer = server.is_reached().map(|()| match server.lease {
            Some((until, _)) if until > server.now => None,
            Some(_) | None => {
                let token = server.lease.map_or(1, |(_, token)| token + 1);
                server.lease = Some((server.now + ttl_ms / LEASE_SHARE, token));
                Some(Lease { resource: resource.to_owned(), token, word: String::new() })
            }
        });
        Box::pin(async move { answer })
    }

    fn renew(&self, _: &Lease, _: u64) -> Answer<'_, Result<bool, Lost>> {
        Box::pin(async { Err(away()) })
    }

    fn release(&self, lease: &Lease) -> Answer<'_, Result<bool, Lost>> {
        let mut server = self.server();
        let answer = server.is_reached().map(|()| {
            let is_ours = server.lease.is_some_and(|(_, token)| token == lease.token);
            server.lease = server.lease.map(|(until, token)| (if is_ours { server.now } else { until }, token));
            is_ours
        });
        Box::pin(async move { answer })
    }
}
