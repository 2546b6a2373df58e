//! `sluice completions`: for bash, zsh, fish and others.

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::Ended;

pub fn run(shell: clap_complete::Shell) -> Result<Ended> {
    clap_complete::generate(shell, &mut Cli::command(), "sluice", &mut std::io::stdout());
    Ok(Ended::Yes)
}
