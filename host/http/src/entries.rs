//! `/v1/entries/{rev}`: one entry of the log, and what became of it.

use hyper::StatusCode;
use serde_json::{Value, json};
use sluice_core::{Action, BlobRef, Change, Content, Edit, Entry, Outcome, Put, Revision};
use sluice_node::hub::Fate;

use crate::answer::{self, API_VERSION};
use crate::door::{Answer, Door, Step};
use crate::problem::Problem;
use crate::ruling;
use crate::surface::Surface;

/// `GET /v1/entries/{rev}`.
pub fn get(door: &Door, revision: &str) -> Result<Step, Problem> {
    let revision: Revision = revision
        .parse()
        .map_err(|error: sluice_core::revision::RevisionError| Problem::bad_request(error.to_string()))?;
    let surface = door.surface.clone();
    Ok(Step::Wait(Box::pin(async move { read(&surface, revision).await })))
}

async fn read(surface: &Surface, revision: Revision) -> Answer {
    let entries = surface.edges.log.read(revision, 1).await.map_err(|lost| {
        Problem::unavailable("source-away", "the log is out of reach", format!("{}: retry later", lost.0))
    })?;
    match entries.first().filter(|entry| entry.revision == revision) {
        Some(entry) => Ok(answer::json(StatusCode::OK, &shown(surface, entry))),
        None => Err(Problem::not_found(format!("the log has no entry {revision}: it never was, or was trimmed"))),
    }
}

fn shown(surface: &Surface, entry: &Entry) -> Value {
    let mut document = json!({
        "apiVersion": API_VERSION,
        "revision": entry.revision.to_string(),
        "digest": entry.digest.to_string(),
    });
    match &entry.content {
        Ok(change) => {
            document["author"] = json!(change.author);
            document["reason"] = json!(change.reason);
            document["edits"] = change.edits.iter().map(|edit| edited(edit, change)).collect();
        }
        Err(malformed) => document["malformed"] = json!({ "field": malformed.field, "why": malformed.why }),
    }
    let (outcome, more) = outcome(surface, entry.revision);
    document["outcome"] = json!(outcome);
    document["findings"] = more;
    document
}

fn edited(edit: &Edit, change: &Change) -> Value {
    let base = change.bases.iter().find(|(key, _)| *key == edit.key).map(|(_, base)| base.to_string());
    match &edit.action {
        Action::Put(Put { media, digest, content }) => {
            let (bytes, is_blob) = match content {
                Content::Here(bytes) => (bytes.len() as u64, false),
                Content::At(BlobRef { length, .. }) => (*length, true),
            };
            json!({
                "key": edit.key.as_str(), "action": "put", "type": media.as_str(),
                "digest": digest.to_string(), "bytes": bytes, "blob": is_blob, "base": base,
            })
        }
        Action::Delete => json!({ "key": edit.key.as_str(), "action": "delete", "base": base }),
    }
}

/// What became of it, as far as this host remembers.
fn outcome(surface: &Surface, revision: Revision) -> (&'static str, Value) {
    match surface.hub.fate(revision) {
        Fate::Settled(Outcome::Refused(refusal)) => (refusal.class(), json!(ruling::errors(&refusal))),
        Fate::Settled(outcome @ (Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged)) => {
            (outcome.class(), outcome.findings().iter().map(ruling::finding).collect())
        }
        Fate::Held(held) => ("held", json!([{ "message": held.fault.map(|(_, why)| why) }])),
        Fate::Ahead => ("pending", json!([])),
        Fate::Forgotten => {
            let view = surface.hub.view();
            let refused = view.state.refused.iter().find(|refused| refused.revision == revision);
            refused
                .map_or(("unknown", json!([])), |found| (found.refusal.class(), json!(ruling::errors(&found.refusal))))
        }
    }
}
