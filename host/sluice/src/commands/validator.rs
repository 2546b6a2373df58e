//! `sluice validator`: components and the bindings that put them to work.

mod bind;
mod building;
mod component;
mod decision;
mod examine;
mod inspect;
mod journal;
mod listing;
mod manifest;
mod measuring;
mod project;
mod proposal;
mod recording;
mod replaying;
mod scenario;
mod trial;
mod wit;

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, json};
use sluice_core::Digest;

use crate::cli::{Form, PublishArgs, ValidatorVerb};
use crate::draft::Draft;
use crate::exit::Ended;
use crate::publish;
use crate::space::Context;
use component::Component;

pub fn run(context: &Context, verb: &ValidatorVerb) -> Result<Ended> {
    match verb {
        ValidatorVerb::New(args) => project::new(context, args),
        ValidatorVerb::Build(args) => building::build(context, args),
        ValidatorVerb::Push { component } => context.run(push(context, component)),
        ValidatorVerb::Bind(args) => context.run(bind::bind(context, args)),
        ValidatorVerb::Unbind { name, publish } => context.run(bind::unbind(context, name, publish)),
        ValidatorVerb::Pull { digest, file } => context.run(pull(context, *digest, file)),
        ValidatorVerb::Ls => context.run(listing::list(context)),
        ValidatorVerb::Inspect { component } => context.run(inspect::inspect(context, component)),
        ValidatorVerb::Run(args) => context.run(trial::run(context, args)),
        ValidatorVerb::Test(args) if args.watch => context.run_unbounded(examine::watch(context, args)),
        ValidatorVerb::Test(args) => examine::examine(context, args),
        ValidatorVerb::Bench(args) => context.run_unbounded(measuring::bench(context, args)),
        ValidatorVerb::Record(args) => context.run(recording::record(context, args)),
        ValidatorVerb::Replay(args) => context.run(replaying::replay(context, args)),
        ValidatorVerb::Wit(args) => wit::print(context, args),
    }
}

async fn push(context: &Context, text: &str) -> Result<Ended> {
    let space = context.space()?;
    let component = Component::find(text, &space).await?;
    component.store(&space).await?;
    publish::appended(&space, Draft::new(&[component.announcement()?], &[], &PublishArgs::default())?, None).await?;
    match context.output.form() {
        // The digest alone, as the next command wants it.
        Form::Table | Form::Wide | Form::Name => context.output.line(&component.digest.to_string())?,
        Form::Json | Form::Jsonl | Form::Yaml => {
            let fields = [("digest", json!(component.digest.to_string())), ("bytes", json!(component.bytes.len()))];
            let fields = fields.map(|(name, value)| (name.to_owned(), value));
            context.output.one("Component", Map::from_iter(fields))?;
        }
    }
    Ok(Ended::Yes)
}

async fn pull(context: &Context, digest: Digest, file: &Path) -> Result<Ended> {
    let component = Component::find(&digest.to_string(), &context.space()?).await?;
    if file == Path::new("-") {
        std::io::stdout().write_all(&component.bytes)?;
    } else {
        std::fs::write(file, &component.bytes).with_context(|| format!("cannot write {}", file.display()))?;
        context.output.remark(format!("{} bytes written to {}", component.bytes.len(), file.display()));
    }
    Ok(Ended::Yes)
}
