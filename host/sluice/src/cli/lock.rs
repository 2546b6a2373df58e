//! The arguments of `sluice lock`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration;

#[derive(Debug, Subcommand)]
pub enum LockVerb {
    /// Run a command under a lock; it is stopped when the lock is lost
    Run(LockRun),
    /// List the locks that are held
    Ls(Masters),
    /// Show one lock, master by master
    Show(LockShow),
    /// Take a lock away from its holder, who learns of it at its next extension
    Break(LockBreak),
    /// Look for what is wrong with the masters
    Doctor(Masters),
    /// Give new masters a vote at once, on which nobody can hold a lock yet
    Init(LockInit),
}

/// Which masters, and what all who share them must agree on.
#[derive(Clone, Debug, Args)]
pub struct Masters {
    /// The masters of locks: one, three or five Redis servers that know nothing of each other [default: that of --redis]
    #[arg(long, env = "SLUICE_LOCK_MASTERS", value_name = "URL,URL,…", value_delimiter = ',', hide_env_values = true)]
    pub masters: Vec<String>,
    /// The longest time to live of any lock over them, the same for all who share them
    #[arg(long, env = "SLUICE_LOCK_TTL_MAX", value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub ttl_max: Duration,
}

#[derive(Debug, Args)]
pub struct LockRun {
    /// What it is for; of several names all are had or none
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// How long the lock lasts unless extended, which is done each third of it
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub ttl: Duration,
    /// How long to wait for it
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub wait: Duration,
    /// Do not wait for it: 4 when somebody else has it
    #[arg(long = "try", conflicts_with = "wait")]
    pub is_tried: bool,
    /// So many may have it at a time; the same number for all who share the name
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64))]
    pub slots: Option<u64>,
    /// How long before the lock ends the command is told to stop, by SIGTERM [default: 5s, a third of --ttl at most]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub grace: Option<Duration>,
    /// Hand the command to /bin/sh, with what follows it as $1 and so on
    #[arg(long)]
    pub shell: bool,
    #[command(flatten)]
    pub masters: Masters,
    /// The command
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub struct LockShow {
    /// The lock
    pub name: String,
    #[command(flatten)]
    pub masters: Masters,
}

#[derive(Debug, Args)]
pub struct LockBreak {
    /// The lock
    pub name: String,
    /// Why, which its holder is told
    #[arg(long)]
    pub reason: Option<String>,
    /// Do it, without asking
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub masters: Masters,
}

#[derive(Debug, Args)]
pub struct LockInit {
    /// The masters are new: do it, without asking
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub masters: Masters,
}
