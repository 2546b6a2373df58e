//! `sluice watch`: changes as they are applied.

mod follow;
mod listen;
mod sink;

use anyhow::Result;

use crate::cli::Watch;
use crate::exit::Ended;
use crate::prefix::prefix;
use crate::space::Context;
use crate::through::Through;
use sink::Sink;

pub fn run(context: &Context, args: &Watch) -> Result<Ended> {
    let prefix = prefix(&args.prefix)?;
    let mut sink = Sink::new(&context.output, args);
    let host = Through::of(context)?;
    context.run_unbounded(async {
        let watched = async {
            match &host {
                Some(host) => listen::listen(host, prefix, args.from, &mut sink).await,
                None => follow::follow(&context.space()?, prefix, args.from, &mut sink).await,
            }
        };
        tokio::select! {
            ended = watched => ended,
            // The way every watch ends.
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Into::into),
        }
    })?;
    Ok(Ended::Yes)
}
