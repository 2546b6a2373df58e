//! `sluice version`.

use anyhow::Result;
use serde_json::Map;

use crate::exit::Ended;
use crate::space::Context;

pub fn run(context: &Context) -> Result<Ended> {
    let fields = [("version", env!("CARGO_PKG_VERSION")), ("wit", "sluice:validator@0.1.0")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
    context.output.one("Version", Map::from_iter(fields))?;
    Ok(Ended::Yes)
}
