//! The arguments of `sluice reseed`.

use clap::Args;

#[derive(Debug, Args)]
pub struct Reseed {
    /// A host's HTTP address, of its admin listener if it has one; several are compared [default: those that report]
    #[arg(long, value_name = "URL")]
    pub from: Vec<String>,
    /// Do what is told, without asking
    #[arg(long)]
    pub yes: bool,
    /// Set a log aside that does not go on behind what the hosts have, or pass over a host that is further but out of reach
    #[arg(long)]
    pub force: bool,
}
