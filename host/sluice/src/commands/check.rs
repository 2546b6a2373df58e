//! `sluice check`: the validators of a key, run here as hosts would run them; nothing is appended.

use anyhow::Result;

use crate::cli::{Check, PublishArgs};
use crate::draft::{Draft, Edit};
use crate::exit::Ended;
use crate::publish;
use crate::space::{Context, key, value};
use crate::told::Told;

pub fn run(context: &Context, args: &Check) -> Result<Ended> {
    let edit = Edit::Put { key: key(&args.key)?, value: value(&args.value)?, media: args.media.clone() };
    let draft = Draft::new(&[edit], &[], &PublishArgs::default())?;
    let space = context.space()?;
    let (revision, outcome) = context.run(publish::judged_here(&space, &draft))?;
    Told::of(&outcome).print(context, revision, "checked here: nothing was appended")
}
