//! `sluice compile`: the child process in which a host compiles (decision 14). Nobody types it.

use anyhow::Result;

use crate::exit::Ended;
use crate::wiring;

pub fn run() -> Result<Ended> {
    wiring::compile()?;
    Ok(Ended::Yes)
}
