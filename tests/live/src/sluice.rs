//! The `sluice` binary, run as a person would.

use std::fmt;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

/// Compiling a validator for the first time takes a debug build a while.
const TIMEOUT: &str = "4m";

/// The binary, with the space its commands are about.
#[derive(Clone, Debug)]
pub struct Sluice {
    redis: String,
    space: String,
    cache: PathBuf,
    program: Option<PathBuf>,
}

/// What a command printed and how it ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// The stdout as it came.
    pub bytes: Vec<u8>,
}

impl Sluice {
    /// For a space on a Redis; compiled validators are kept in `cache`.
    pub fn new(redis: &str, space: &str, cache: &Path) -> Sluice {
        Sluice { redis: redis.to_owned(), space: space.to_owned(), cache: cache.to_owned(), program: None }
    }

    /// Where compiled validators are kept, by commands and by hosts.
    pub fn cache(&self) -> PathBuf {
        self.cache.join("sluice/validators")
    }

    /// The command with its environment, for those who start it themselves.
    pub fn command(&self, args: &[&str]) -> Result<Command> {
        let program = self.program.clone().map_or_else(binary, Ok)?;
        let mut command = Command::new(program);
        command.args(args).env("SLUICE_REDIS", &self.redis).env("SLUICE_SPACE", &self.space);
        command.env("XDG_CACHE_HOME", &self.cache).env("USER", "tester").env_remove("SLUICE_HOST");
        command.env_remove("SLUICE_PUBLISH_TOKEN_FILE");
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Result<Ran> {
        let output = self.patient(args)?.output()?;
        Ok(Ran::of(&output))
    }

    /// With a timeout that a busy machine keeps too, unless there is one.
    fn patient(&self, args: &[&str]) -> Result<Command> {
        let own: &[&str] = if args.contains(&"--timeout") { &[] } else { &["--timeout", TIMEOUT] };
        self.command(&[own, args].concat())
    }

    /// The same space of another Redis, or the same Redis with other rights.
    pub fn over(&self, redis: &str) -> Sluice {
        Sluice { redis: redis.to_owned(), ..self.clone() }
    }

    /// The same, run by another file.
    pub fn by(&self, program: &Path) -> Sluice {
        Sluice { program: Some(program.to_owned()), ..self.clone() }
    }

    /// Runs a command to its end, with these bytes on its stdin.
    pub fn fed(&self, args: &[&str], stdin: &[u8]) -> Result<Ran> {
        let mut file = tempfile::tempfile()?;
        file.write_all(stdin)?;
        file.rewind()?;
        Ok(Ran::of(&self.patient(args)?.stdin(file).output()?))
    }

    /// Runs a command that must end with 0, and gives its stdout.
    pub fn ok(&self, args: &[&str]) -> Result<String> {
        let ran = self.run(args)?;
        anyhow::ensure!(ran.code == 0, "sluice {} ended with {ran:?}", args.join(" "));
        Ok(ran.stdout)
    }

    /// Runs a command with `-o json` and reads its answer, whatever the exit code.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let ran = self.run(&[args, &["-o", "json"]].concat())?;
        serde_json::from_str(&ran.stdout).with_context(|| format!("sluice {} printed {ran:?}", args.join(" ")))
    }
}

impl Ran {
    fn of(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        Ran { code, stdout: text(&output.stdout), stderr: text(&output.stderr), bytes: output.stdout.clone() }
    }
}

impl fmt::Debug for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The binary that was built beside us, or the one that SLUICE_BIN names.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("SLUICE_BIN") {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1).take(3);
    let found = folders.map(|folder| folder.join("sluice")).find(|path| path.is_file());
    found.with_context(|| format!("no sluice binary near {}: build it with cargo build -p sluice", own.display()))
}
