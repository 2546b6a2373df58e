//! `sluice show`: one entry of the log, and what came of it.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use sluice_core::{Entry, Key, Outcome, Revision, State};

use sluice_pack::history::Note;

use crate::cli::{Form, Show};
use crate::commands::history::message;
use crate::exit::Ended;
use crate::output::{plain, printable};
use crate::past;
use crate::payload;
use crate::space::{Context, Space};
use crate::through::Through;
use crate::told::{Told, finding_line, shown};
use crate::utc::utc;

/// Longest value shown to people, in characters; JSON has all of it.
const SHOWN_CHARS_MAX: usize = 200;

pub fn run(context: &Context, args: &Show) -> Result<Ended> {
    if let Some(host) = Through::of(context)? {
        return context.run(of_host(context, &host, args.revision));
    }
    let space = context.space()?;
    if let Some((note, entry)) = context.run(past::note(&space, args.revision))? {
        return remembered(context, &note, entry.as_ref());
    }
    let Some((entry, outcome, after)) = context.run(found(&space, args.revision))? else {
        bail!("the log has no entry {}: look for its revision with sluice history KEY", args.revision);
    };
    print(context, head(&entry, &outcome, &after), &entry, &outcome)
}

fn print(context: &Context, mut fields: Map<String, Value>, entry: &Entry, outcome: &Outcome) -> Result<Ended> {
    let output = &context.output;
    match output.form() {
        Form::Table | Form::Wide => {
            output.one("Entry", fields)?;
            for (name, value) in &entry.fields {
                output.line(&format!("field\t{}\t{}", printable(&String::from_utf8_lossy(name)), short(value)))?;
            }
            outcome.findings().iter().try_for_each(|finding| output.line(&finding_line(&shown(finding))))?;
        }
        Form::Json | Form::Jsonl | Form::Yaml | Form::Name => {
            let listed = entry.fields.iter().map(|(name, value)| {
                let name = ("name".to_owned(), json!(String::from_utf8_lossy(name)));
                Value::Object(Map::from_iter([name, payload::field(value)]))
            });
            fields.insert("fields".to_owned(), listed.collect());
            let findings = outcome.findings().iter().map(|finding| Value::Object(shown(finding)));
            fields.insert("findings".to_owned(), findings.collect());
            output.one("Entry", fields)?;
        }
    }
    Ok(Ended::Yes)
}

/// What the history has of an entry: all of it while it is still in the log, else its edits without their values.
fn remembered(context: &Context, note: &Note, entry: Option<&Entry>) -> Result<Ended> {
    let field = |name: &str, value: Value| (name.to_owned(), value);
    let mut fields = Map::from_iter([
        field("revision", note.revision.to_string().into()),
        field("time", utc(note.revision.ms).into()),
        field("outcome", note.outcome.class().into()),
        field("message", json!(message(&note.outcome))),
        field("index", note.index.into()),
        field("digest", note.digest.to_string().into()),
    ]);
    if let Some(entry) = entry {
        return print(context, fields, entry, &note.outcome);
    }
    fields.extend([field("author", json!(note.author)), field("reason", json!(note.reason))]);
    let output = &context.output;
    let action = |bytes: &Option<u64>| if bytes.is_some() { "put" } else { "delete" };
    match output.form() {
        Form::Table | Form::Wide => {
            output.one("Entry", fields)?;
            for (key, bytes) in &note.edits {
                let bytes = bytes.map(|bytes| format!("\t{bytes}")).unwrap_or_default();
                output.line(&format!("edit\t{}\t{key}{bytes}", if bytes.is_empty() { "delete" } else { "put" }))?;
            }
            note.outcome.findings().iter().try_for_each(|finding| output.line(&finding_line(&shown(finding))))?;
        }
        Form::Json | Form::Jsonl | Form::Yaml | Form::Name => {
            let edit = |(key, bytes): &(Key, Option<u64>)| json!({ "key": key.as_str(), "action": action(bytes), "bytes": bytes });
            fields.insert("edits".to_owned(), note.edits.iter().map(edit).collect());
            let findings = note.outcome.findings().iter().map(|finding| Value::Object(shown(finding)));
            fields.insert("findings".to_owned(), findings.collect());
            output.one("Entry", fields)?;
        }
    }
    Ok(Ended::Yes)
}

