//! `sluice status`: how far the fleet is, or one host.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value, json};
use sluice_node::Kept;
use sluice_node::hub::wall_ms;
use tokio::time::{sleep, timeout};

use crate::cli::{Form, Status};
use crate::exit::{Ended, away, usage};
use crate::fleet::Fleet;
use crate::output::{Output, printable};
use crate::space::{Context, Space};
use crate::through::Through;
use crate::told::finding_line;
use crate::utc::ago;
use crate::wiring::edges::HostReport;

/// Pause between two looks of `--watch`.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

pub fn run(context: &Context, args: &Status) -> Result<Ended> {
    if let Some(host) = Through::of(context)? {
        if args.watch {
            return Err(usage("--watch asks Redis again and again: leave --host (or SLUICE_HOST) out"));
        }
        return context.run(of_host(context, &host, args.id.as_deref()));
    }
    let space = context.space()?;
    if args.watch {
        return context.run_unbounded(watch(context, &space, args.id.as_deref()));
    }
    let (fleet, newest) = context.run(async { Ok((fleet(&space).await?, newest(&space).await)) })?;
    let ended = show(&context.output, &fleet, args.id.as_deref())?;
    if let Some(kept) = newest {
        let age = ago(fleet.now_ms.saturating_sub(kept.written_at_ms));
        context.output.remark(format_args!("newest snapshot of {}, {} keys, {age} old", kept.revision, kept.keys));
    }
    Ok(ended)
}

/// The newest snapshot. One that cannot be told about is for the doctor.
async fn newest(space: &Space) -> Option<Kept> {
    space.snapshots().known().await.ok()?.into_iter().next()
}

/// What hosts report now.
pub async fn fleet(space: &Space) -> Result<Fleet> {
    let hosts = space.redis.hosts().await.map_err(|lost| away(lost.0))?;
    let log = space.redis.stream().await.map_err(|lost| away(lost.0))?;
    // A fleet's standing is told also where we may not ask about the server.
    let server = space.redis.server_glance().await.ok();
    Ok(Fleet { hosts, log, server, now_ms: wall_ms() })
}

fn show(output: &Output, fleet: &Fleet, id: Option<&str>) -> Result<Ended> {
    if let Some(id) = id {
        return one(output, report_of(fleet, id)?);
    }
    let is_short = matches!(output.form(), Form::Table | Form::Wide);
    output.many("Status", &fleet.table(is_short))?;
    output.remark(fleet.summary());
    if let Some(server) = fleet.server() {
        output.remark(server);
    }
    Ok(if fleet.is_converged() { Ended::Yes } else { Ended::No })
}

/// Prints again whenever more than the reports' age has changed, until ctrl-C.
async fn watch(context: &Context, space: &Space, id: Option<&str>) -> Result<Ended> {
    let looked = async {
        let mut before = None;
        loop {
            let late = |_| away(format!("no answer within {:?}: wait longer with --timeout", space.timeout));
            let fleet = timeout(space.timeout, fleet(space)).await.map_err(late)?;
            match fleet {
                Ok(fleet) => {
                    let now: Vec<_> = fleet.hosts.iter().map(|seen| seen.report.clone().map(ageless)).collect();
                    if before.as_ref() != Some(&now) {
                        show(&context.output, &fleet, id)?;
                        before = Some(now);
                    }
                }
                // What was there a moment ago may come back; what never was is the caller's mistake.
                Err(error) if before.is_some() => context.output.remark(format_args!("{error:#}")),
                Err(error) => return Err(error),
            }
            sleep(LOOK_PAUSE).await;
        }
    };
    tokio::select! {
        ended = looked => ended,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| Ended::Yes).map_err(Into::into),
    }
}

fn ageless(report: HostReport) -> HostReport {
    HostReport { reported_at_ms: 0, ..report }
}

fn report_of<'a>(fleet: &'a Fleet, id: &str) -> Result<&'a HostReport> {
    match fleet.hosts.iter().find(|seen| seen.host == id) {
        Some(seen) => seen.report.as_ref().ok_or_else(|| {
            let age = crate::utc::ago(fleet.now_ms.saturating_sub(seen.seen_ms));
            anyhow!("host {id} has been silent for {age}: see whether it runs")
        }),
        None => {
            let known: Vec<&str> = fleet.hosts.iter().map(|seen| seen.host.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("no host {id:?} was heard of within a day: known are {known}")
        }
    }
}

/// One report in full. Yes when nothing keeps the host from going on.
fn one(output: &Output, report: &HostReport) -> Result<Ended> {
    let Value::Object(mut fields) = json!(report) else { bail!("a report is an object") };
    fields.shift_remove("apiVersion");
    fields.insert("state".to_owned(), crate::fleet::state(report).into());
    if matches!(output.form(), Form::Table | Form::Wide) {
        for name in ["held", "refusals", "labels"] {
            fields.shift_remove(name);
        }
        output.one("Host", fields)?;
        details(output, report)?;
    } else {
        output.one("Host", fields)?;
    }
    Ok(if crate::fleet::state(report) == "ok" { Ended::Yes } else { Ended::No })
}

fn details(output: &Output, report: &HostReport) -> Result<()> {
    for (name, value) in &report.labels {
        output.line(&format!("label\t{}\t{}", printable(name), printable(value)))?;
    }
    for held in &report.held {
        let why = held.why.as_deref().unwrap_or("it waits behind another change");
        output.line(&format!("held\t{}\t{}\t{}", held.revision, held.keys.join(","), printable(why)))?;
    }
    for refusal in report.refusals.iter().rev() {
        let (keys, message) = (refusal.keys.join(","), printable(&refusal.message));
        output.line(&format!("refused\t{}\t{}\t{keys}\t{message}", refusal.revision, refusal.class))?;
        for finding in &refusal.findings {
            if let Value::Object(finding) = json!(finding) {
                output.line(&format!("\t{}", finding_line(&finding)))?;
            }
        }
    }
    Ok(())
}

/// What a host says of itself over HTTP.
async fn of_host(context: &Context, host: &Through, id: Option<&str>) -> Result<Ended> {
    let Value::Object(mut fields) = host.document("/v1/status").await? else {
        bail!("the host's status is no object: is it a sluice host?");
    };
    let text = |fields: &Map<String, Value>, path: &str| {
        fields.get(path).and_then(|value| value.get("state")).and_then(Value::as_str).map(str::to_owned)
    };
    let name = fields.get("host").and_then(Value::as_str).unwrap_or_default();
    if let Some(id) = id.filter(|id| *id != name) {
        bail!("the host there is {name:?}, not {id:?}: leave --host out to ask Redis");
    }
    let is_ok = ["source", "store"].iter().all(|part| text(&fields, part).as_deref() == Some("ok"));
    let is_decided = fields.get("held").and_then(Value::as_array).is_some_and(Vec::is_empty);
    fields.shift_remove("apiVersion");
    context.output.one("Host", fields)?;
    Ok(if is_ok && is_decided { Ended::Yes } else { Ended::No })
}
