//! What was typed: the command line as clap reads it, one type a verb.

mod author;
mod limits;
mod lock;
mod publish;
mod reseed;
mod rollback;
mod schedule;
mod snapshot;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sluice_core::{Digest, Revision};

pub use author::{
    Document, Lang, ValidatorBench, ValidatorBuild, ValidatorNew, ValidatorRecord, ValidatorReplay, ValidatorRun,
    ValidatorTest, ValidatorWit,
};
pub use limits::LimitArgs;
pub use lock::{LockBreak, LockInit, LockRun, LockShow, LockVerb, Masters};
pub use publish::{PublishArgs, Share, Time};
pub use reseed::Reseed;
pub use rollback::Rollback;
pub use schedule::{Cancel, ScheduleVerb};
pub use snapshot::{Restore, SnapshotVerb};

/// Delivers configuration to edge hosts; validators judge every change on every host before it is applied.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub reach: Reach,
    #[command(flatten)]
    pub format: Format,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Where the space is.
#[derive(Clone, Debug, Args)]
pub struct Reach {
    /// Redis that holds the log, as redis://, rediss:// or redis+unix:// URL
    #[arg(long, global = true, env = "SLUICE_REDIS", default_value = "redis://127.0.0.1:6379", hide_env_values = true)]
    pub redis: String,
    /// Configuration space
    #[arg(long, global = true, env = "SLUICE_SPACE", default_value = "default")]
    pub space: String,
    /// Go through this host's HTTP address instead of Redis
    #[arg(long, global = true, env = "SLUICE_HOST", value_name = "URL")]
    pub host: Option<String>,
    /// The file with the token that --host wants for publishing
    #[arg(long, global = true, env = "SLUICE_PUBLISH_TOKEN_FILE", value_name = "FILE")]
    pub publish_token_file: Option<PathBuf>,
    /// Give up after this long (10s, 2m)
    #[arg(long, global = true, default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
}

