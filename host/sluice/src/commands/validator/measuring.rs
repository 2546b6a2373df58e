//! `sluice validator bench`: what a component costs here, and how that compares with a time before.

mod baseline;
mod stopwatch;

use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use super::component::Component;
use super::decision::Decision;
use super::scenario::Scenario;
use super::trial::proposed;
use crate::cli::ValidatorBench;
use crate::exit::Ended;
use crate::output::Table;
use crate::space::Context;
use crate::wiring::edges::{Binding, Candidate, Library, LibrarySettings};
use baseline::Baseline;
use stopwatch::{calls, calls_per_second, ms, us};

/// One thing measured.
struct Measure {
    name: &'static str,
    unit: &'static str,
    value: f64,
    /// Whether more is better.
    is_speed: bool,
}

pub async fn bench(context: &Context, args: &ValidatorBench) -> Result<Ended> {
    let scenario = match (&args.case, &args.value) {
        (Some(folder), _) => Scenario::of_folder(folder)?,
        (None, value) => Scenario::of_typed(&args.document, value.as_deref().unwrap_or_default())?,
    };
    let component = Component::find(&args.component, &context.space()?).await?;
    let binding = proposed(&args.document)?.bind(&component)?;
    let before = args.baseline.as_deref().map(Baseline::read).transpose()?;
    let measures = tokio::task::block_in_place(|| measured(context, &component, &binding, &scenario, args.runs))?;
    if let Some(path) = &args.save {
        Baseline::of(&component.digest.to_string(), &measures).write(path)?;
    }
    print(context, &measures, before.as_ref())?;
    let Some((most, before)) = args.max_ratio.zip(before) else { return Ok(Ended::Yes) };
    let worse: Vec<_> = measures.iter().filter(|measure| before.worse(measure).is_some_and(|by| by > most)).collect();
    for measure in &worse {
        context.output.remark(format_args!("{} is worse by more than {most} times", measure.name));
    }
    Ok(if worse.is_empty() { Ended::Yes } else { Ended::No })
}

/// In the order a host does these things: compiled once, taken from disk at each start, an image where one can be
/// made, then calls.
fn measured(
    context: &Context,
    component: &Component,
    binding: &Binding,
    scenario: &Scenario,
    runs: u32,
) -> Result<Vec<Measure>> {
    let unfit = |why: String| anyhow!("hosts would refuse {}: it {why}", component.name);
    // Its own, so that compiling is not spared by what is there from before.
    let folder = tempfile::tempdir().context("cannot make a folder for compiled components")?;
    let open = || {
        let settings = LibrarySettings { cache: Some(folder.path().to_owned()), ..LibrarySettings::default() };
        Library::open(&settings).context("cannot set up the validators' engine")
    };
    let inspection = open()?.inspect(&component.bytes);
    if let Some(why) = inspection.refusal {
        return Err(unfit(why));
    }
    let library = open()?;
    let begun = Instant::now();
    let candidate = library.candidate(&component.bytes, binding).map_err(|unfit_| unfit(unfit_.0))?;
    let mut measures = vec![ms("compile", inspection.compile_time), ms("load", begun.elapsed())];
    tell(context, &candidate, scenario)?;

    let plain = calls(&candidate, scenario, runs)?;
    measures.extend([us("call-p50", plain.quantile(0.5)), us("call-p99", plain.quantile(0.99))]);
    let begun = Instant::now();
    match library.bake(&component.bytes, binding) {
        Ok(()) => measures.push(ms("image", begun.elapsed())),
        Err(why) => context.output.remark(format_args!("no image can be made of it: {}", why.0)),
    }
    let candidate = library.candidate(&component.bytes, binding).map_err(|unfit_| unfit(unfit_.0))?;
    if candidate.has_image() {
        let imaged = calls(&candidate, scenario, runs)?;
        measures.extend([us("image-call-p50", imaged.quantile(0.5)), us("image-call-p99", imaged.quantile(0.99))]);
    }
    let cost = plain.cost();
    measures.extend([
        Measure { name: "fuel", unit: "units", value: cost.fuel as f64, is_speed: false },
        Measure { name: "configure-fuel", unit: "units", value: plain.configured_fuel() as f64, is_speed: false },
        Measure { name: "memory", unit: "bytes", value: cost.memory_bytes as f64, is_speed: false },
        calls_per_second("calls-1-thread", &candidate, scenario, (1, runs))?,
        calls_per_second("calls-2-threads", &candidate, scenario, (2, runs))?,
    ]);
    Ok(measures)
}

/// What is measured should be what was meant: a validator that refuses at once is fast.
fn tell(context: &Context, candidate: &Candidate<'_>, scenario: &Scenario) -> Result<()> {
    if let Some(why) = Decision::of_settings(&candidate.configure()) {
        bail!("{}", why.why().unwrap_or_default());
    }
    let trial = candidate.judge(&scenario.entry, &scenario.before).map_err(|unfit| anyhow!(unfit.0))?;
    let (decision, _) = Decision::of(&trial);
    match decision.why() {
        None => context.output.remark(format_args!("measured is a call that ends with {}", decision.word())),
        Some(why) => {
            context.output.remark(format_args!("measured is a call that ends with {}: {why}", decision.word()))
        }
    }
    Ok(())
}

fn print(context: &Context, measures: &[Measure], before: Option<&Baseline>) -> Result<()> {
    let row = |measure: &Measure| -> Vec<Value> {
        let was = before.and_then(|before| before.value(measure.name));
        let mut row = vec![json!(measure.name), number(measure.value), json!(measure.unit)];
        if before.is_some() {
            let ratio = was.filter(|was| *was > 0.0).map(|was| measure.value / was);
            row.extend([was.map(number).unwrap_or_default(), ratio.map(number).unwrap_or_default()]);
        }
        row
    };
    let mut columns = vec!["measure", "now", "unit"];
    columns.extend(before.iter().flat_map(|_| ["before", "ratio"]));
    let rows = measures.iter().map(row).collect();
    Ok(context.output.many("Bench", &Table { wide_from: columns.len(), columns, rows })?)
}

/// Without digits that mean nothing: no clock here is that good.
fn number(value: f64) -> Value {
    match value.fract() == 0.0 && value.abs() < 9e15 {
        true => json!(value as i64),
        false => json!((value * 1000.0).round() / 1000.0),
    }
}
