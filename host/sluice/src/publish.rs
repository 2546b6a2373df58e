//! From edits to an outcome: what `put`, `delete`, `apply` and `validator bind` have in common.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use sluice_core::{Entry, Key, Outcome, Revision, State};
use sluice_node::{AppendError, Blobs, Log};

use crate::cli::{PublishArgs, Share, Time};
use crate::draft::{self, Draft, Edit};
use crate::exit::{Ended, Failure, away, usage};
use crate::space::{Context, Space};
use crate::through::Through;
use crate::told::Told;
use crate::way::Way;
use crate::wiring::edges::{Durability, HostReport};

/// First pause between two looks at the hosts' reports, and the longest.
const LOOK_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// What a host is given less than `--timeout` to wait for an outcome, so that its answer comes in time.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Publishes one change and prints what became of it.
pub async fn publish(
    context: &Context,
    way: &Way,
    edits: &[Edit],
    bases: &[(Key, Revision)],
    args: &PublishArgs,
) -> Result<Ended> {
    match way {
        Way::Redis(space) => append(context, space, Draft::new(edits, bases, args)?, args).await,
        Way::Host(host) => post(context, host, edits, bases, args).await,
    }
}

async fn append(context: &Context, space: &Space, draft: Draft, args: &PublishArgs) -> Result<Ended> {
    if args.dry_run {
        let (revision, outcome) = judged_here(space, &draft).await?;
        return Told::of(&outcome).print(context, Some(revision), "dry run: nothing was appended");
    }
    let token = draft.token.clone();
    let (revision, shortfall) = appended(space, draft, args.durable).await?;
    let ended = in_time(context, revision, async |so_far| {
        let reports = async || Ok(space.redis.reports().await.map_err(|lost| away(lost.0))?);
        let reports = gathered(reports, revision, args.wait, so_far).await?;
        let told = match there(&reports, revision).find_map(|report| Told::from_report(report, revision)) {
            Some(told) if args.from.is_some_and(|Time(ms)| ms > revision.ms) => told.scheduled(),
            Some(told) => told,
            None => Told::of(&replayed(space, revision).await?),
        };
        told.print(context, Some(revision), &shared(&reports, revision))
    })
    .await;
    let Some(why) = shortfall else { return ended };
    let repeat = format!("repeat it with --token {token}, which applies it once");
    let why = format!("{}: {repeat}", AppendError::Indeterminate { revision: Some(revision), why });
    match ended {
        Ok(Ended::Yes) => Err(Failure::Indeterminate(why).into()),
        // What was refused may be lost.
        Ok(ended @ (Ended::No | Ended::Raced | Ended::Code(_))) => Ok(ended),
        Err(error) => Err(Failure::Indeterminate(format!("{why}; {error:#}")).into()),
    }
}

/// Publishes without waiting for what becomes of it. Tells what is missing from the durability asked for.
pub async fn appended(space: &Space, draft: Draft, durable: Option<Durability>) -> Result<(Revision, Option<String>)> {
    for (blob, bytes) in draft.blobs {
        let stored = space.redis.store(bytes).await.map_err(|lost| away(lost.0))?;
        anyhow::ensure!(stored == blob, "blob {} was stored as {}", blob.digest, stored.digest);
    }
    let token = draft.token;
    let appended = match durable {
        None => space.redis.append(draft.fields).await.map(|revision| (revision, None)),
        Some(level) => {
            let appended = space.redis.append_durably(&draft.fields, level).await;
            appended.map(|appended| (appended.revision, appended.shortfall))
        }
    };
    appended.map_err(|error| match error {
        AppendError::Away(_) => away(format!("{error}: retry with --token {token}")),
        AppendError::Indeterminate { .. } => indeterminate(&error, &token),
        AppendError::Refused(_) => anyhow::Error::new(error),
    })
}

/// Nobody can tell whether it was appended; with the same token a retry is the same change.
fn indeterminate(why: impl Display, token: &str) -> anyhow::Error {
    Failure::Indeterminate(format!("{why}: retry with --token {token}, which applies it once")).into()
}

/// Runs what follows an append. From there on the change is in the log, whatever happens: no failure may
/// hide its revision. The work keeps what to say should the time run out.
async fn in_time(
    context: &Context,
    revision: Revision,
    follow: impl AsyncFnOnce(&mut String) -> Result<Ended>,
) -> Result<Ended> {
    let mut so_far = format!("{revision} is appended, but no outcome came in time: look with sluice show {revision}");
    match tokio::time::timeout_at(context.deadline().into(), follow(&mut so_far)).await {
        Ok(result) => result,
        Err(_) => Err(away(so_far)),
    }
}

