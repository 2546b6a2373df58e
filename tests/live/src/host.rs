//! One host as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::http::{self, Events, Reply};
use crate::process::Process;
use crate::sluice::Sluice;
use crate::wait::wait_for;

/// A running `sluice host run`.
pub struct Host {
    pub id: String,
    pub data: PathBuf,
    pub log: PathBuf,
    process: Process,
    address: String,
}

impl Host {
    /// Starts it and waits until it says where it serves. Its log goes to a file beside its folder.
    pub fn start(sluice: &Sluice, id: &str, data: PathBuf, more: &[&str]) -> Result<Host> {
        let process = Process::start(&mut Host::command(sluice, id, &data, more)?)?;
        Host::of(process, id, data)
    }

    /// A process just started, once it says where it serves.
    pub fn of(mut process: Process, id: &str, data: PathBuf) -> Result<Host> {
        let log = data.with_extension("log");
        let stdout = process.child().stdout.take().context("stdout is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().to_owned();
        anyhow::ensure!(
            address.starts_with("http://"),
            "host {id} did not start: {}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
        Ok(Host { id: id.to_owned(), data, log, process, address })
    }

    /// The command that starts it, for those who do not wait until it is up.
    pub fn command(sluice: &Sluice, id: &str, data: &Path, more: &[&str]) -> Result<Command> {
        let shown = data.to_str().context("the folder's name is UTF-8")?;
        let cache = sluice.cache();
        let cache = cache.to_str().context("the folder's name is UTF-8")?;
        let args = ["host", "run", "--id", id, "--data", shown, "--cache", cache, "--listen", "127.0.0.1:0"];
        let mut command = sluice.command(&[&args, more].concat())?;
        // Tests count entries: nobody appends a tick unless a test says so in settings of its own. And they kill hosts
        // as often as they like: that is no reason to go back to an older set.
        let settings = data.with_extension("quiet.toml");
        std::fs::write(&settings, "[keeper]\non = false\n[disk]\nprobation_ms = 0\n")?;
        command.env("SLUICE_SETTINGS", settings);
        let file = std::fs::OpenOptions::new().create(true).append(true).open(data.with_extension("log"))?;
        command.stdout(Stdio::piped()).stderr(file);
        Ok(command)
    }

    /// Where it serves.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Status code and body of a GET.
    pub fn get(&self, path: &str) -> Result<(u16, Vec<u8>)> {
        let reply = self.ask("GET", path, &[], &[])?;
        Ok((reply.code, reply.body))
    }

    /// A request with its headers, and the whole answer.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        http::ask(method, &self.url(path), headers, body)
    }

    /// An event stream.
    pub fn events(&self, path: &str, headers: &[(&str, &str)]) -> Result<Events> {
        http::events(&self.url(path), headers)
    }

    /// What became of an entry, as `outcome` or `outcome: why`. Waits until the host has passed it.
    #[track_caller]
    pub fn verdict(&self, revision: &str) -> Result<String> {
        self.passes(revision);
        let refusals = self.ask("GET", "/v1/refusals", &[], &[])?.json();
        let refused = refusals["refusals"].as_array().context("refusals are a list")?;
        Ok(match refused.iter().find(|refused| refused["revision"] == revision) {
            Some(refused) => format!("{}: {}", text(&refused["outcome"]), text(&refused["message"])),
            None => text(&self.ask("GET", &format!("/v1/entries/{revision}"), &[], &[])?.json()["outcome"]),
        })
    }

    /// The value of a key; `None` when it is absent.
    pub fn value(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.get(&format!("/v1/keys/{key}"))? {
            (200, body) => Ok(Some(body)),
            (404, _) => Ok(None),
            (code, body) => anyhow::bail!("GET {key}: {code} {}", String::from_utf8_lossy(&body)),
        }
    }

    /// `/v1/status`.
    pub fn status(&self) -> Result<Value> {
        let (code, body) = self.get("/v1/status")?;
        anyhow::ensure!(code == 200, "status {code}");
        Ok(serde_json::from_slice(&body)?)
    }

    /// Waits until it has seen this revision, whether or not it can decide it yet.
    #[track_caller]
    pub fn passes(&self, revision: &str) -> Value {
        wait_for(&format!("host {} to pass {revision}", self.id), || {
            let status = self.status().ok()?;
            (order(status["revision"].as_str()?) >= order(revision)).then_some(status)
        })
    }

    /// Waits until it serves at least this revision, with nothing held.
    #[track_caller]
    pub fn reaches(&self, revision: &str) -> Value {
        wait_for(&format!("host {} to reach {revision}", self.id), || {
            let status = self.status().ok()?;
            let is_there = order(status["revision"].as_str()?) >= order(revision);
            (is_there && status["held"].as_array().is_none_or(Vec::is_empty)).then_some(status)
        })
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// kill -9, without a word of warning.
    pub fn kill(mut self) -> Result<PathBuf> {
        self.process.kill()?;
        Ok(self.data.clone())
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        self.process.terminate()
    }

    /// What it logged so far.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A revision as numbers, for comparing.
pub fn order(revision: &str) -> (u64, u64) {
    let (ms, seq) = revision.split_once('-').unwrap_or((revision, "0"));
    (ms.parse().unwrap_or_default(), seq.parse().unwrap_or_default())
}
