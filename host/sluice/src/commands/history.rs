//! `sluice history`: every entry that wanted to edit a key, newest first.

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_core::{Entry, Outcome, State};

use crate::cli::History;
use crate::exit::Ended;
use crate::output::Table;
use crate::space::{Context, key};
use crate::utc::utc;

pub fn run(context: &Context, args: &History) -> Result<Ended> {
    let key = key(&args.key)?;
    let space = context.space()?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    context.run(async {
        let see = |entry: &Entry, outcome: &Outcome, _: &State| rows.extend(row(entry, outcome, key.as_str()));
        space.replica()?.fold(None, see).await
    })?;
    let total = rows.len();
    let rows: Vec<_> = rows.into_iter().rev().take(args.limit).collect();
    if rows.len() < total {
        context.output.remark(format_args!("the newest {} of {total}: see more with --limit", rows.len()));
    }
    if total == 0 {
        context.output.remark(format_args!("the log has no entry about key \"{key}\""));
    }
    let columns = vec!["revision", "time", "operation", "outcome", "bytes", "author", "reason", "message"];
    context.output.many("History", &Table { columns, wide_from: 7, rows })?;
    Ok(if total == 0 { Ended::No } else { Ended::Yes })
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
        Outcome::Applied(_) | Outcome::Staged => None,
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

    use sluice_core::Revision;

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
