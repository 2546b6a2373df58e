//! `sluice validator test`: cases kept as files, judged by the engine of a host under a host's limits.

mod case;
mod expectation;
mod junit;
mod ruling;
mod snapshot;
mod suite;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use super::decision::Decision;
use super::journal;
use crate::cli::{Form, ValidatorTest};
use crate::exit::{Ended, usage};
use crate::output::{Table, printable};
use crate::space::Context;
use crate::wiring::edges::{Candidate, Cost, Journal, library};
use case::Case;
use ruling::Ruling;
use snapshot::Snapshot;
use suite::Suite;

/// How often `--watch` looks at the files.
const LOOK: Duration = Duration::from_millis(300);

/// A case with what came of it.
struct Examined {
    case: Case,
    ruling: Ruling,
    cost: Cost,
    journal: Journal,
    backtrace: Vec<String>,
    /// How found differs from expected, a line each; empty when it does not.
    faults: Vec<String>,
}

/// Tests again after each change of a file, until it is interrupted.
pub async fn watch(context: &Context, args: &ValidatorTest) -> Result<Ended> {
    let watched = async {
        loop {
            let look = || Snapshot::of(&Suite::places(args), args.junit.as_deref());
            let seen = look();
            // Half-written files are no reason to end: the next change comes soon.
            if let Err(error) = tokio::task::block_in_place(|| examine(context, args)) {
                context.output.remark(format_args!("error: {error:#}"));
            }
            context.output.remark("waiting for a change; ctrl-C ends");
            while look() == seen {
                tokio::time::sleep(LOOK).await;
            }
        }
    };
    tokio::select! {
        ended = watched => ended,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| Ended::Yes)?),
    }
}

pub fn examine(context: &Context, args: &ValidatorTest) -> Result<Ended> {
    let suite = Suite::read(args)?;
    if let Some(source) = &suite.newer {
        let remedy = "what it says now is not tested before sluice validator build";
        context.output.remark(format_args!("warning: {} is newer than the component: {remedy}", source.display()));
    }
    let cases = suite.cases(args.run.as_deref())?;
    if cases.is_empty() {
        let wanted = args.run.as_ref().map_or_else(String::new, |glob| format!(" that match {glob}"));
        let remedy = "add files such as good.accept.json and bad.reject.json";
        return Err(usage(format!("there are no cases{wanted} in {}: {remedy}", suite.folder.display())));
    }
    let examined = judged(context, &suite, cases, args.update)?;
    if let Some(path) = &args.junit {
        let report = junit::report(&suite.binding.name, &examined);
        std::fs::write(path, report).with_context(|| format!("cannot write {}", path.display()))?;
    }
    print(context, &examined)?;
    let failed = examined.iter().filter(|one| !one.faults.is_empty()).count();
    context.output.remark(format_args!("{} passed, {failed} failed", examined.len() - failed));
    Ok(if failed == 0 { Ended::Yes } else { Ended::No })
}

fn judged(context: &Context, suite: &Suite, cases: Vec<Case>, is_update: bool) -> Result<Vec<Examined>> {
    let library = library()?;
    let candidate = library.candidate(&suite.component, &suite.binding);
    let candidate = candidate.map_err(|unfit| anyhow!("hosts would refuse {}: it {}", suite.binding.name, unfit.0))?;
    // A host that would not bind it asks it about no change.
    let unbound = Decision::of_settings(&candidate.configure());
    let one = |case: Case| examined(&candidate, unbound.clone(), case);
    let mut examined = cases.into_iter().map(one).collect::<Result<Vec<_>>>()?;
    for one in
        examined.iter_mut().filter(|one| is_update && one.case.expectation.decision == one.ruling.decision.word())
    {
        if let Some(path) = one.case.write(&one.ruling)? {
            context.output.remark(format_args!("wrote {}", path.display()));
        }
        one.faults.clear();
    }
    Ok(examined)
}

fn examined(candidate: &Candidate<'_>, unbound: Option<Decision>, case: Case) -> Result<Examined> {
    let (ruling, cost, journal, backtrace) = match unbound {
        Some(why) => (Ruling::unasked(why), Cost::default(), Journal::default(), Vec::new()),
        None => {
            let scenario = &case.scenario;
            let trial = candidate.judge(&scenario.entry, &scenario.before);
            let trial = trial.map_err(|unfit| anyhow!("case {}: the validator {}", case.name, unfit.0))?;
            (Ruling::of(&trial), trial.cost, trial.journal, trial.backtrace)
        }
    };
    let faults = ruling.faults(&case.expectation);
    Ok(Examined { case, ruling, cost, journal, backtrace, faults })
}

fn print(context: &Context, examined: &[Examined]) -> Result<()> {
    let output = &context.output;
    if !matches!(output.form(), Form::Table | Form::Wide) {
        return Ok(output.many("ValidatorTest", &table(examined))?);
    }
    let paint = |text: &str, code: u8| match output.has_colors() {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    for one in examined {
        let word = if one.faults.is_empty() { paint("ok", 32) } else { paint("FAILED", 31) };
        let name = printable(&one.case.name);
        output.line(&format!("{word}\t{name}\t{}\t{} fuel", one.ruling.decision.word(), one.cost.fuel))?;
        for fault in &one.faults {
            let code = match fault.as_bytes().first() {
                Some(b'-') => 31,
                Some(b'+') => 32,
                _ => 0,
            };
            output.line(&format!("\t{}", paint(&printable(fault), code)))?;
        }
        if !one.faults.is_empty() {
            let told = journal::lines(&one.journal).into_iter().chain(journal::trace(context, &one.backtrace));
            told.into_iter().try_for_each(|line| output.line(&format!("\t{line}")))?;
        }
    }
    Ok(())
}

fn table(examined: &[Examined]) -> Table {
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let row = |one: &Examined| -> Vec<Value> {
        vec![
            json!(one.case.name),
            json!(if one.faults.is_empty() { "ok" } else { "failed" }),
            json!(one.faults),
            json!(one.case.expectation),
            json!(one.ruling.expectation()),
            json!(one.ruling.findings),
            json!(one.cost.fuel),
            json!(one.cost.memory_bytes),
            json!(us(one.cost.time)),
            journal::told(&one.journal),
        ]
    };
    let columns =
        vec!["case", "result", "why", "expected", "found", "findings", "fuel", "memoryBytes", "timeUs", "log"];
    Table { wide_from: columns.len(), columns, rows: examined.iter().map(row).collect() }
}
