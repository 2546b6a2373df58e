//! `sluice dev`: a whole space in one terminal, of which nothing stays.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use sluice_live::process::Process;
use sluice_live::{Sluice, http, wait_for};
use tempfile::TempDir;

/// `sluice dev` in a terminal of its own, whose temporary folder is ours.
struct Terminal {
    process: Process,
    folder: TempDir,
}

impl Terminal {
    fn open(hosts: usize) -> Result<Terminal> {
        let folder = tempfile::Builder::new().prefix("sluice-terminal-").tempdir()?;
        std::fs::create_dir(folder.path().join("tmp"))?;
        let sluice = Sluice::new("redis://127.0.0.1:1", "shop", &folder.path().join("cache"));
        let mut command: Command = sluice.command(&["dev", "--hosts", &hosts.to_string()])?;
        command.env("TMPDIR", folder.path().join("tmp")).stdout(Stdio::piped()).stderr(Stdio::piped());
        // As a shell starts a command: ctrl-C goes to all of the group.
        command.process_group(0);
        Ok(Terminal { process: Process::start(&mut command)?, folder })
    }

    /// The variables it prints.
    fn exports(&mut self, count: usize) -> Result<Vec<(String, String)>> {
        let stdout = self.process.child().stdout.take().context("stdout is piped")?;
        let read = |line: std::io::Result<String>| -> Result<(String, String)> {
            let line = line?;
            let (name, value) = line.strip_prefix("export ").and_then(|rest| rest.split_once('=')).context("export")?;
            Ok((name.to_owned(), value.to_owned()))
        };
        BufReader::new(stdout).lines().take(count).map(read).collect()
    }

    /// What lies in its temporary folder.
    fn left(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("tmp")).map_or(0, Iterator::count)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let group = Pid::from_raw(self.process.id() as i32).context("a process has an id")?;
        Ok(kill_process_group(group, signal)?)
    }

    fn ends(&mut self) -> Option<i32> {
        wait_for("sluice dev to end", || self.process.ended().transpose()).expect("it can be waited for").code()
    }
}

fn lives(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

/// Uses a space of two hosts, ends it with a signal, and looks for what is left.
#[track_caller]
fn comes_and_goes(ending: Signal) -> Result<()> {
    let mut terminal = Terminal::open(2)?;
    let exports = terminal.exports(4)?;
    let names: Vec<&str> = exports.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["SLUICE_REDIS", "SLUICE_SPACE", "EDGE", "EDGE_2"]);
    let (redis, space, edges) = (&exports[0].1, &exports[1].1, [&exports[2].1, &exports[3].1]);
    assert_eq!(space, "shop");
    let sluice = Sluice::new(redis, space, &terminal.folder.path().join("cache"));
    let revision = sluice.json(&["put", "k", "1", "--wait"])?;
    assert_eq!(revision["outcome"], "applied", "{revision:#}");
    // Its Redis is new, and gives locks at once.
    let fenced = sluice.ok(&[
        "lock",
        "run",
        "nightly",
        "--try",
        "--shell",
        "--",
        "test \"$SLUICE_FENCE\" -gt 0 && echo fenced",
    ])?;
    assert_eq!(fenced.trim_end(), "fenced");
    for edge in edges {
        let value = wait_for("the put to reach the host", || {
            let reply = http::ask("GET", &format!("{edge}/v1/keys/k"), &[], &[]).ok()?;
            (reply.code == 200).then_some(reply.body)
        });
        assert_eq!(value, b"1");
    }
    let mut connection = redis::Client::open(redis.as_str())?.get_connection()?;
    let server: String = redis::cmd("INFO").arg("server").query(&mut connection)?;
    let id = server.lines().find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok());
    let id: u32 = id.context("a server knows its process")?;
    assert!(lives(id) && terminal.left() == 1);
    terminal.signal(ending)?;
    assert_eq!(terminal.ends(), Some(0));
    assert!(!lives(id), "its redis-server is still there");
    assert_eq!(terminal.left(), 0, "its folder is still there");
    assert!(http::ask("GET", &format!("{}/livez", edges[0]), &[], &[]).is_err());
    Ok(())
}

#[test]
fn ctrl_c_leaves_nothing_behind() -> Result<()> {
    comes_and_goes(Signal::INT)
}

#[test]
fn neither_does_the_end_of_the_terminal() -> Result<()> {
    comes_and_goes(Signal::HUP)
}

#[test]
fn ctrl_c_while_it_starts_leaves_nothing_behind() -> Result<()> {
    let mut terminal = Terminal::open(16)?;
    wait_for("its folder", || (terminal.left() == 1).then_some(()));
    terminal.signal(Signal::INT)?;
    assert_eq!(terminal.ends(), Some(0));
    assert_eq!(terminal.left(), 0, "its folder is still there");
    Ok(())
}
