//! A space as commands reach it, and how their answers are printed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::wiring::edges::{Archivist, Redis};
use anyhow::Result;
use bytes::Bytes;
use sluice_core::{Entry, Key, Outcome, Revision, State};
use sluice_node::{Blobs, Log, Snapshots};
use sluice_pack::history::Bounds;

use crate::cli::Cli;
use crate::exit::{away, usage};
use crate::output::Output;
use crate::replica::Replica;
use crate::wiring;

/// What every command gets.
pub struct Context {
    pub reach: crate::cli::Reach,
    pub output: Output,
    pub verbose: u8,
    begun: Instant,
}

impl Context {
    /// From what was typed.
    pub fn new(cli: &Cli) -> Context {
        let has_no_color = crate::settings::has_no_color();
        Context {
            reach: cli.reach.clone(),
            output: Output::new(&cli.format, has_no_color),
            verbose: cli.format.verbose,
            begun: Instant::now(),
        }
    }

    /// When `--timeout` runs out.
    pub fn deadline(&self) -> Instant {
        self.begun + self.reach.timeout
    }

    /// The space over Redis. Nothing is connected before it is needed.
    ///
    /// # Errors
    /// With `--host`, which must not be passed over: who gives it may not be meant to reach Redis, or another one.
    pub fn space(&self) -> Result<Space> {
        self.takes_no_host("this needs the log itself, which no host serves: leave it out and give --redis URL")?;
        let redis = Arc::new(wiring::redis(&self.reach)?);
        Ok(Space { redis, timeout: self.reach.timeout })
    }

    /// Refuses `--host`.
    pub fn takes_no_host(&self, why: &str) -> Result<()> {
        match &self.reach.host {
            None => Ok(()),
            Some(host) => Err(usage(format!("--host {host} (or SLUICE_HOST): {why}"))),
        }
    }

    /// Runs a command's future under `--timeout`.
    pub fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.reach.timeout;
        self.run_unbounded(async {
            match tokio::time::timeout(limit, work).await {
                Ok(result) => result,
                Err(_) => Err(away(format!("no answer within {limit:?}: wait longer with --timeout"))),
            }
        })
    }

    /// Runs a future that ends by itself or by ctrl-C, such as a watch.
    pub fn run_unbounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
    }
}

/// A space over Redis.
pub struct Space {
    pub redis: Arc<Redis>,
    pub timeout: Duration,
}

impl Space {
    /// The log.
    pub fn log(&self) -> Arc<dyn Log> {
        self.redis.clone()
    }

    /// The blobs.
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        self.redis.clone()
    }

    /// The snapshots, as this user writes them.
    pub fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(self.shelf())
    }

    /// The same, with what only commands want of it.
    pub fn shelf(&self) -> wiring::edges::Shelf {
        self.redis.shelf(&self.user())
    }

    /// Who adds to the history, as this user does: forgetting any of it is left to hosts.
    pub fn archivist(&self) -> Result<Archivist> {
        let judge = wiring::local_judge(self.blobs())?;
        Ok(self.redis.archivist(&self.user(), judge, Bounds::NONE))
    }

    fn user(&self) -> String {
        format!("sluice snapshot ({})", crate::settings::user_name().unwrap_or_default())
    }

    /// The fold, with the real validators, run here.
    pub fn replica(&self) -> Result<Replica> {
        Ok(Replica {
            log: self.log(),
            blobs: self.blobs(),
            judge: wiring::local_judge(self.blobs())?,
            snapshots: self.snapshots(),
            end: self.redis.clone(),
            shelf: self.shelf(),
        })
    }

    /// The state at the log's end, or at `until`.
    pub async fn state(&self, until: Option<Revision>) -> Result<State> {
        self.replica()?.fold(until, |_: &Entry, _: &Outcome, _: &State| ()).await
    }
}

/// A key as typed.
pub fn key(text: &str) -> Result<Key> {
    Key::parse(text.as_bytes()).map_err(usage)
}

/// A value as typed: itself, `-` for stdin, `@file` for a file; `@@…` for a value that starts with `@`.
pub fn value(text: &str) -> Result<Bytes> {
    if text == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)?;
        return Ok(bytes.into());
    }
    match text.strip_prefix('@') {
        Some(rest) if rest.starts_with('@') => Ok(Bytes::copy_from_slice(rest.as_bytes())),
        Some(path) => match std::fs::read(path) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => Err(usage(format!("cannot read {path:?}: {error}"))),
        },
        None => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}
