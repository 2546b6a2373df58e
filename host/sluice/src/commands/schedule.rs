//! `sluice schedule`: changes that wait for their time.

use anyhow::Result;
use serde_json::{Value, json};
use sluice_core::key::SCHEDULED;
use sluice_core::{Key, Planned, Turn, schedule};

use crate::cli::{Cancel, ScheduleVerb};
use crate::draft::Edit;
use crate::exit::Ended;
use crate::output::Table;
use crate::publish::publish;
use crate::space::Context;
use crate::utc::utc;
use crate::way::Way;

pub fn run(context: &Context, verb: &ScheduleVerb) -> Result<Ended> {
    match verb {
        ScheduleVerb::Ls => list(context),
        ScheduleVerb::Cancel(args) => cancel(context, args),
    }
}

fn list(context: &Context) -> Result<Ended> {
    let space = context.space()?;
    let state = context.run(space.state(None))?;
    let rows = schedule::planned(&state).iter().map(row).collect();
    let columns = vec!["revision", "at", "turn", "keys", "author", "reason"];
    context.output.many("Schedule", &Table { columns, wide_from: 6, rows })?;
    Ok(Ended::Yes)
}

fn row(planned: &Planned) -> Vec<Value> {
    let turn = match planned.turn {
        Turn::Start(_) => "start",
        Turn::End(_) => "end",
    };
    vec![
        json!(planned.revision.to_string()),
        json!(utc(planned.at())),
        json!(turn),
        json!(planned.keys().join(" ")),
        json!(planned.note("author")),
        json!(planned.note("reason")),
    ]
}

/// An ordinary delete: its base sees to it that what has begun meanwhile is told, and not called done.
fn cancel(context: &Context, args: &Cancel) -> Result<Ended> {
    let way = Way::of(context)?;
    let key = Key::parse(format!("{SCHEDULED}{}", args.revision).as_bytes())?;
    let bases = [(key.clone(), args.revision)];
    context.run(publish(context, &way, &[Edit::Delete { key }], &bases, &args.publish))
}
