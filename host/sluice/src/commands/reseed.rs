//! `sluice reseed`: what hosts have comes back into a Redis that lost it.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_core::Revision;
use sluice_node::Log;
use tokio::time::{Instant, sleep};

use crate::cli::Reseed;
use crate::commands::{snapshot, status};
use crate::exit::{Ended, away, usage};
use crate::output::Table;
use crate::space::{Context, Space};
use crate::through::Through;
use crate::wiring::edges::Remains;

/// Pause between two looks at whether all hosts are there.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// `/v1/status`, what of it is used here.
#[derive(Deserialize)]
struct Stand {
    host: String,
    space: String,
    revision: String,
    index: u64,
    root: String,
    chain: String,
    source: Source,
    /// Hosts of before this say nothing.
    probation: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    state: String,
}

/// A host that may have what the log lost.
struct Candidate {
    way: Through,
    stand: Stand,
    at: Revision,
}

pub fn run(context: &Context, args: &Reseed) -> Result<Ended> {
    let space = context.space()?;
    let (hosts, chosen, remains) = context.run(async {
        let (hosts, lost) = candidates(context, &space, args).await?;
        on_hold(&hosts, args)?;
        let chosen = furthest(&hosts, args)?;
        passed_over(&hosts[chosen], &lost, args)?;
        let Candidate { stand, at, .. } = &hosts[chosen];
        let remains = space.redis.remains(*at, stand.index).await.map_err(|lost| away(lost.0))?;
        if let Some(kept) = space.snapshots().known().await.map_err(|lost| away(lost.0))?.first()
            && kept.index > stand.index
            && !args.force
        {
            let at = kept.revision;
            return Err(usage(format!(
                "Redis has a snapshot of {at}, which is further than any host: hosts come to it by themselves; --force writes over it"
            )));
        }
        Ok((hosts, chosen, remains))
    })?;
    show(context, &hosts, chosen, &remains)?;
    if matches!(remains, Remains::Other(_)) && hosts.iter().all(|host| host.stand.source.state == "ok") {
        // Just after Redis was replaced they have not noticed yet: what they say is of the one before.
        match context.run(lacking(&space, &hosts))? {
            None => {
                context.output.remark("all these hosts follow the log that is there: nothing is to be done");
                return Ok(Ended::Yes);
            }
            Some((host, at)) => context.output.remark(format_args!(
                "the log lacks {at}, the newest entry of {host}, which has not noticed yet that it is another"
            )),
        }
    }
    if let Remains::Other(log) = &remains
        && !args.force
    {
        let (first, last) = (log.first.unwrap_or_default(), log.last);
        return Err(usage(format!(
            "the log has {} entries from {first} to {last}, which this host may have or not: hosts go on by themselves where it is \
             theirs; --force sets it aside under another name and goes on without it",
            log.length
        )));
    }
    if !args.yes && !is_meant()? {
        return Err(usage("nothing was changed: give --yes if this is meant"));
    }
    context.run_unbounded(reseed(context, &space, &hosts, chosen, &remains))
}

/// The hosts that answer, and what is known of the others: name, index, and why they do not.
async fn candidates(
    context: &Context,
    space: &Space,
    args: &Reseed,
) -> Result<(Vec<Candidate>, Vec<(String, u64, String)>)> {
    let reported = space.redis.reports().await.map_err(|lost| away(lost.0))?;
    let mut asked: Vec<(String, u64)> = args.from.iter().map(|url| (url.clone(), 0)).collect();
    if args.from.is_empty() {
        asked = reported.iter().filter_map(|host| Some((host.address.clone()?, host.index))).collect();
    }
    if asked.is_empty() {
        return Err(usage("no host reports to this Redis: name them with --from URL, as often as there are hosts"));
    }
    let (mut hosts, mut lost) = (Vec::new(), Vec::new());
    for (address, index) in asked {
        let way = Through::to(context, &address)?;
        let stand = way.document("/v1/status").await.and_then(|status| {
            serde_json::from_value::<Stand>(status).with_context(|| format!("{address}: its status cannot be read"))
        });
        match stand {
            Ok(stand) if stand.space != space.redis.space().as_str() => {
                return Err(usage(format!("{address} is a host of the space {}: leave it out", stand.space)));
            }
            Ok(stand) => hosts.push(Candidate { at: stand.revision.parse()?, way, stand }),
            Err(error) if args.from.is_empty() => lost.push((address, index, format!("{error:#}"))),
            Err(error) => return Err(error),
        }
    }
    // A host that is named twice is one.
    hosts.sort_by(|a, b| a.stand.host.cmp(&b.stand.host));
    hosts.dedup_by(|a, b| a.stand.host == b.stand.host);
    Ok((hosts, lost))
}

/// The host that has most. Two that have as much of different histories are for somebody to choose from.
fn furthest(hosts: &[Candidate], args: &Reseed) -> Result<usize> {
    let place = |host: &Candidate| (host.stand.index, host.at);
    let best = (0..hosts.len()).max_by_key(|at| (place(&hosts[*at]), std::cmp::Reverse(*at)));
    let best = best.ok_or_else(|| away("no host could be reached: name their addresses with --from URL"))?;
    let (chosen, name) = (&hosts[best].stand, &hosts[best].stand.host);
    if chosen.index == 0 {
        bail!("host {name} has nothing, nor has any other that answers: restore a file with sluice snapshot restore");
    }
    let other = hosts.iter().find(|host| host.stand.index == chosen.index && host.stand.chain != chosen.chain);
    match other {
        Some(other) if !args.force => Err(usage(format!(
            "hosts {name} and {} both have {} entries, and not the same: name the one to go on with by --from URL alone",
            other.stand.host, chosen.index
        ))),
        Some(_) | None => Ok(best),
    }
}

