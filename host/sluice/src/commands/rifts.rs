//! `sluice rifts`: what a failover lost, and what became of it when hosts brought it back.

use anyhow::Result;
use serde_json::{Value, json};
use sluice_core::{Change, Entry, LOST_FIELD, Outcome, State};

use crate::exit::Ended;
use crate::output::Table;
use crate::space::Context;
use crate::utc::utc;

pub fn run(context: &Context) -> Result<Ended> {
    let space = context.space()?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut is_refused = false;
    let see = |entry: &Entry, outcome: &Outcome, _: &State| {
        if let Some((change, lost)) = entry.content.as_ref().ok().and_then(|change| Some((change, lost(change)?))) {
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

/// The revision it had before the log lost it.
fn lost(change: &Change) -> Option<String> {
    let (_, old) = change.extras.iter().find(|(name, _)| &**name == LOST_FIELD)?;
    Some(String::from_utf8_lossy(old).into_owned())
}

fn row(entry: &Entry, change: &Change, lost: &str, outcome: &Outcome) -> Vec<Value> {
    let keys: Vec<&str> = change.edits.iter().map(|edit| edit.key.as_str()).collect();
    let message = match outcome {
        Outcome::Refused(refusal) => json!(refusal.to_string()),
        Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged => Value::Null,
    };
    vec![
        json!(lost),
        json!(entry.revision.to_string()),
        json!(utc(entry.revision.ms)),
        json!(keys.join(",")),
        json!(outcome.class()),
        json!(change.author),
        message,
    ]
}
