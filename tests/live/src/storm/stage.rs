//! The fleet of a storm: a Redis, hosts and publishers, each behind a network of its own; and what is done to them.

use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::host::Host;
use crate::process::Process;
use crate::proxy::{Proxy, Weather};
use crate::server::Server;
use crate::sluice::{Sluice, binary};
use crate::storm::faults::Fault;
use crate::wait::wait_for;

pub const HOSTS: usize = 3;
pub const PUBLISHERS: usize = 2;
/// Those that keep snapshots and trim the log.
const KEEPERS: usize = 2;
/// What publishers over HTTP show to hosts.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Bounds so tiny that every host which was away for seconds comes back by a snapshot.
const KEEPER: &str = "look_ms = 400\nage_ms = 0\nbehind = 40\nretention_ms = 1500\nlaggard_ms = 3000\n\
                      grace_ms = 4000\nlease_ms = 2000\ntick_ms = 700\n";

/// Where a host sits, whether or not it is up.
pub struct Seat {
    pub id: String,
    pub proxy: Proxy,
    sitting: RwLock<Sitting>,
}

/// Readers hold it while they read, so that nothing is done to a host which somebody is reading from.
struct Sitting {
    host: Option<Host>,
    is_stopped: bool,
}

/// A host that is up and stays so for as long as this is held.
pub struct Up<'a>(RwLockReadGuard<'a, Sitting>);

/// All processes of a storm. The hosts go before the server.
pub struct Stage {
    pub seats: Vec<Seat>,
    pub lines: Vec<Proxy>,
    pub server: RwLock<Server>,
    /// Over a line of nobody else.
    pub sluice: Sluice,
    pub folder: TempDir,
}

impl Seat {
    /// The host, if it is up.
    pub fn up(&self) -> Option<Up<'_>> {
        let sitting = self.sitting.read().unwrap_or_else(PoisonError::into_inner);
        (sitting.host.is_some() && !sitting.is_stopped).then_some(Up(sitting))
    }

    /// Where it serves, or did last; for those who take what comes.
    pub fn url(&self, path: &str) -> Option<String> {
        let sitting = self.sitting.read().unwrap_or_else(PoisonError::into_inner);
        sitting.host.as_ref().map(|host| host.url(path))
    }

    fn change(&self) -> RwLockWriteGuard<'_, Sitting> {
        self.sitting.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::ops::Deref for Up<'_> {
    type Target = Host;

    fn deref(&self) -> &Host {
        self.0.host.as_ref().expect("nobody is up without a host")
    }
}

impl Stage {
    /// Starts everything, in fine weather. What is confirmed is on the disk of the server, and in one file.
    pub fn start(seed: u64) -> Result<Stage> {
        let always = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
        let server = Server::with(&always)?;
        let folder = tempfile::Builder::new().prefix("sluice-storm-").tempdir()?;
        let sluice = Sluice::new(&server.url(), "shop", &binary()?.with_file_name("validators-of-tests"));
        std::fs::write(folder.path().join("token"), TOKEN)?;
        let line = |at: usize| Proxy::start(server.port(), seed.wrapping_add(at as u64));
        let lines = (0..PUBLISHERS).map(|at| line(HOSTS + at)).collect::<Result<_>>()?;
        let mut stage = Stage { seats: Vec::new(), lines, server: RwLock::new(server), sluice, folder };
        for at in 0..HOSTS {
            let id = format!("edge-{}", at + 1);
            let keeper = if at < KEEPERS { KEEPER } else { "on = false\n" };
            let token = stage.folder.path().join("token");
            let settings = format!("publish_token_file = {token:?}\n[disk]\nprobation_ms = 0\n[keeper]\n{keeper}");
            std::fs::write(stage.folder.path().join(format!("{id}.toml")), settings)?;
            let proxy = {
                let server = stage.server.read().unwrap_or_else(PoisonError::into_inner);
                Proxy::start(server.port(), seed.wrapping_add(at as u64))?
            };
            let seat = Seat { id, proxy, sitting: RwLock::new(Sitting { host: None, is_stopped: false }) };
            stage.seats.push(seat);
            stage.host(at, None)?;
        }
        Ok(stage)
    }

