//! `sluice check`: what the validators would make of a value; nothing is appended.

use anyhow::Result;

use crate::cli::{Check, PublishArgs};
use crate::draft::Edit;
use crate::exit::Ended;
use crate::publish;
use crate::space::{Context, key, value};
use crate::way::Way;

pub fn run(context: &Context, args: &Check) -> Result<Ended> {
    let edit = Edit::Put { key: key(&args.key)?, value: value(&args.value)?, media: args.media.clone() };
    let dry = PublishArgs { dry_run: true, ..PublishArgs::default() };
    context.run(publish::publish(context, &Way::of(context)?, &[edit], &[], &dry))
}
