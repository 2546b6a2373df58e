//! `sluice validator test`: cases kept as files, judged by the engine of a host under a host's limits.

mod case;
mod expectation;
mod junit;
mod ruling;
mod scenario;
mod suite;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use crate::cli::{Form, ValidatorTest};
use crate::exit::{Ended, usage};
use crate::output::{Table, printable};
use crate::space::Context;
use crate::wiring::edges::{Cost, Library, library};
use case::Case;
use ruling::Ruling;
use suite::Suite;

/// A case with what came of it.
struct Examined {
    case: Case,
    ruling: Ruling,
    cost: Cost,
    /// How found differs from expected, a line each; empty when it does not.
    faults: Vec<String>,
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
    let library = library()?;
    let examined = cases.into_iter().map(|case| judged(context, &library, &suite, case, args.update));
    let examined = examined.collect::<Result<Vec<_>>>()?;
    if let Some(path) = &args.junit {
        let report = junit::report(&suite.binding.name, &examined);
        std::fs::write(path, report).with_context(|| format!("cannot write {}", path.display()))?;
    }
    print(context, &examined)?;
    let failed = examined.iter().filter(|one| !one.faults.is_empty()).count();
    context.output.remark(format_args!("{} passed, {failed} failed", examined.len() - failed));
    Ok(if failed == 0 { Ended::Yes } else { Ended::No })
}

fn judged(context: &Context, library: &Library, suite: &Suite, case: Case, is_update: bool) -> Result<Examined> {
    let scenario = &case.scenario;
    let tried = library.try_out(&suite.component, &suite.binding, &scenario.entry, &scenario.before);
    let trial = tried.map_err(|unfit| anyhow!("hosts would refuse {}: it {}", suite.binding.name, unfit.0))?;
    let ruling = Ruling::of(trial.judgement);
    if is_update && case.expectation.decision == ruling.decision.word() {
        if let Some(path) = case.write(&ruling)? {
            context.output.remark(format_args!("wrote {}", path.display()));
        }
        return Ok(Examined { case, ruling, cost: trial.cost, faults: Vec::new() });
    }
    let faults = ruling.faults(&case.expectation, &trial.cost, &suite.binding.limits);
    Ok(Examined { case, ruling, cost: trial.cost, faults })
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
        ]
    };
    let columns = vec!["case", "result", "why", "expected", "found", "findings", "fuel", "memoryBytes", "timeUs"];
    Table { wide_from: columns.len(), columns, rows: examined.iter().map(row).collect() }
}
