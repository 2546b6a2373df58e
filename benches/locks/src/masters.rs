//! Five Redis servers of this run's own, which keep nothing and can be stopped.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sluice_redis::{LockSettings, Redlock};
use tempfile::TempDir;

/// How many.
pub const MASTERS: usize = 5;
/// How many of them are a majority.
pub const QUORUM: usize = MASTERS / 2 + 1;
/// How long they may take to start and to be connected to.
const PATIENCE: Duration = Duration::from_secs(20);

/// The servers; gone with this value.
pub struct Masters {
    folders: Vec<TempDir>,
    children: Vec<Child>,
}

impl Masters {
    /// Starts them; none when there is no server to start.
    ///
    /// # Errors
    /// One does not start.
    pub async fn start() -> Result<Option<Masters>> {
        let program = std::env::var_os("SLUICE_REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
        let mut masters = Masters { folders: Vec::new(), children: Vec::new() };
        for _ in 0..MASTERS {
            let folder = tempfile::tempdir()?;
            let mut command = Command::new(&program);
            command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "redis.sock", "--dir"]);
            command.arg(folder.path()).current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            match command.spawn() {
                Ok(child) => masters.children.push(child),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error).context("a redis-server could not be started"),
            }
            masters.folders.push(folder);
        }
        for url in masters.urls() {
            let until = tokio::time::Instant::now() + PATIENCE;
            while redis::Client::open(url.as_str())?.get_multiplexed_async_connection().await.is_err() {
                ensure!(tokio::time::Instant::now() < until, "{url} did not answer for {PATIENCE:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(Some(masters))
    }

    /// Their URLs.
    pub fn urls(&self) -> Vec<String> {
        let url = |folder: &TempDir| format!("redis+unix://{}", folder.path().join("redis.sock").display());
        self.folders.iter().map(url).collect()
    }

    /// A client of ours, once all masters have a vote.
    ///
    /// # Errors
    /// One of them does not answer.
    pub async fn redlock(&self) -> Result<Redlock> {
        let redlock = Redlock::new(&LockSettings::new(self.urls()))?;
        redlock.bootstrap(PATIENCE).await.map_err(|away| anyhow::anyhow!("{away} does not answer"))?;
        Ok(redlock)
    }

    /// `STOP` or `CONT`, to these.
    ///
    /// # Errors
    /// It could not be sent.
    pub fn signal(&self, of: impl IntoIterator<Item = usize>, signal: &str) -> Result<()> {
        for at in of {
            let pid = self.children[at].id().to_string();
            let status = Command::new("kill").args([&format!("-{signal}"), &pid]).status()?;
            ensure!(status.success(), "kill -{signal} {pid} failed");
        }
        Ok(())
    }

    /// How many have this key.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn keys(&self, name: &str) -> Result<usize> {
        let mut keys = 0;
        for url in self.urls() {
            let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
            keys += redis::cmd("EXISTS").arg(name).query_async::<usize>(&mut connection).await?;
        }
        Ok(keys)
    }
}

impl Drop for Masters {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
