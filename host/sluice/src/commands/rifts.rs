//! `sluice rifts`: what a failover lost, and what became of it when hosts brought it back.

use anyhow::Result;
use serde_json::{Value, json};
use sluice_core::key::SCHEDULED;
use sluice_core::{Change, Entry, LOST_FIELD, Outcome, Refusal, State};
use sluice_node::rejoin::{KEYS_FIELD, OVER_FIELD};

use crate::exit::Ended;
use crate::output::Table;
use crate::space::Context;
use crate::utc::utc;

pub fn run(context: &Context) -> Result<Ended> {
    let space = context.space()?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut is_refused = false;
    let see = |entry: &Entry, outcome: &Outcome, _: &State| {
        if let Some((change, lost)) =
            entry.content.as_ref().ok().and_then(|change| Some((change, extra(change, LOST_FIELD)?)))
        {
            // A second host that had it too appends nothing new.
            let is_again = outcome.class() == "duplicate";
            is_refused |= matches!(outcome, Outcome::Refused(_)) && !is_again;
            rows.push(row(entry, change, &lost, outcome));
        }
    };
    context.run(async { space.replica()?.fold(None, see).await })?;
    rows.reverse();
    let columns = vec!["lost", "revision", "time", "keys", "outcome", "author", "message"];
    context.output.many("Rifts", &Table { columns, wide_from: 7, rows })?;
    Ok(if is_refused { Ended::No } else { Ended::Yes })
}

fn extra(change: &Change, wanted: &str) -> Option<String> {
    let (_, value) = change.extras.iter().find(|(name, _)| &**name == wanted)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The beginning or end of a planned change names the plan as it was called before the log lost that, too.
fn lost_turn(change: &Change, outcome: &Outcome) -> Option<String> {
    let plan = extra(change, "x-scheduled")?;
    match outcome {
        Outcome::Refused(Refusal::Conflict { key, .. }) if key.as_str().starts_with(SCHEDULED) => Some(plan),
        Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged | Outcome::Refused(_) => None,
    }
}

fn row(entry: &Entry, change: &Change, lost: &str, outcome: &Outcome) -> Vec<Value> {
    let edited: Vec<&str> = change.edits.iter().map(|edit| edit.key.as_str()).collect();
    let (over, keys) = (extra(change, OVER_FIELD), extra(change, KEYS_FIELD).unwrap_or_else(|| edited.join(",")));
    let message = match (outcome, lost_turn(change, outcome)) {
        (_, Some(plan)) => json!(format!(
            "it was the turn of the change planned at {plan}, which was lost as well: that comes back with its own turn"
        )),
        (Outcome::Refused(refusal), None) => json!(refusal.to_string()),
        (Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged, None) => {
            over.as_ref().map_or(Value::Null, |until| {
                json!(format!("its time was over at {until}, before it could come back: what was there before stays"))
            })
        }
    };
    let outcome = if over.is_some() { "over" } else { outcome.class() };
    vec![
        json!(lost),
        json!(entry.revision.to_string()),
        json!(utc(entry.revision.ms)),
        json!(keys),
        json!(outcome),
        json!(change.author),
        message,
    ]
}
