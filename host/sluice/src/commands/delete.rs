//! `sluice delete`: one key goes away.

use anyhow::Result;

use crate::cli::Delete;
use crate::draft::Edit;
use crate::exit::Ended;
use crate::publish;
use crate::space::{Context, key};

pub fn run(context: &Context, args: &Delete) -> Result<Ended> {
    let key = key(&args.key)?;
    let bases: Vec<_> = args.base.map(|base| (key.clone(), base)).into_iter().collect();
    let space = context.space()?;
    context.run(publish::publish(context, &space, &[Edit::Delete { key }], &bases, &args.publish))
}
