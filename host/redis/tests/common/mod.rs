//! A Redis of one's own for a test, and small helpers.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use sluice_redis::{Redis, Settings};
use tempfile::TempDir;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a unix socket in a folder of its own; gone with this value.
pub struct Server {
    folder: TempDir,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    pub async fn start(options: &[&str]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Server { folder, options, child: None };
        server.restart().await;
        server
    }

    pub async fn restart(&mut self) {
        self.kill();
        // Another version, or a valkey-server.
        let program = std::env::var_os("SLUICE_REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
        let child = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.options)
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("redis-server must be installed to run these tests");
        self.child = Some(child);
        let socket = self.socket();
        wait_for(|| {
            let socket = socket.clone();
            async move { tokio::net::UnixStream::connect(socket).await.is_ok() }
        })
        .await;
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let _ = std::fs::remove_file(self.socket());
    }

    /// `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// With limits short enough to be reached in a test.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.url(), "shop".parse().unwrap());
        settings.block_ms = 300;
        settings.slack_ms = 300;
        settings.connect_ms = 1_000;
        settings.answer_ms = 1_000;
        settings.backoff_max_ms = 100;
        settings
    }

    pub fn redis(&self) -> Redis {
        Redis::new(self.settings()).unwrap()
    }

    /// A command through another connection, as a person would give it.
    pub async fn say(&self, words: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
    }

    /// Puts back what `DUMP` gave.
    pub async fn restore(&self, key: &str, dump: &[u8]) {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("RESTORE").arg(key).arg(0).arg(dump).query_async::<()>(&mut connection).await.unwrap();
    }

    /// What `CLIENT LIST` shows of this crate's connections.
    pub async fn clients(&self) -> usize {
        let list: String = redis::from_redis_value(self.say(&["CLIENT", "LIST"]).await).unwrap();
        list.lines().filter(|line| line.contains("name=sluice")).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again and again until it is so.
pub async fn wait_for<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "waited {PATIENCE:?} in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn fields(pairs: &[(&str, &str)]) -> Vec<(Bytes, Bytes)> {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    pairs.iter().map(|(name, value)| (bytes(name), bytes(value))).collect()
}
