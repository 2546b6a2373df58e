//! `sluice validator replay`: recorded changes before another build, and which verdicts are others now.

use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};
use sluice_core::Entry;

use super::bind::settings;
use super::component::Component;
use super::decision::Decision;
use super::recording::bound;
use super::recording::tape::{By, Moment, Recorded, Tape};
use crate::cli::{Form, ValidatorReplay};
use crate::exit::Ended;
use crate::output::Table;
use crate::space::Context;
use crate::told::{finding_line, shown};
use crate::utc::utc;
use crate::wiring::edges::{Candidate, library};

pub async fn replay(context: &Context, args: &ValidatorReplay) -> Result<Ended> {
    let tape = Tape::read(&args.file)?;
    let space = context.space()?;
    let mut proposal = match &args.binding {
        Some(name) => bound(&space.state(None).await?, name)?,
        None => tape.head.proposal.clone(),
    };
    if proposal.reads.iter().any(|glob| !tape.head.proposal.reads.contains(glob)) {
        context.output.remark("warning: the binding reads keys that were not recorded: they are absent here");
    }
    if let Some(typed) = args.settings.as_deref() {
        proposal.settings = Some(settings(typed)?);
    }
    proposal.limits.extend(args.limits.document());
    let component = Component::find(&args.component, &space).await?;
    let binding = proposal.bind(&component)?;
    let library = library()?;
    let rows = tokio::task::block_in_place(|| {
        let candidate = library.candidate(&component.bytes, &binding);
        let candidate = candidate.map_err(|unfit| anyhow!("hosts would refuse {}: it {}", component.name, unfit.0))?;
        if let Some(why) = Decision::of_settings(&candidate.configure()) {
            bail!("{}", why.why().unwrap_or_default());
        }
        let flipped = tape.moments.iter().map(|moment| flipped(context, &candidate, moment));
        flipped.filter_map(Result::transpose).collect::<Result<Vec<_>>>()
    })?;
    let count = rows.len();
    let columns = vec!["revision", "time", "keys", "was", "now", "why", "by", "outcome", "found", "findings"];
    context.output.many("Replay", &Table { columns, wide_from: 6, rows })?;
    context.output.remark(format_args!("{} changes replayed, {count} verdicts flipped", tape.moments.len()));
    Ok(if count == 0 { Ended::Yes } else { Ended::No })
}

/// The row of a change whose verdict is another now.
fn flipped(context: &Context, candidate: &Candidate<'_>, moment: &Moment) -> Result<Option<Vec<Value>>> {
    let (entry, before) = moment.scene()?;
    let trial = candidate.judge(&entry, &before).map_err(|unfit| anyhow!("{}: it {}", moment.revision, unfit.0))?;
    let (decision, findings) = Decision::of(&trial);
    if let Decision::Fault(why) = &decision {
        bail!("no verdict about {}: {why}", moment.revision);
    }
    let recorded = &moment.recorded;
    if !is_flipped(recorded, decision.word()) {
        return Ok(None);
    }
    let found: Vec<Value> = findings.iter().map(|finding| Value::Object(shown(finding))).collect();
    // What is objected to now; where nothing is, what was.
    let told = |findings: &[Value]| findings.first().and_then(Value::as_object).map(finding_line);
    let why = decision.why().map(str::to_owned).or_else(|| told(&found)).or_else(|| told(&recorded.findings));
    let is_table = matches!(context.output.form(), Form::Table | Form::Wide);
    let by = if recorded.by == By::Binding { "binding" } else { "outcome" };
    let mut row = vec![
        json!(moment.revision),
        json!(utc(entry.revision.ms)),
        keys(&entry),
        json!(recorded.decision),
        json!(decision.word()),
        json!(why),
        json!(by),
        json!(moment.outcome),
    ];
    match is_table {
        true => row.extend([json!(recorded.findings.len()), json!(found.len())]),
        false => row.extend([json!(recorded.findings), json!(found)]),
    }
    Ok(Some(row))
}

/// An outcome knows of no warnings, so there only letting pass and refusing are told apart.
fn is_flipped(recorded: &Recorded, now: &str) -> bool {
    let passes = |word: &str| ["accept", "warn"].contains(&word);
    match recorded.by {
        By::Binding => recorded.decision != now,
        By::Outcome => passes(&recorded.decision) != passes(now),
    }
}

fn keys(entry: &Entry) -> Value {
    entry.content.iter().flat_map(|change| &change.edits).map(|edit| json!(edit.key.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_another_verdict_only_where_warnings_were_known() {
        let flipped = |by, was: &str, now| {
            let recorded = Recorded { by, component: None, decision: was.to_owned(), findings: Vec::new() };
            is_flipped(&recorded, now)
        };
        assert!(flipped(By::Binding, "accept", "warn") && !flipped(By::Outcome, "accept", "warn"));
        assert!(flipped(By::Binding, "reject", "trap") && !flipped(By::Outcome, "reject", "trap"));
        assert!(flipped(By::Outcome, "accept", "reject") && !flipped(By::Binding, "accept", "accept"));
    }
}
