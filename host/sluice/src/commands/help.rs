//! `sluice help`: on the whole, on a command, or on exit codes.

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::{self, Ended, usage};

pub fn run(topic: &[String]) -> Result<Ended> {
    if topic == ["exit-codes"] {
        print!("{}", exit::TEXT);
        return Ok(Ended::Yes);
    }
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for name in topic {
        let unknown = || usage(format!("there is no command {name:?}: see sluice help"));
        found = found.find_subcommand_mut(name).ok_or_else(unknown)?;
    }
    found.print_long_help()?;
    Ok(Ended::Yes)
}