/// How answers look.
#[derive(Clone, Debug, Args)]
pub struct Format {
    /// Form of the answer; the default is a table on a terminal and tab-separated lines in a pipe
    #[arg(short, long, global = true, value_enum)]
    pub output: Option<Form>,
    /// No remarks on stderr
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More remarks on stderr; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colours
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Colors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Table,
    Wide,
    Json,
    Jsonl,
    Yaml,
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colors {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// A private Redis and some hosts in one terminal; ctrl-C leaves nothing behind
    Dev(Dev),
    /// The daemon of an edge host
    #[command(subcommand)]
    Host(HostVerb),
    /// Set a key: one change, prints its revision and outcome
    Put(Put),
    /// Print a value
    Get(Get),
    /// Delete a key
    Delete(Delete),
    /// List keys
    Ls(Ls),
    /// Follow changes
    Watch(Watch),
    /// Make keys equal to files, in one change
    Apply(Apply),
    /// Show how keys differ from files, or from themselves at two revisions
    Diff(Diff),
    /// Run the bound validators over a value here, appending nothing
    Check(Check),
    /// How far a host, or the fleet, is
    Status(Status),
    /// List hosts
    Hosts,
    /// Who changed a key, when, why, and what came of it
    History(History),
    /// One entry of the log with its outcome
    Show(Show),
    /// Changes that wait for their time: ls, cancel
    #[command(subcommand)]
    Schedule(ScheduleVerb),
    /// Make keys what they were before, or at a revision, or before the change of one: a new change like any other
    Rollback(Rollback),
    /// Validators: new, build, test, run, bench, inspect, wit, push, bind, unbind, pull, ls, record, replay
    #[command(subcommand)]
    Validator(Box<ValidatorVerb>),
    /// Whole states: write, save, restore, verify, ls
    #[command(subcommand)]
    Snapshot(SnapshotVerb),
    /// What a failover lost, and what became of it when hosts brought it back
    Rifts,
    /// Refill an emptied Redis from the host that is furthest
    Reseed(Reseed),
    /// Locks over several Redis masters: run, ls, show, break, doctor, init
    #[command(subcommand)]
    Lock(Box<LockVerb>),
    /// Look for what is wrong with Redis, the disk and this machine
    Doctor(Doctor),
    /// What a host starts for each component it compiles: an order on stdin, code on stdout
    #[command(hide = true)]
    Compile,
    /// What `lock run` starts beside a command: kills it should `lock run` not be there to do so
    #[command(hide = true)]
    LockWarden,
    /// Print shell completions
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
    /// Print help, on a command or on exit-codes
    Help {
        /// A command, or exit-codes
        topic: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub struct Dev {
    /// How many hosts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub hosts: u16,
}

#[derive(Debug, Subcommand)]
pub enum HostVerb {
    /// Run until stopped by SIGTERM or ctrl-C
    Run(HostArgs),
    /// Read the settings, try Redis, the folder and the ports, and end
    Check(HostArgs),
}

/// Settings by flag override those of the file.
#[derive(Clone, Debug, Default, Args)]
pub struct HostArgs {
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE", env = "SLUICE_SETTINGS")]
    pub settings: Option<PathBuf>,
    /// This host's id; default: the machine's name
    #[arg(long)]
    pub id: Option<String>,
    /// Folder for the local store and compiled validators
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder for compiled validators, which hosts of one user may share; default: in the data folder
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Address to serve on; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

#[derive(Debug, Args)]
pub struct Put {
    /// The key, such as app/limits.json
    pub key: String,
    /// The value; - reads stdin, @file a file
    pub value: String,
    /// Media type; default: by the key's extension
    #[arg(long = "type", value_name = "MEDIA")]
    pub media: Option<String>,
    /// The revision the key must have now; 0 for absent
    #[arg(long)]
    pub base: Option<Revision>,
    #[command(flatten)]
    pub publish: PublishArgs,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// The key
    pub key: String,
    /// The revision the key must have now
    #[arg(long)]
    pub base: Option<Revision>,
    #[command(flatten)]
    pub publish: PublishArgs,
}

#[derive(Debug, Args)]
pub struct Get {
    /// The key
    pub key: String,
    /// As it was at this revision
    #[arg(long)]
    pub at: Option<Revision>,
}

#[derive(Debug, Args)]
pub struct Ls {
    /// Only keys that start with this
    #[arg(default_value = "")]
    pub prefix: String,
}

#[derive(Debug, Args)]
pub struct Watch {
    /// Only keys that start with this
    #[arg(default_value = "")]
    pub prefix: String,
    /// Start behind this revision instead of now
    #[arg(long)]
    pub from: Option<Revision>,
    /// Run this for each change, with SLUICE_KEY, SLUICE_REVISION and SLUICE_OPERATION set and the value on stdin
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true, value_terminator = ";")]
    pub exec: Vec<String>,
    /// End after this many changes
    #[arg(long)]
    pub count: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// File, folder, or - for JSON Lines of {"key", "value"} on stdin
    #[arg(short, long, required = true)]
    pub file: PathBuf,
    /// Put the keys under this prefix
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Delete keys under --prefix that are not in the files
    #[arg(long, requires = "prefix")]
    pub prune: bool,
    #[command(flatten)]
    pub publish: PublishArgs,
}

#[derive(Debug, Args)]
pub struct Diff {
    /// File or folder to compare with
    #[arg(short, long, conflicts_with = "revisions")]
    pub file: Option<PathBuf>,
    /// The prefix the files' keys are under; with revisions, only keys that start with it
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Count keys under --prefix that are not in the files as deleted
    #[arg(long, requires = "file")]
    pub prune: bool,
    /// Two revisions
    #[arg(num_args = 2, required_unless_present = "file")]
    pub revisions: Vec<Revision>,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The key
    pub key: String,
    /// The value; - reads stdin, @file a file
    pub value: String,
    /// Media type; default: by the key's extension
    #[arg(long = "type", value_name = "MEDIA")]
    pub media: Option<String>,
}

#[derive(Debug, Args)]
pub struct Status {
    /// One host's id; default: all
    pub id: Option<String>,
    /// Print again whenever it changes
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct History {
    /// The key
    pub key: String,
    /// At most this many, newest first
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The entry
    pub revision: Revision,
}

#[derive(Debug, Subcommand)]
pub enum ValidatorVerb {
    /// Make a project that builds and whose tests pass
    New(ValidatorNew),
    /// Build a project in Rust into a component
    Build(ValidatorBuild),
    /// Store a component; prints its digest
    Push {
        /// A component file, or the name of a built-in validator (bounds, json-schema, no-secrets, …)
        component: String,
    },
    /// Bind a stored component to keys: a change to _sluice/validators/NAME, judged like any other
    Bind(Bind),
    /// Take a binding away: a change like any other
    Unbind {
        /// The binding's name
        name: String,
        #[command(flatten)]
        publish: PublishArgs,
    },
    /// Write a stored component to a file
    Pull {
        /// Its digest, as push printed it and ls shows it
        digest: Digest,
        /// Where to; - writes to stdout
        file: PathBuf,
    },
    /// List bindings
    Ls,
    /// Show what a component is and whether hosts would take it
    Inspect {
        /// A component file, a built-in's name, or a digest
        component: String,
    },
    /// Run a component over one value here
    Run(ValidatorRun),
    /// Run a component over the cases of a folder here
    Test(ValidatorTest),
    /// Measure a component here: compiling, calls, memory
    Bench(ValidatorBench),
    /// Write changes that hosts have seen to a file, with the state before each
    Record(ValidatorRecord),
    /// Run a component over recorded changes, and list the verdicts that are others now
    Replay(ValidatorReplay),
    /// Print the interface a validator speaks, in WIT
    Wit(ValidatorWit),
}

#[derive(Debug, Args)]
pub struct Bind {
    /// The binding's name
    pub name: String,
    /// A component file, a built-in's name (both pushed first), or the digest of a stored one
    pub component: String,
    /// Keys it judges: * within a segment, ** across [default: those the validator says it is made for]
    #[arg(long = "keys", num_args = 1.., value_name = "GLOB")]
    pub keys: Vec<String>,
    /// Other keys it may look up [default: those the validator says it looks up]
    #[arg(long = "reads", num_args = 1.., value_name = "GLOB")]
    pub reads: Vec<String>,
    /// Settings: JSON, or @file
    #[arg(long)]
    pub settings: Option<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What its verdicts do: monitor tells and refuses nothing, off asks nothing [default: enforce]
    #[arg(long)]
    pub mode: Option<BindMode>,
    #[command(flatten)]
    pub publish: PublishArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BindMode {
    Enforce,
    Monitor,
    Off,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Look at this host's folder too
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub masters: Masters,
}

/// Reads `500ms`, `10s`, `2m` or `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write 500ms, 10s, 2m or 1h");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(ms).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for text in ["", "5", "s", "1.5s", "5 s", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}
