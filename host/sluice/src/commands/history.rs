//! `sluice history`: every entry that wanted to edit a key, newest first.

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_core::{Entry, Outcome, Revision, State};
use sluice_node::Log;
use sluice_pack::history::{Event, What};

use crate::cli::History;
use crate::exit::{Ended, away};
use crate::output::Table;
use crate::past;
use crate::space::{Context, key};
use crate::utc::utc;

/// Entries read at a time.
const PAGE: usize = 512;
/// The column of the outcome.
const OUTCOME: usize = 3;

pub fn run(context: &Context, args: &History) -> Result<Ended> {
    let key = key(&args.key)?;
    let space = context.space()?;
    let (mut rows, mut since): (Vec<Vec<Value>>, Option<Revision>) = (Vec::new(), None);
    let begun = context.run(async {
        let replica = space.replica()?;
        let kept = past::past(&space).await?;
        let begun = match &kept {
            Some(past) => {
                let events = past.events(&key).await.map_err(|lost| away(lost.0))?;
                since = events.iter().filter(|event| event.what == What::Forgotten).map(|event| event.revision).max();
                since = since.max(Some(past.index.floor).filter(|floor| *floor > Revision::ZERO));
                rows.extend(events.iter().filter_map(happened));
                past.end().await.map_err(|lost| away(lost.0))?
            }
            None => {
                let begun = replica.begin(None).await?;
                rows.extend(undecided(&*replica.log, begun.cursor, key.as_str()).await?);
                begun
            }
        };
        let see = |entry: &Entry, outcome: &Outcome, _: &State| rows.extend(row(entry, outcome, key.as_str()));
        replica.fold_on(begun.clone(), None, see).await?;
        Ok(Some(begun).filter(|begun| kept.is_none() && begun.index > 0))
    })?;
    if let Some(since) = since {
        context.output.remark(format_args!("of \"{key}\" all is kept since {since}, and nothing older is shown"));
    }
    if let Some(begun) = begun {
        let at = begun.cursor;
        let value =
            begun.item(&key).map_or("was absent".to_owned(), |item| format!("had the value of {}", item.revision));
        context.output.remark(format_args!(
            "the log was trimmed: older changes are not shown, and the outcome of those up to {at}, where \"{key}\" {value}, \
             is not told"
        ));
    }
    let total = rows.len();
    let rows: Vec<_> = rows.into_iter().rev().take(args.limit).collect();
    if rows.len() < total {
        context.output.remark(format_args!("the newest {} of {total}: see more with --limit", rows.len()));
    }
    if total == 0 {
        context.output.remark(format_args!("no entry is known about key \"{key}\""));
    }
    let columns = vec!["revision", "time", "operation", "outcome", "bytes", "author", "reason", "message"];
    context.output.many("History", &Table { columns, wide_from: 7, rows })?;
    Ok(if total == 0 { Ended::No } else { Ended::Yes })
}

/// What is kept of a key, as it is shown.
fn happened(event: &Event) -> Option<Vec<Value>> {
    let (bytes, outcome, message) = match &event.what {
        What::Changed { bytes, .. } => (bytes, "applied", None),
        What::Refused { bytes, class, message } => (bytes, &**class, Some(&**message)),
        What::Forgotten => return None,
    };
    Some(vec![
        json!(event.revision.to_string()),
        json!(utc(event.revision.ms)),
        json!(if bytes.is_some() { "put" } else { "delete" }),
        json!(outcome),
        json!(bytes),
        json!(event.author.as_deref()),
        json!(event.reason.as_deref()),
        json!(message),
    ])
}

/// Entries that are still there up to a snapshot, from which the fold goes on: without what was before them, nobody can
/// tell what became of them.
async fn undecided(log: &dyn Log, up_to: Revision, key: &str) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    let mut next = Revision::ZERO;
    while next <= up_to {
        let entries = log.read(next, PAGE).await.map_err(|lost| away(lost.0))?;
        let Some(last) = entries.last() else { break };
        next = Revision { seq: last.revision.seq + 1, ..last.revision };
        for entry in entries.iter().filter(|entry| entry.revision <= up_to) {
            rows.extend(row(entry, &Outcome::Staged, key).map(|mut row| {
                row[OUTCOME] = Value::Null;
                row
            }));
        }
    }
    Ok(rows)
}

// By the fields as they stand, not by the change: an entry that makes no sense wanted something, too.
fn row(entry: &Entry, outcome: &Outcome, key: &str) -> Option<Vec<Value>> {
    let (operation, bytes) = entry.fields.iter().find_map(|(name, value)| {
        let (verb, name) = std::str::from_utf8(name).ok()?.split_once(':')?;
        (name == key).then_some(())?;
        edited(verb, value)
    })?;
    Some(vec![
        json!(entry.revision.to_string()),
        json!(utc(entry.revision.ms)),
        json!(operation),
        json!(outcome.class()),
        json!(bytes),
        json!(note(entry, b"author")),
        json!(note(entry, b"reason")),
        json!(message(outcome)),
    ])
}

fn edited(verb: &str, value: &Bytes) -> Option<(&'static str, Option<u64>)> {
    match verb {
        "put" => Some(("put", Some(value.len() as u64))),
        "put-blob" => {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.split_once(' ')?.1.parse().ok());
            Some(("put", length))
        }
        "del" => Some(("delete", None)),
        _ => None,
    }
}

/// Why an entry was refused, if it was.
pub fn message(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged => None,
        Outcome::Refused(refusal) => Some(refusal.to_string()),
    }
}

/// A note of an entry, as far as it can be read.
pub fn note(entry: &Entry, wanted: &[u8]) -> Option<String> {
    let found = entry.fields.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn shown(fields: &[(&'static str, &'static str)], key: &str) -> Option<String> {
        let fields = fields
            .iter()
            .map(|(name, value)| (Bytes::from_static(name.as_bytes()), Bytes::from_static(value.as_bytes())));
        let entry = Entry::read(Revision { ms: 5, seq: 1 }, fields.collect());
        row(&entry, &Outcome::Applied(Arc::new([])), key).map(|row| Value::from(row).to_string())
    }

    #[test]
    fn only_entries_that_edit_the_key_are_its_history() {
        let put = shown(&[("put:a", "123"), ("author", "mei")], "a").unwrap();
        assert_eq!(put, r#"["5-1","1970-01-01T00:00:00.005Z","put","applied",3,"mei",null,null]"#);
        let blob = shown(&[("put-blob:a", "00 2097152")], "a").unwrap();
        assert!(blob.contains("2097152"), "even a malformed one: {blob}");
        assert!(shown(&[("del:a", "")], "a").unwrap().contains("delete"));
        assert_eq!(shown(&[("put:ab", ""), ("base:a", "0"), ("type:a", "x/y")], "a"), None);
    }
}