    /// Does it. Processes are started here: call it from the thread that stays.
    pub fn suffer(&self, fault: &Fault) -> Result<()> {
        match fault {
            Fault::Weather { line, weather, .. } => self.line(*line).set(*weather),
            Fault::End { line, how } => self.line(*line).end(*how),
            Fault::StopRedis => self.redis(|server| server.signal(Signal::STOP))?,
            Fault::ContinueRedis => self.redis(|server| server.signal(Signal::CONT))?,
            Fault::KillRedis => self.redis(Server::kill)?,
            Fault::StartRedis => self.redis(Server::resume)?,
            Fault::StopHost(at) => {
                let mut sitting = self.seats[*at].change();
                sitting.is_stopped = true;
                sitting.host.as_mut().context("a host to stop is up")?.process().signal(Signal::STOP)?;
            }
            Fault::ContinueHost(at) => {
                let mut sitting = self.seats[*at].change();
                sitting.host.as_mut().context("a stopped host is there")?.process().signal(Signal::CONT)?;
                sitting.is_stopped = false;
            }
            Fault::KillHost(at) => {
                let host = self.seats[*at].change().host.take();
                host.context("a host to kill is up")?.kill()?;
            }
            Fault::StartHost { host, early } => self.host(*host, *early)?,
        }
        Ok(())
    }

    /// Fine weather for all.
    pub fn clear(&self) {
        (0..HOSTS + PUBLISHERS).for_each(|line| self.line(line).set(Weather::default()));
    }

    /// Waits until all hosts are where the log is, with one root and one chain, and tells how long that took.
    pub fn converge(&self, revision: &str) -> Result<Duration> {
        let begun = std::time::Instant::now();
        let mut seen = Vec::new();
        let together = || {
            seen = self.seats.iter().map(|seat| seat.up()?.status().ok()).collect::<Option<Vec<_>>>()?;
            let is_there = |status: &serde_json::Value| {
                crate::host::order(status["revision"].as_str().unwrap_or_default()) >= crate::host::order(revision)
                    && status["held"].as_array().is_some_and(Vec::is_empty)
            };
            let is_equal = seen.iter().all(|status| status["revision"] == seen[0]["revision"]);
            (is_equal && seen.iter().all(is_there)).then_some(())
        };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_for("all hosts to agree", together))).is_err()
        {
            anyhow::bail!("not converged on {revision}: {:#?}", seen);
        }
        let (took, first) = (begun.elapsed(), &seen[0]);
        let differ = seen.iter().any(|one| {
            (&one["root"], &one["chain"], &one["index"]) != (&first["root"], &first["chain"], &first["index"])
        });
        anyhow::ensure!(!differ, "hosts at one revision differ: {seen:#?}");
        Ok(took)
    }

    /// Appends straight to the server.
    pub fn append(&self, fields: &[&str]) -> Result<String> {
        let server = self.server.read().unwrap_or_else(PoisonError::into_inner);
        server.cli(&[&["XADD", "sluice:{shop}:log", "*"], fields].concat())
    }

    fn line(&self, at: usize) -> &Proxy {
        self.seats.get(at).map_or_else(|| &self.lines[at - HOSTS], |seat| &seat.proxy)
    }

    fn redis(&self, what: impl FnOnce(&mut Server) -> Result<()>) -> Result<()> {
        what(&mut self.server.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn host(&self, at: usize, early: Option<Duration>) -> Result<()> {
        let seat = &self.seats[at];
        let sluice = self.sluice.over(&seat.proxy.url());
        let settings = self.folder.path().join(format!("{}.toml", seat.id));
        let more = ["--settings", settings.to_str().context("the folder's name is UTF-8")?];
        let data = self.folder.path().join(&seat.id);
        if let Some(early) = early {
            let mut process = Process::start(&mut Host::command(&sluice, &seat.id, &data, &more)?)?;
            let begun = std::time::Instant::now();
            wait_for("the early end", || (begun.elapsed() >= early).then_some(()));
            process.kill()?;
        }
        let host = Host::start(&sluice, &seat.id, data, &more)?;
        *seat.change() = Sitting { host: Some(host), is_stopped: false };
        Ok(())
    }
}

/// Runs a command for at most so long; what it printed if it ended well by then.
pub fn within(limit: Duration, command: &mut Command) -> Result<Option<String>> {
    let mut process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let begun = std::time::Instant::now();
    let ended = wait_for("a command to end", || match process.ended() {
        Ok(None) if begun.elapsed() < limit => None,
        other => Some(other),
    })?;
    let Some(status) = ended.filter(std::process::ExitStatus::success) else { return Ok(None) };
    anyhow::ensure!(status.success(), "{status}");
    let mut text = String::new();
    let stdout = process.child().stdout.as_mut().context("stdout is piped")?;
    std::io::Read::read_to_string(stdout, &mut text)?;
    Ok(Some(text.trim().to_owned()))
}
