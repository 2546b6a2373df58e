//! `sluice put`: one key, one change.

use anyhow::Result;

use crate::cli::Put;
use crate::draft::Edit;
use crate::exit::Ended;
use crate::publish;
use crate::space::{Context, key, value};
use crate::way::Way;

pub fn run(context: &Context, args: &Put) -> Result<Ended> {
    let key = key(&args.key)?;
    let edit = Edit::Put { key: key.clone(), value: value(&args.value)?, media: args.media.clone() };
    let bases: Vec<_> = args.base.map(|base| (key, base)).into_iter().collect();
    context.run(publish::publish(context, &Way::of(context)?, &[edit], &bases, &args.publish))
}
