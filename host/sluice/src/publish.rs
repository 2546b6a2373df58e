//! From edits to an outcome: what `put`, `delete`, `apply` and `validator bind` have in common.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sluice_core::{Entry, Key, Lost, Outcome, Revision, State};
use sluice_node::{AppendError, Blobs, Log};

use crate::cli::PublishArgs;
use crate::draft::{Draft, Edit};
use crate::exit::{Ended, away};
use crate::space::{Context, Space};
use crate::told::Told;
use crate::wiring::edges::HostReport;

/// First pause between two looks at the hosts' reports, and the longest.
const LOOK_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// Publishes one change and prints what became of it.
pub async fn publish(
    context: &Context,
    space: &Space,
    edits: &[Edit],
    bases: &[(Key, Revision)],
    args: &PublishArgs,
) -> Result<Ended> {
    let draft = Draft::new(edits, bases, args)?;
    if args.dry_run {
        let (revision, outcome) = judged_here(space, &draft).await?;
        return Told::of(&outcome).print(context, revision, "dry run: nothing was appended");
    }
    for (blob, bytes) in draft.blobs {
        let stored = space.redis.store(bytes).await.map_err(|lost| away(lost.0))?;
        anyhow::ensure!(stored == blob, "blob {} was stored as {}", blob.digest, stored.digest);
    }
    let token = draft.token;
    let revision = space.redis.append(draft.fields).await.map_err(|error| match error {
        // Nobody can tell whether it was appended; with the same token a retry is the same change.
        AppendError::Away(_) => away(format!("{error}: retry with --token {token}")),
        AppendError::Refused(_) => anyhow::Error::new(error),
    })?;
    // From here on the change is in the log, whatever happens: no failure may hide its revision.
    let mut so_far = format!("{revision} is appended, but no outcome came in time: look with sluice show {revision}");
    let followed = follow(context, space, revision, args, &mut so_far);
    match tokio::time::timeout_at(context.deadline().into(), followed).await {
        Ok(result) => result,
        Err(_) => Err(away(so_far)),
    }
}

/// The outcome a change would have if it came next, by the real fold on a copy.
pub async fn judged_here(space: &Space, draft: &Draft) -> Result<(Revision, Outcome)> {
    let replica = space.replica()?;
    let mut state = replica.fold(None, |_, _, _| ()).await?;
    let revision = Revision { seq: state.cursor.seq + 1, ..state.cursor };
    let outcome = replica.step(&mut state, Arc::new(draft.entry(revision))).await?;
    Ok((revision, outcome))
}

/// Waits for the outcome: from the first host that has it, then until enough hosts have it. `so_far` is
/// what to say if the time runs out.
async fn follow(
    context: &Context,
    space: &Space,
    revision: Revision,
    args: &PublishArgs,
    so_far: &mut String,
) -> Result<Ended> {
    let lost = |lost: Lost| away(format!("{revision} is appended, but its outcome is not known: {}", lost.0));
    let mut pause = LOOK_PAUSE.0;
    loop {
        let reports = space.redis.reports().await.map_err(lost)?;
        let there: Vec<&HostReport> = reports.iter().filter(|report| has(report, revision)).collect();
        let wanted = args.wait.map_or(1, |share| share.of(reports.len()));
        if reports.is_empty() || there.len() >= wanted {
            let told = match there.iter().find_map(|report| Told::from_report(report, revision)) {
                Some(told) => told,
                None => Told::of(&replayed(space, revision).await?),
            };
            let remark = match reports.len() {
                0 => "no host is up: the outcome was worked out here".to_owned(),
                live => format!("{} of {live} hosts have it", there.len()),
            };
            return told.print(context, revision, &remark);
        }
        *so_far = unfinished(&reports, there.len(), revision);
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOK_PAUSE.1);
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
    format!("{revision} is appended, but only {there} of {} hosts have it{why}: look with sluice status", reports.len())
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