/// Publishes through a host, which waits for the outcome itself.
async fn post(
    context: &Context,
    host: &Through,
    edits: &[Edit],
    bases: &[(Key, Revision)],
    args: &PublishArgs,
) -> Result<Ended> {
    if let Some(level) = args.durable {
        return Err(usage(format!("--durable={level}: how durable a host appends is its own setting: leave it out")));
    }
    let token = draft::token(args);
    let change = draft::document(edits, bases, args, &token);
    let path = if args.dry_run { "/v1/changes?dry_run=true" } else { "/v1/changes" };
    let left = context.deadline().saturating_duration_since(Instant::now());
    let asked = host.publish(path, &change, left.saturating_sub(ANSWER_TIME).as_secs());
    let answer = match tokio::time::timeout_at(context.deadline().into(), asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return Err(match error.downcast_ref() {
                Some(Failure::Away(_)) if !args.dry_run => away(format!("{error:#}: retry with --token {token}")),
                Some(Failure::Indeterminate(_)) if !args.dry_run => indeterminate(format!("{error:#}"), &token),
                Some(_) | None => error,
            });
        }
        Err(_) if args.dry_run => return Err(away(format!("host {} did not answer in time", host.base()))),
        Err(_) => return Err(indeterminate(format!("host {} did not answer in time", host.base()), &token)),
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let revision: Option<Revision> = text("revision").parse().ok();
    match (Told::from_answer(&answer), revision) {
        (Some(told), Some(revision)) => {
            in_time(context, revision, async |so_far| {
                if args.wait.is_none() {
                    return told.print(context, Some(revision), &format!("{} has it", host.base()));
                }
                let reports = async || Ok(host.hosts().await?.into_iter().filter_map(|seen| seen.report).collect());
                let reports = gathered(reports, revision, args.wait, so_far).await?;
                told.print(context, Some(revision), &shared(&reports, revision))
            })
            .await
        }
        (Some(told), None) => told.print(context, None, "nothing was appended"),
        (None, Some(at)) => Err(away(format!("{at} is appended, but {}: look with sluice show {at}", text("why")))),
        (None, None) => Err(away(format!("no outcome: {}", text("why")))),
    }
}

/// The outcome a change would have if it came next, by the real fold on a copy.
async fn judged_here(space: &Space, draft: &Draft) -> Result<(Revision, Outcome)> {
    let replica = space.replica()?;
    let mut state = replica.fold(None, |_, _, _| ()).await?;
    let revision = Revision { seq: state.cursor.seq + 1, ..state.cursor };
    let outcome = replica.step(&mut state, Arc::new(draft.entry(revision))).await?;
    Ok((revision, outcome))
}

/// Waits until enough of the live hosts have the change, one unless told, or none is up. `so_far` is what to
/// say if the time runs out.
async fn gathered(
    reports: impl AsyncFn() -> Result<Vec<HostReport>>,
    revision: Revision,
    share: Option<Share>,
    so_far: &mut String,
) -> Result<Vec<HostReport>> {
    let mut pause = LOOK_PAUSE.0;
    loop {
        let lost = |error| away(format!("{revision} is appended, but which hosts have it is not known: {error:#}"));
        let reports = reports().await.map_err(lost)?;
        let count = there(&reports, revision).count();
        if reports.is_empty() || count >= share.map_or(1, |share| share.of(reports.len())) {
            return Ok(reports);
        }
        *so_far = unfinished(&reports, count, revision);
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOK_PAUSE.1);
    }
}

fn there(reports: &[HostReport], revision: Revision) -> impl Iterator<Item = &HostReport> {
    reports.iter().filter(move |report| has(report, revision))
}

fn shared(reports: &[HostReport], revision: Revision) -> String {
    match reports.len() {
        0 => "no host is up: the outcome was worked out here".to_owned(),
        live => format!("{} of {live} hosts have it", there(reports, revision).count()),
    }
}

fn has(report: &HostReport, revision: Revision) -> bool {
    let is_past = report.revision.parse::<Revision>().is_ok_and(|cursor| cursor >= revision);
    let shown = revision.to_string();
    is_past && !report.held.iter().any(|held| held.revision == shown) && !report.held_others.contains(&shown)
}

fn unfinished(reports: &[HostReport], there: usize, revision: Revision) -> String {
    let held = reports.iter().flat_map(|report| report.held.iter().map(move |held| (report, held)));
    let ours = held.into_iter().find(|(_, held)| held.revision == revision.to_string());
    let why = ours.map_or(String::new(), |(report, held)| {
        format!("; host {} holds it: {}", report.host, held.why.as_deref().unwrap_or("it waits behind another change"))
    });
    format!(
        "{revision} is appended, but only {there} of {} hosts have it{why}: look with sluice status, or wait longer with --timeout",
        reports.len()
    )
}

async fn replayed(space: &Space, revision: Revision) -> Result<Outcome> {
    let mut found = None;
    let see = |entry: &Entry, outcome: &Outcome, _: &State| {
        if entry.revision == revision {
            found = Some(outcome.clone());
        }
    };
    space.replica()?.fold(Some(revision), see).await?;
    found.ok_or_else(|| away(format!("{revision} is no longer in the log")))
}
