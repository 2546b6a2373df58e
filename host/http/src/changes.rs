//! `POST /v1/changes`: several edits, all or none, as a document.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Request;
use hyper::StatusCode;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::door::{Door, Step};
use crate::problem::Problem;
use crate::publish::{self, Notes, Wanted, WantedAction, WantedEdit};
use crate::surface::Surface;
use crate::upload;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    edits: Vec<Edit>,
    author: Option<String>,
    reason: Option<String>,
    token: Option<String>,
    /// The guard that is overridden.
    #[serde(rename = "override")]
    overridden: Option<String>,
    /// Tokens of the locks under which it was written.
    #[serde(default)]
    fences: BTreeMap<String, u64>,
    from: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    key: String,
    /// The new value, when it is text.
    value: Option<String>,
    /// The new value, when it is not.
    #[serde(rename = "valueBase64")]
    base64: Option<String>,
    #[serde(default)]
    delete: bool,
    #[serde(rename = "type")]
    media: Option<String>,
    /// A revision; `0` may stand there as a number.
    base: Option<Value>,
}

/// `POST /v1/changes`.
pub fn post(door: &Door, request: Request<Incoming>) -> Result<Step, Problem> {
    let notes = Notes::read(&door.surface, &request)?;
    let surface = door.surface.clone();
    Ok(Step::Wait(Box::pin(async move {
        let wanted = read(&surface, request.into_body(), notes).await?;
        publish::publish(surface, wanted).await
    })))
}

async fn read(surface: &Arc<Surface>, body: Incoming, notes: Notes) -> Result<Wanted, Problem> {
    let text = upload::read(surface, body, surface.settings.change_bytes_max).await?;
    let document: Document = serde_json::from_slice(&text)
        .map_err(|error| Problem::bad_request(format!("the change is not what it should be: {error}")))?;
    if let Some(other) = document.api_version.filter(|version| version != crate::answer::API_VERSION) {
        let detail = format!("apiVersion {other:?} is unknown: write {:?}", crate::answer::API_VERSION);
        return Err(Problem::bad_request(detail));
    }
    let edits = document.edits.into_iter().enumerate().map(|(at, edit)| edit.wanted(at)).collect::<Result<_, _>>()?;
    let fences = document.fences.into_iter().map(|(resource, token)| (resource, Bytes::from(token.to_string())));
    let notes = Notes {
        fences: notes.fences.into_iter().chain(fences).collect(),
        author: document.author.map(Bytes::from).or(notes.author),
        reason: document.reason.map(Bytes::from).or(notes.reason),
        token: document.token.map(Bytes::from).or(notes.token),
        overridden: document.overridden.map(Bytes::from).or(notes.overridden),
        from: document.from.map(Bytes::from).or(notes.from),
        until: document.until.map(Bytes::from).or(notes.until),
        ..notes
    };
    Ok(Wanted { edits, notes })
}

impl Edit {
    fn wanted(self, at: usize) -> Result<WantedEdit, Problem> {
        let action = match (self.value, self.base64, self.delete) {
            (Some(text), None, false) => WantedAction::Put(text.into()),
            (None, Some(text), false) => {
                let bytes = STANDARD.decode(text.as_bytes());
                let bytes = bytes.map_err(|error| wrong(at, "valueBase64", format!("not base64: {error}")))?;
                WantedAction::Put(bytes.into())
            }
            (None, None, true) => WantedAction::Delete,
            (None, None, false) if self.base.is_some() => WantedAction::Nothing,
            (None, None, false) => {
                return Err(wrong(at, "", "nothing to do: add value, valueBase64, delete: true, or a base".to_owned()));
            }
            (Some(_), Some(_), _) | (Some(_), None, true) | (None, Some(_), true) => {
                return Err(wrong(
                    at,
                    "",
                    "one edit does one thing: keep one of value, valueBase64 and delete".to_owned(),
                ));
            }
        };
        let base = match self.base {
            None => None,
            Some(Value::String(text)) => Some(text.into()),
            Some(Value::Number(number)) if number.as_u64() == Some(0) => Some(Bytes::from_static(b"0")),
            Some(other) => return Err(wrong(at, "base", format!("{other} is not a revision: write \"ms-seq\" or 0"))),
        };
        Ok(WantedEdit { key: self.key, action, media: self.media.map(Bytes::from), base })
    }
}

fn wrong(at: usize, member: &str, message: String) -> Problem {
    let pointer = format!("/edits/{at}{}{member}", if member.is_empty() { "" } else { "/" });
    let detail = format!("{pointer}: {message}");
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", "the change is malformed", detail);
    problem.with("errors", json!([{ "pointer": pointer, "code": "malformed", "message": message }]))
}
