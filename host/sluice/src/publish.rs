//! From edits to an outcome: what `put`, `delete`, `apply` and `validator bind` have in common.

use std::sync::Arc;
use std::time::Duration;

use crate::wiring::edges::HostReport;
use anyhow::Result;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluice_core::decode::{BLOB_BYTES_MAX, INLINE_BYTES_MAX};
use sluice_core::{Entry, Finding, Key, Lost, Outcome, Revision, State};
use sluice_node::{AppendError, Blobs, Log};

use crate::cli::{Form, PublishArgs};
use crate::exit::{Ended, away, usage};
use crate::output::printable;
use crate::settings;
use crate::space::{Context, Space};

/// First pause between two looks at the hosts' reports, and the longest.
const LOOK_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// One edit as a command asks for it.
pub enum Edit {
    Put { key: Key, value: Bytes, media: Option<String> },
    Delete { key: Key },
}

/// Publishes one change and prints what became of it.
pub async fn publish(
    context: &Context,
    space: &Space,
    edits: &[Edit],
    bases: &[(Key, Revision)],
    args: &PublishArgs,
) -> Result<Ended> {
    let fields = fields(space, edits, bases, args).await?;
    if args.dry_run {
        let (revision, outcome) = judged_here(space, Entry::read(Revision::ZERO, fields)).await?;
        return Told::of(&outcome).print(context, revision, "dry run: nothing was appended");
    }
    let token = fields.iter().find(|(name, _)| name == "token").map(|(_, token)| token.clone()).unwrap_or_default();
    let revision = space.redis.append(fields).await.map_err(|error| match error {
        // Nobody can tell whether it was appended; with the same token a retry is the same change.
        AppendError::Away(_) => away(format!("{error}: retry with --token {}", token.escape_ascii())),
        AppendError::Refused(_) => anyhow::Error::new(error),
    })?;
    // From here on the change is in the log, whatever happens: no failure may hide its revision.
    let mut so_far = format!("{revision} is appended, but no outcome came in time: look with sluice show {revision}");
    let followed = follow(context, space, revision, args, &mut so_far);
    match tokio::time::timeout_at(context.deadline().into(), followed).await {
        Ok(result) => result,
        Err(_) => Err(away(so_far)),
    }
}

/// The fields of the entry: large values go to blobs first.
async fn fields(
    space: &Space,
    edits: &[Edit],
    bases: &[(Key, Revision)],
    args: &PublishArgs,
) -> Result<Vec<(Bytes, Bytes)>> {
    let mut fields: Vec<(Bytes, Bytes)> = Vec::with_capacity(edits.len() + 4);
    let mut field = |name: String, value: Bytes| fields.push((name.into(), value));
    for edit in edits {
        match edit {
            Edit::Put { key, value, media } => {
                match value.len() {
                    0..=INLINE_BYTES_MAX => field(format!("put:{key}"), value.clone()),
                    _ => field(format!("put-blob:{key}"), blob(space, key, value, args.dry_run).await?),
                }
                if let Some(media) = media {
                    field(format!("type:{key}"), media.clone().into());
                }
            }
            Edit::Delete { key } => field(format!("del:{key}"), Bytes::new()),
        }
    }
    for (key, base) in bases {
        field(format!("base:{key}"), base.to_string().into());
    }
    let author = args.author.clone().or_else(settings::user_name);
    let token = args.token.clone().unwrap_or_else(|| format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)));
    let notes = [("author", author), ("reason", args.reason.clone()), ("token", Some(token))];
    for (name, text) in notes {
        if let Some(text) = text {
            field(name.to_owned(), text.into());
        }
    }
    Ok(fields)
}

async fn blob(space: &Space, key: &Key, value: &Bytes, is_dry: bool) -> Result<Bytes> {
    let length = value.len() as u64;
    if length > BLOB_BYTES_MAX {
        return Err(usage(format!("the value of {key} has {length} bytes: at most {BLOB_BYTES_MAX}")));
    }
    if is_dry {
        return Err(usage(format!(
            "the value of {key} has {length} bytes: a dry run stores nothing, so at most {INLINE_BYTES_MAX}"
        )));
    }
    let blob = space.redis.store(value.clone()).await.map_err(|lost| away(lost.0))?;
    Ok(format!("{} {}", blob.digest, blob.length).into())
}

/// The outcome an entry would have now, by the real fold on a copy.
pub async fn judged_here(space: &Space, entry: Entry) -> Result<(Revision, Outcome)> {
    let replica = space.replica()?;
    let mut state = replica.fold(None, |_, _, _| ()).await?;
    let revision = Revision { seq: state.cursor.seq + 1, ..state.cursor };
    let entry = Entry::read(revision, entry.fields);
    let outcome = replica.step(&mut state, Arc::new(entry)).await?;
    Ok((revision, outcome))
}

/// Waits for the outcome: from the first host that has it, then until enough hosts have it. `so_far` is
/// what to say if the time runs out.
async fn follow(
    context: &Context,
    space: &Space,
    revision: Revision,
    args: &PublishArgs,
    so_far: &mut String,
) -> Result<Ended> {
    let lost = |lost: Lost| away(format!("{revision} is appended, but its outcome is not known: {}", lost.0));
    let mut pause = LOOK_PAUSE.0;
    loop {
        let reports = space.redis.reports().await.map_err(lost)?;
        let there: Vec<&HostReport> = reports.iter().filter(|report| has(report, revision)).collect();
        let wanted = args.wait.map_or(1, |share| share.of(reports.len()));
        if reports.is_empty() || there.len() >= wanted {
            let told = match there.iter().find_map(|report| Told::from_report(report, revision)) {
                Some(told) => told,
                None => Told::of(&replayed(space, revision).await?),
            };
            let remark = match reports.len() {
                0 => "no host is up: the outcome was worked out here".to_owned(),
                live => format!("{} of {live} hosts have it", there.len()),
            };
            return told.print(context, revision, &remark);
        }
        *so_far = unfinished(&reports, there.len(), revision);
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOK_PAUSE.1);
    }
}

