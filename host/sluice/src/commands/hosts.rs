//! `sluice hosts`: who is there.

use anyhow::Result;
use serde_json::{Value, json};

use crate::exit::Ended;
use crate::output::Table;
use crate::space::Context;
use crate::utc::utc;
use crate::way::Way;
use crate::wiring::edges::{HostReport, Seen};

pub fn run(context: &Context) -> Result<Ended> {
    let way = Way::of(context)?;
    let hosts = context.run(way.hosts())?;
    let rows = hosts.iter().map(row).collect();
    let columns = vec!["host", "address", "version", "since", "labels", "revision", "seen"];
    context.output.many("Hosts", &Table { columns, wide_from: 6, rows })?;
    if hosts.is_empty() {
        context.output.remark("no host was heard of within a day");
    }
    Ok(Ended::Yes)
}

/// A host that is silent has a name and the time it was heard of last.
fn row(seen: &Seen) -> Vec<Value> {
    let of = |field: fn(&HostReport) -> Value| seen.report.as_ref().map_or(Value::Null, field);
    vec![
        json!(seen.host),
        of(|report| json!(report.address)),
        of(|report| json!(report.version)),
        of(|report| json!(utc(report.started_at_ms))),
        of(|report| report.labels.iter().map(|(name, value)| Value::from(format!("{name}={value}"))).collect()),
        of(|report| json!(report.revision)),
        json!(utc(seen.seen_ms)),
    ]
}