/// The first host whose newest entry the log has not, if there is one.
async fn lacking(space: &Space, hosts: &[Candidate]) -> Result<Option<(String, Revision)>> {
    for Candidate { stand, at, .. } in hosts {
        let found = space.redis.read(*at, 1).await.map_err(|lost| away(lost.0))?;
        if *at > Revision::ZERO && found.first().is_none_or(|entry| entry.revision != *at) {
            return Ok(Some((stand.host.clone(), *at)));
        }
    }
    Ok(None)
}

/// A host on hold has more on its disk than it serves, and than it can be asked for.
fn on_hold(hosts: &[Candidate], args: &Reseed) -> Result<()> {
    let is_held = |host: &&Candidate| host.stand.probation.as_ref().is_some_and(|probation| probation.state == "held");
    match hosts.iter().find(is_held) {
        Some(Candidate { stand, .. }) if !args.force => Err(usage(format!(
            "host {} is on hold: it serves the older set of {} and has more on its disk, which would be lost; remove the file \
             probation in its data folder and wait until it has loaded it, or go on without it by --force",
            stand.host, stand.revision
        ))),
        Some(_) | None => Ok(()),
    }
}

/// A host that says it is further and does not answer must not be passed over by accident.
fn passed_over(chosen: &Candidate, lost: &[(String, u64, String)], args: &Reseed) -> Result<()> {
    match lost.iter().find(|(_, index, _)| *index > chosen.stand.index) {
        Some((address, index, why)) if !args.force => Err(usage(format!(
            "{address} reports {index} entries, more than the {} of {}, and does not answer ({why}): name its admin address \
             with --from URL, or give --force to go on without",
            chosen.stand.index, chosen.stand.host
        ))),
        Some(_) | None => Ok(()),
    }
}

fn show(context: &Context, hosts: &[Candidate], chosen: usize, remains: &Remains) -> Result<()> {
    let row = |(at, host): (usize, &Candidate)| {
        let Candidate { stand, way, .. } = host;
        let is_chosen = if at == chosen { "yes" } else { "" };
        vec![
            json!(stand.host),
            json!(stand.revision),
            json!(stand.index),
            json!(stand.root),
            json!(stand.source.state),
            json!(is_chosen),
            json!(way.base()),
        ]
    };
    let rows: Vec<Vec<Value>> = hosts.iter().enumerate().map(row).collect();
    let columns = vec!["host", "revision", "index", "root", "source", "chosen", "address"];
    context.output.many("Reseed", &Table { columns, wide_from: 7, rows })?;
    let Stand { host, revision, .. } = &hosts[chosen].stand;
    context.output.remark(match remains {
        Remains::Nothing => format!("Redis has no log: it will go on behind {revision}, with what {host} serves"),
        Remains::Later(entries) => format!(
            "Redis has {entries} entries, all later than {revision}: they stay, and come behind what {host} serves"
        ),
        Remains::Behind => format!("the log goes on behind {revision} already: only the snapshot is written"),
        Remains::Other(log) => format!("Redis has {} other entries", log.length),
    });
    Ok(())
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

async fn reseed(
    context: &Context,
    space: &Space,
    hosts: &[Candidate],
    chosen: usize,
    remains: &Remains,
) -> Result<Ended> {
    let redis = &space.redis;
    let Candidate { way, stand, .. } = &hosts[chosen];
    let (archive, missing) = way.snapshot().await?;
    let (at, index) = (archive.manifest.cursor, archive.manifest.index);
    if index < stand.index {
        bail!("host {} went back from {} to {at} meanwhile: look at it and try again", stand.host, stand.revision);
    }
    if missing > 0 {
        context.output.remark(format_args!(
            "{missing} components or blobs are not to be had from host {}: push them again, or new hosts cannot judge",
            stand.host
        ));
    }
    let lease = snapshot::lease(space).await?;
    let written = space.shelf().restore(archive, &lease).await;
    let kept = snapshot::done(space, &lease, written).await?;
    if let Remains::Other(_) = remains {
        let aside = redis.set_log_aside().await.map_err(|lost| away(lost.0))?;
        context.output.remark(format_args!("the log that was there is {aside} now"));
    }
    if !matches!(remains, Remains::Behind) {
        // It may be of the log that was there, and this one does not tell.
        space.shelf().forget_past().await.map_err(|lost| away(lost.0))?;
    }
    redis.put_before(at, index).await.map_err(|lost| away(lost.0))?;
    context.output.remark(format_args!("the log goes on behind {at}, entry {index}, with {} keys", kept.keys));
    converged(context, space, hosts, index).await
}

/// Waits until all hosts that live are behind the snapshot, and alike.
async fn converged(context: &Context, space: &Space, hosts: &[Candidate], index: u64) -> Result<Ended> {
    let deadline = Instant::now() + context.reach.timeout;
    loop {
        let fleet = status::fleet(space).await?;
        let is_there = |name: &str| fleet.live().any(|report| report.host == *name && report.index >= index);
        let missing: Vec<&str> =
            hosts.iter().map(|host| host.stand.host.as_str()).filter(|name| !is_there(name)).collect();
        if missing.is_empty() && fleet.is_converged() {
            context.output.remark(fleet.summary());
            return Ok(Ended::Yes);
        }
        if Instant::now() >= deadline {
            let missing = match missing.is_empty() {
                true => String::new(),
                false => format!("; not there yet: {}", missing.join(", ")),
            };
            return Err(anyhow!("{}{missing}: see sluice status", fleet.summary()));
        }
        sleep(LOOK_PAUSE).await;
    }
}