fn has(report: &HostReport, revision: Revision) -> bool {
    let is_past = report.revision.parse::<Revision>().is_ok_and(|cursor| cursor >= revision);
    let shown = revision.to_string();
    is_past && !report.held.iter().any(|held| held.revision == shown) && !report.held_others.contains(&shown)
}

fn unfinished(reports: &[HostReport], there: usize, revision: Revision) -> String {
    let held = reports.iter().flat_map(|report| report.held.iter().map(move |held| (report, held)));
    let ours = held.into_iter().find(|(_, held)| held.revision == revision.to_string());
    let why = ours.map_or(String::new(), |(report, held)| {
        format!("; host {} holds it: {}", report.host, held.why.as_deref().unwrap_or("it waits behind another change"))
    });
    format!("{revision} is appended, but only {there} of {} hosts have it{why}: look with sluice status", reports.len())
}

async fn replayed(space: &Space, revision: Revision) -> Result<Outcome> {
    let mut found = None;
    let see = |entry: &Entry, outcome: &Outcome, _: &State| {
        if entry.revision == revision {
            found = Some(outcome.clone());
        }
    };
    space.replica()?.fold(Some(revision), see).await?;
    found.ok_or_else(|| away(format!("{revision} is no longer in the log")))
}

/// An outcome as it is told to people and scripts.
pub struct Told {
    class: String,
    message: Option<String>,
    findings: Vec<Map<String, Value>>,
}

impl Told {
    /// From an outcome worked out here.
    pub fn of(outcome: &Outcome) -> Told {
        let message = match outcome {
            Outcome::Applied(_) | Outcome::Staged => None,
            Outcome::Refused(refusal) => Some(refusal.to_string()),
        };
        let findings = outcome.findings().iter().map(shown).collect();
        Told { class: outcome.class().to_owned(), message, findings }
    }

    /// From the report of a host that has the revision. `None` when its list of refusals does not reach
    /// back that far.
    fn from_report(report: &HostReport, revision: Revision) -> Option<Told> {
        let refusal = report.refusals.iter().find(|refusal| refusal.revision == revision.to_string());
        match refusal {
            Some(refusal) => Some(Told {
                class: refusal.class.clone(),
                message: Some(refusal.message.clone()),
                findings: refusal.findings.iter().filter_map(|finding| object(json!(finding))).collect(),
            }),
            None if reaches(report, revision) => {
                Some(Told { class: "applied".to_owned(), message: None, findings: Vec::new() })
            }
            None => None,
        }
    }

    /// Prints it, findings with their pointers, and picks how the command ends.
    pub fn print(&self, context: &Context, revision: Revision, remark: &str) -> Result<Ended> {
        let mut fields = Map::new();
        fields.insert("revision".to_owned(), revision.to_string().into());
        fields.insert("outcome".to_owned(), self.class.clone().into());
        if let Some(message) = &self.message {
            fields.insert("message".to_owned(), message.clone().into());
        }
        if matches!(context.output.form(), Form::Table | Form::Wide) {
            context.output.one("Outcome", fields)?;
            for finding in &self.findings {
                context.output.line(&finding_line(finding))?;
            }
        } else {
            fields.insert("findings".to_owned(), self.findings.iter().cloned().map(Value::Object).collect());
            context.output.one("Outcome", fields)?;
        }
        context.output.remark(remark);
        Ok(self.ended())
    }

    fn ended(&self) -> Ended {
        match self.class.as_str() {
            "applied" | "staged" | "duplicate" => Ended::Yes,
            "conflict" | "fenced" => Ended::Raced,
            _ => Ended::No,
        }
    }
}

fn reaches(report: &HostReport, revision: Revision) -> bool {
    report.refusals_from.parse::<Revision>().is_ok_and(|from| from <= revision)
}

/// A finding as JSON, as hosts report it.
pub fn shown(finding: &Finding) -> Map<String, Value> {
    let optional = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    Map::from_iter([
        ("validator".to_owned(), Value::from(&*finding.validator)),
        ("severity".to_owned(), finding.severity.to_string().into()),
        ("code".to_owned(), Value::from(&*finding.code)),
        ("message".to_owned(), Value::from(&*finding.message)),
        ("key".to_owned(), optional(finding.key.as_ref().map(Key::as_str))),
        ("pointer".to_owned(), optional(finding.pointer.as_deref())),
        ("help".to_owned(), optional(finding.help.as_deref())),
    ])
}

/// `error  json-schema  app/limits.json#/max  250 is greater than the maximum of 100  (maximum)`.
pub fn finding_line(finding: &Map<String, Value>) -> String {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).map(printable).unwrap_or_default();
    let place = match (text("key"), text("pointer")) {
        (key, pointer) if pointer.is_empty() => key,
        (key, pointer) => format!("{key}#{pointer}"),
    };
    let parts = [text("severity"), text("validator"), place, text("message"), format!("({})", text("code"))];
    parts.into_iter().filter(|part| !part.is_empty() && part != "()").collect::<Vec<_>>().join("  ")
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}
