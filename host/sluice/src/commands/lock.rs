//! `sluice lock`: commands under a lock over several masters, and what is to be seen and done there.

pub mod doctor;
mod group;
mod run;
mod signals;
mod table;
mod terminal;
mod warden;
mod watch;
mod wish;

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;

use crate::cli::{LockBreak, LockInit, LockVerb, Masters};
use crate::exit::{Ended, away, usage};
use crate::space::Context;
use crate::wiring::edges::{Census, Clock as _, LockSettings, Machine, MasterStanding, Redlock};
use crate::wiring::locks;

pub use warden::run as warden;

pub fn run(context: &Context, verb: &LockVerb) -> Result<Ended> {
    context.takes_no_host("locks are on their masters, which no host stands for: leave it out")?;
    match verb {
        LockVerb::Run(args) => run::run(context, args),
        LockVerb::Ls(masters) => table::list(context, &settings(context, masters)?),
        LockVerb::Show(args) => table::show(context, &settings(context, &args.masters)?, &args.name),
        LockVerb::Break(args) => take_away(context, args),
        LockVerb::Doctor(masters) => doctor::run(context, &settings(context, masters)?),
        LockVerb::Init(args) => init(context, args),
    }
}

/// The masters that are named, or the one Redis of `--redis`.
fn settings(context: &Context, masters: &Masters) -> Result<LockSettings> {
    let mut urls: Vec<String> = masters.masters.iter().filter(|url| !url.is_empty()).cloned().collect();
    if urls.is_empty() {
        urls.push(context.reach.redis.clone());
    }
    locks::settings(urls, masters.ttl_max)
}

/// Deletes a lock on all masters where it is that of the holder just seen, and what is known of its slots.
fn take_away(context: &Context, args: &LockBreak) -> Result<Ended> {
    let settings = settings(context, &args.masters)?;
    context.run(async {
        let census = Census::new(&settings).map_err(usage)?;
        let seen = table::look(&census, &args.name).await?;
        let holder = seen.holder.as_deref().unwrap_or("somebody");
        match &seen.value {
            Some(_) => context.output.remark(format_args!("{} is held by {holder}, on {}", args.name, seen.votes())),
            None => context.output.remark(format_args!("nobody has {}", args.name)),
        }
        if !args.yes && !is_meant()? {
            return Err(usage("nothing was changed: give --yes if this is meant"));
        }
        let had_slots = census.forget_slots(&args.name).await;
        let Some(value) = &seen.value else {
            return Ok(if had_slots { Ended::Yes } else { Ended::No });
        };
        let user = crate::settings::user_name().unwrap_or_else(|| "an operator".to_owned());
        let reason = args.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let why = format!("{user} took it away{reason}");
        let gone = census.take_away(&args.name, value, &why).await;
        let (deleted, masters) = (gone.iter().filter(|gone| **gone == Ok(true)).count(), gone.len());
        context.output.line(&format!("deleted on {deleted} of {masters} masters"))?;
        for (master, gone) in census.shown().iter().zip(&gone) {
            if let Err(why) = gone {
                context.output.remark(format_args!("{master}: {why}; it runs out there by itself"));
            }
        }
        // Where a majority still has it, so does its holder.
        let left = seen.held().saturating_sub(deleted);
        Ok(if left > masters / 2 || deleted == 0 { Ended::No } else { Ended::Yes })
    })
}

/// Gives new masters a vote.
fn init(context: &Context, args: &LockInit) -> Result<Ended> {
    let settings = settings(context, &args.masters)?;
    context.run(async {
        let census = Census::new(&settings).map_err(usage)?;
        let mut held = Vec::new();
        for (master, names) in census.shown().into_iter().zip(census.all().await) {
            let names = names.map_err(|why| away(format!("{master}: {why}")))?;
            let name = names.into_iter().find(|(_, seen)| seen.value.is_some());
            held.extend(name.map(|(name, _)| (master, name)));
        }
        let redlock = locks::redlock(&settings)?;
        locks::connected(&redlock, settings.masters.len(), context.reach.timeout).await;
        let standing = redlock.masters();
        if standing.iter().all(|(_, standing, _)| *standing == Some(MasterStanding::Admitted)) {
            context.output.remark("all masters have a vote: nothing is to be done");
            return Ok(Ended::Yes);
        }
        if let Some((master, name)) = held.first() {
            return Err(usage(format!(
                "{master} has the lock {name}, so it is not new: a master that was restarted gets its vote back by itself, \
                 {:?} after its start",
                locks::gate(&settings)
            )));
        }
        context.output.remark(format_args!("gives a vote at once to new masters, on which nobody can hold a lock yet: {}", census.shown().join(", ")));
        if !args.yes && !is_meant()? {
            return Err(usage("nothing was changed: give --yes if the masters are new"));
        }
        redlock.bootstrap(context.reach.timeout).await.map_err(|master| away(format!("{master} does not answer")))?;
        context.output.line(&format!("{} masters have a vote", settings.masters.len()))?;
        Ok(Ended::Yes)
    })
}

/// What keeps each master from having a vote, for those that have none.
fn without_vote(redlock: &Redlock) -> Vec<String> {
    let mut without = Vec::new();
    for (master, standing, trouble) in redlock.masters() {
        match standing {
            Some(MasterStanding::Admitted) => (),
            Some(MasterStanding::Gated { opens_ms }) => {
                let left = Duration::from_millis(opens_ms.saturating_sub(Machine.now_ms())).as_secs() + 1;
                without.push(format!("{master} was started lately and has a vote in {left} s"));
            }
            None => without.push(format!("{master}: {}", trouble.unwrap_or_else(|| "no answer yet".to_owned()))),
        }
    }
    without
}

/// Asks on a terminal; elsewhere nobody could answer.
fn is_meant() -> Result<bool> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() {
        return Ok(false);
    }
    write!(stderr, "Do it? [y/N] ")?;
    stderr.flush()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "yes"))
}
