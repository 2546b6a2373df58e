//! A private redis-server, or whatever program `SLUICE_REDIS_SERVER` names: a `valkey-server`, another version.

use std::ffi::OsString;
use std::io::{Seek, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;
use crate::wait::wait_for;

/// How often a start is tried.
const STARTS_MAX: usize = 3;

/// A redis-server of our own, on a port of its own, in a folder of its own.
pub struct Server {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    args: Vec<String>,
}

impl Server {
    /// Starts one that keeps an append-only file, so that a restart loses nothing.
    pub fn start() -> Result<Server> {
        Server::with(&["--appendonly", "yes", "--appendfsync", "everysec"])
    }

    /// Starts one with these arguments.
    pub fn with(args: &[&str]) -> Result<Server> {
        Server::reading(args, "")
    }

    /// Starts one that follows another.
    pub fn replica_of(primary: &Server) -> Result<Server> {
        let replica = Server::with(&["--replicaof", "127.0.0.1", &primary.port().to_string()])?;
        wait_for("the replica to be in step", || {
            replica.cli(&["INFO", "replication"]).ok()?.contains("master_link_status:up").then_some(())
        });
        Ok(replica)
    }

    /// Starts a Sentinel, which keeps its settings in a file that it writes itself.
    pub fn sentinel(settings: &str) -> Result<Server> {
        Server::reading(&["--sentinel"], settings)
    }

    fn reading(args: &[&str], settings: &str) -> Result<Server> {
        let folder = tempfile::Builder::new().prefix("sluice-redis-").tempdir()?;
        let mut all = Vec::new();
        if !settings.is_empty() {
            let file = folder.path().join("settings");
            std::fs::write(&file, settings)?;
            all.push(file.to_str().context("the folder's name is UTF-8")?.to_owned());
        }
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let mut server = Server { process: None, folder, port: free_port()?, args: all };
        // Another process may take the port before the server does.
        for _ in 1..STARTS_MAX {
            if server.resume().is_ok() {
                return Ok(server);
            }
            server.port = free_port()?;
        }
        server.resume()?;
        Ok(server)
    }

    /// Starts it again after [`Server::kill`], with what it kept.
    pub fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(program());
        // A file of settings comes first, or not at all; the name of a mode last.
        let (file, args) = self.args.split_at(self.args.iter().take_while(|arg| !arg.starts_with("--")).count());
        command.args(file).args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        command.arg("--dir").arg(self.folder.path());
        if file.is_empty() {
            command.args(["--save", "", "--repl-diskless-sync-delay", "0"]);
        }
        command.args(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start(&mut command)?;
        wait_for("redis-server to answer", || {
            if !matches!(process.ended(), Ok(None)) {
                return Some(Err(anyhow!("{} ended at once: is port {} taken?", program().display(), self.port)));
            }
            let mut connection = self.connect().ok()?;
            // One that asks for a password is up, too.
            match redis::cmd("PING").query::<String>(&mut connection) {
                Ok(_) => Some(Ok(())),
                Err(error) => (error.code() == Some("NOAUTH")).then_some(Ok(())),
            }
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Starts it again with nothing of what it had.
    pub fn resume_empty(&mut self) -> Result<()> {
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
        }
        self.resume()
    }

    /// kill -9.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the server runs")?.kill()
    }

    /// Sends a signal, such as SIGSTOP.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().context("the server runs")?.signal(signal)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection of redis-rs.
    pub fn connect(&self) -> Result<redis::Connection> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_connection_with_timeout(std::time::Duration::from_secs(5))?)
    }

    /// Runs redis-cli, as a publisher would, and gives what it printed.
    pub fn cli(&self, args: &[&str]) -> Result<String> {
        self.told(args, Command::new("redis-cli").args(["-p", &self.port.to_string(), "-e"]).args(args))
    }

    /// The same, with the last argument on stdin: any bytes, and as many as one likes.
    pub fn cli_fed(&self, args: &[&str], last: &[u8]) -> Result<String> {
        let mut file = tempfile::tempfile()?;
        file.write_all(last)?;
        file.rewind()?;
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string(), "-e", "-x"]).args(args).stdin(file);
        self.told(args, &mut command)
    }

    /// Its role, `master` or `slave`.
    pub fn role(&self) -> Result<String> {
        Ok(self.cli(&["ROLE"])?.lines().next().unwrap_or_default().to_owned())
    }

    fn told(&self, args: &[&str], command: &mut Command) -> Result<String> {
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        anyhow::ensure!(output.status.success(), "redis-cli {}: {text}", args.join(" "));
        Ok(text)
    }
}

/// A port that nobody has now. Another process may take it before a server does, which then does not start.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What is run as the server.
fn program() -> OsString {
    std::env::var_os("SLUICE_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}
