//! The arguments of `sluice rollback`.

use clap::Args;
use sluice_core::Revision;

use super::PublishArgs;

#[derive(Debug, Args)]
pub struct Rollback {
    /// Keys, to go back to what they were before; or one revision, whose change is undone
    #[arg(value_name = "KEY|REV", required_unless_present_any = ["keys", "to"])]
    pub what: Vec<String>,
    /// A key that looks like a revision
    #[arg(long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Back to what was at this revision: the keys named, or all under --prefix
    #[arg(long, value_name = "REV")]
    pub to: Option<Revision>,
    /// With --to: all keys that start with this
    #[arg(long, requires = "to", conflicts_with_all = ["what", "keys"])]
    pub prefix: Option<String>,
    /// Undo the change of a revision also where keys were changed again since
    #[arg(long)]
    pub discard_later: bool,
    #[command(flatten)]
    pub publish: PublishArgs,
}
