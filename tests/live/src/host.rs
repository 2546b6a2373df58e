//! One host as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

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
        let shown = data.to_str().context("the folder's name is UTF-8")?;
        let log = data.with_extension("log");
        let args = ["host", "run", "--id", id, "--data", shown, "--listen", "127.0.0.1:0"];
        let mut command = sluice.command(&[&args, more].concat())?;
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        command.stdout(Stdio::piped()).stderr(file);
        let mut process = Process::start(&mut command)?;
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

    /// Where it serves.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Status code and body of a GET.
    pub fn get(&self, path: &str) -> Result<(u16, Vec<u8>)> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let mut response = agent.get(self.url(path)).call()?;
        let body = response.body_mut().with_config().limit(128 << 20).read_to_vec()?;
        Ok((response.status().as_u16(), body))
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

/// A revision as numbers, for comparing.
pub fn order(revision: &str) -> (u64, u64) {
    let (ms, seq) = revision.split_once('-').unwrap_or((revision, "0"));
    (ms.parse().unwrap_or_default(), seq.parse().unwrap_or_default())
}
