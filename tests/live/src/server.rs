//! A private redis-server.

use std::io::{Seek, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;
use crate::wait::wait_for;

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
        let folder = tempfile::Builder::new().prefix("sluice-redis-").tempdir()?;
        // Another process may take the port before the server does; then it says so and the start is tried again.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut server = Server { process: None, folder, port, args };
        server.resume()?;
        Ok(server)
    }

    /// Starts it again after [`Server::kill`], with what it kept.
    pub fn resume(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(self.folder.path()).args(&self.args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::start(&mut command)?);
        wait_for("redis-server to answer", || {
            let mut connection = self.connect().ok()?;
            // One that asks for a password is up, too.
            match redis::cmd("PING").query::<String>(&mut connection) {
                Ok(_) => Some(()),
                Err(error) => (error.code() == Some("NOAUTH")).then_some(()),
            }
        });
        Ok(())
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

    fn told(&self, args: &[&str], command: &mut Command) -> Result<String> {
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        anyhow::ensure!(output.status.success(), "redis-cli {}: {text}", args.join(" "));
        Ok(text)
    }
}