/// What a host tells of an entry: its edits without their values, and the outcome if it remembers it.
async fn of_host(context: &Context, host: &Through, revision: Revision) -> Result<Ended> {
    let entry = host.document(&format!("/v1/entries/{revision}")).await?;
    let rows = |name: &str| entry.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (edits, findings) = (rows("edits"), rows("findings"));
    let outcome = entry.get("outcome").and_then(Value::as_str).unwrap_or_default();
    let is_refused = !matches!(outcome, "applied" | "scheduled" | "staged");
    let message = findings.first().filter(|_| is_refused).and_then(|first| first.get("message"));
    let field = |name: &str, value: Value| (name.to_owned(), value);
    let told = |name: &str| field(name, entry.get(name).cloned().unwrap_or_default());
    let time = field("time", utc(revision.ms).into());
    let message = field("message", message.cloned().unwrap_or_default());
    let mut fields = Map::from_iter([
        told("revision"),
        time,
        told("outcome"),
        message,
        told("digest"),
        told("author"),
        told("reason"),
    ]);
    let (output, whole) = (&context.output, Told::from_answer(&entry));
    match output.form() {
        Form::Table | Form::Wide => {
            output.one("Entry", fields)?;
            for edit in &edits {
                let cell = |name: &str| edit.get(name).map(plain).unwrap_or_default();
                let row = ["edit".to_owned(), cell("action"), cell("key"), cell("bytes"), cell("type")];
                output.line(row.join("\t").trim_end_matches('\t'))?;
            }
            whole.iter().flat_map(Told::findings).try_for_each(|finding| output.line(&finding_line(finding)))?;
        }
        Form::Json | Form::Jsonl | Form::Yaml | Form::Name => {
            fields.insert("edits".to_owned(), edits.into());
            fields.insert("findings".to_owned(), findings.into());
            output.one("Entry", fields)?;
        }
    }
    Ok(Ended::Yes)
}

async fn found(space: &Space, revision: Revision) -> Result<Option<(Entry, Outcome, State)>> {
    let mut found = None;
    let see = |entry: &Entry, outcome: &Outcome, after: &State| {
        if entry.revision == revision {
            found = Some((entry.clone(), outcome.clone(), after.clone()));
        }
    };
    space.replica()?.fold(Some(revision), see).await?;
    Ok(found)
}

fn head(entry: &Entry, outcome: &Outcome, after: &State) -> Map<String, Value> {
    let field = |name: &str, value: Value| (name.to_owned(), value);
    Map::from_iter([
        field("revision", entry.revision.to_string().into()),
        field("time", utc(entry.revision.ms).into()),
        field("outcome", outcome.class().into()),
        field("message", json!(message(outcome))),
        field("index", after.index.into()),
        field("digest", entry.digest.to_string().into()),
        field("chain", after.chain.to_string().into()),
        field("root", after.root().to_string().into()),
    ])
}

fn short(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Err(_) => format!("({} bytes that are no text)", value.len()),
        Ok(text) if text.chars().nth(SHOWN_CHARS_MAX).is_none() => printable(text),
        Ok(text) => {
            let head: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            format!("{}… ({} bytes)", printable(&head), value.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_shortened_for_people() {
        assert_eq!(short(b"a\nb"), r"a\nb");
        assert_eq!(short(b"\xff\0"), "(2 bytes that are no text)");
        assert_eq!(short("ä".repeat(200).as_bytes()), "ä".repeat(200));
        assert_eq!(short("ä".repeat(201).as_bytes()), format!("{}… (402 bytes)", "ä".repeat(200)));
    }
}
