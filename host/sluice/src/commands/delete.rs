//! `sluice delete`: one key goes away.

use anyhow::Result;

use crate::cli::Delete;
use crate::draft::Edit;
use crate::exit::Ended;
use crate::publish;
use crate::space::{Context, key};
use crate::way::Way;

pub fn run(context: &Context, args: &Delete) -> Result<Ended> {
    let key = key(&args.key)?;
    let bases: Vec<_> = args.base.map(|base| (key.clone(), base)).into_iter().collect();
    context.run(publish::publish(context, &Way::of(context)?, &[Edit::Delete { key }], &bases, &args.publish))
}
