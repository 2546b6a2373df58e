//! Publishing: append one entry, and wait for what this host makes of it.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use sluice_core::decode::INLINE_BYTES_MAX;
use sluice_core::{BlobRef, Digest, Entry, Key, Outcome, Refusal, Revision};
use sluice_node::AppendError;
use sluice_node::hub::Fate;

use crate::chance;
use crate::condition;
use crate::door::{Answer, Door, Step};
use crate::problem::Problem;
use crate::query::Query;
use crate::surface::Surface;
use crate::{rehearse, ruling, upload};

/// Bytes from which hashing is worth another thread: about half a millisecond's work.
const HASH_APART_BYTES: usize = 512 << 10;

/// A change somebody wants, not yet checked: what is wrong with it, the core's decoder says.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In order.
    pub edits: Vec<WantedEdit>,
    /// Who, why, and the idempotency token.
    pub notes: Notes,
}

/// One edit, or a mere precondition.
#[derive(Clone, Debug)]
pub struct WantedEdit {
    /// Which key.
    pub key: String,
    /// What happens to it.
    pub action: WantedAction,
    /// The media type, when it is given.
    pub media: Option<Bytes>,
    /// The revision it must have.
    pub base: Option<Bytes>,
}

/// What should happen to a key.
#[derive(Clone, Debug)]
pub enum WantedAction {
    /// It gets this value.
    Put(Bytes),
    /// It goes away.
    Delete,
    /// Nothing: only its base counts.
    Nothing,
}

/// What a publisher says about a change, in headers or in the document.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Who.
    pub author: Option<Bytes>,
    /// Why.
    pub reason: Option<Bytes>,
    /// Makes a retry the same change.
    pub token: Option<Bytes>,
    /// The guard that is overridden.
    pub overridden: Option<Bytes>,
    /// The locks under which it was written, each with its token.
    pub fences: Vec<(String, Bytes)>,
    /// When it begins.
    pub from: Option<Bytes>,
    /// When it ends.
    pub until: Option<Bytes>,
    /// How long to wait for the outcome.
    pub wait_ms: u64,
    /// Only pretend.
    pub is_dry_run: bool,
}

/// An entry ready to be appended, with the blobs that must be there before it.
pub struct Laid {
    /// As this host reads it.
    pub entry: Entry,
    /// Large values.
    pub blobs: Vec<(BlobRef, Bytes)>,
}

/// `PUT` and `DELETE /v1/keys/{key}`.
pub fn key(door: &Door, key: Key, request: Request<Incoming>) -> Result<Step, Problem> {
    let notes = Notes::read(&door.surface, &request)?;
    let (parts, body) = request.into_parts();
    let base = condition::base(&parts.headers, &door.surface.hub.view().state, &key)?;
    let base = base.map(|base| Bytes::from(base.to_string()));
    let surface = door.surface.clone();
    Ok(Step::Wait(Box::pin(async move {
        let action = match parts.method == Method::PUT {
            true => WantedAction::Put(upload::read(&surface, body, surface.settings.value_bytes_max).await?),
            false => WantedAction::Delete,
        };
        let media = media(&parts.headers).filter(|_| parts.method == Method::PUT);
        let edit = WantedEdit { key: key.as_str().to_owned(), action, media, base };
        publish(surface, Wanted { edits: vec![edit], notes }).await
    })))
}

/// Publishes a change, or pretends to.
pub async fn publish(surface: std::sync::Arc<Surface>, wanted: Wanted) -> Answer {
    let Notes { wait_ms, is_dry_run, .. } = wanted.notes;
    let is_large = wanted.edits.iter().map(WantedEdit::bytes).sum::<usize>() > HASH_APART_BYTES;
    let laid = match is_large {
        false => wanted.lay_out(),
        true => tokio::task::spawn_blocking(move || wanted.lay_out())
            .await
            .map_err(|_| Problem::internal("hashing failed"))?,
    };
    if let Err(malformed) = &laid.entry.content {
        return Err(ruling::refused(&Refusal::Malformed(malformed.clone()), None));
    }
    if is_dry_run {
        return rehearse::rehearse(surface, laid).await;
    }
    for (blob, bytes) in &laid.blobs {
        let stored = surface.edges.blobs.store(bytes.clone()).await;
        let stored =
            stored.map_err(|lost| away(format!("blob {} was not stored: {}", blob.digest, lost.0), &laid.entry))?;
        if stored != *blob {
            return Err(Problem::internal(format!("blob {} was stored as {}", blob.digest, stored.digest)));
        }
    }
    let revision = surface.edges.log.append(laid.entry.fields.clone()).await;
    let revision = revision.map_err(|error| match &error {
        AppendError::Away(_) => away(error.to_string(), &laid.entry),
        AppendError::Indeterminate { revision, .. } => indeterminate(error.to_string(), *revision, &laid.entry),
        AppendError::Refused(_) => {
            Problem::new(StatusCode::BAD_GATEWAY, "log-refuses", "the log refuses writes", error.to_string())
        }
    })?;
    let fate = surface.hub.settled(revision, Duration::from_millis(wait_ms)).await;
    match &fate {
        Fate::Settled(Outcome::Refused(Refusal::Duplicate(first))) => {
            again(&surface, &laid.entry, revision, *first).await
        }
        Fate::Settled(_) | Fate::Held(_) | Fate::Ahead | Fate::Forgotten => ruling::of(&fate, revision),
    }
}

/// A retry with the same token gets the answer the first one got, if it asked for the same.
async fn again(surface: &Surface, entry: &Entry, revision: Revision, first: Revision) -> Answer {
    let found = surface.edges.log.read(first, 1).await.unwrap_or_default();
    let is_same = found.first().is_some_and(|found| found.revision == first && found.fields == entry.fields);
    match surface.hub.fate(first) {
        fate @ (Fate::Settled(_) | Fate::Held(_)) if is_same => ruling::of(&fate, first),
        Fate::Settled(_) | Fate::Held(_) | Fate::Ahead | Fate::Forgotten => {
            Err(ruling::refused(&Refusal::Duplicate(first), Some(revision)))
        }
    }
}

/// The log is out of reach. The token goes along, so that the retry is safe.
fn away(detail: String, entry: &Entry) -> Problem {
    again_by_token("source-away", "the log is out of reach", &detail, entry)
}

/// Whether it was taken, or is there for good, nobody can tell. Without the token a retry might be another change.
fn indeterminate(detail: String, revision: Option<Revision>, entry: &Entry) -> Problem {
    let problem = again_by_token("indeterminate", "the change may have been taken, or not", &detail, entry);
    revision.into_iter().fold(problem, |problem, revision| problem.with("revision", revision.to_string()))
}

fn again_by_token(kind: &'static str, title: &'static str, detail: &str, entry: &Entry) -> Problem {
    let token = entry.content.as_ref().ok().and_then(|change| change.token.clone()).unwrap_or_default();
    let token = String::from_utf8_lossy(&token).into_owned();
    let detail = format!("{detail}; retry with the same token, given as Idempotency-Key, and it is one change");
    Problem::unavailable(kind, title, detail).with("token", token)
}

impl Notes {
    /// From the headers and parameters that all publishing requests share.
    pub fn read(surface: &Surface, request: &Request<Incoming>) -> Result<Notes, Problem> {
        let query = Query::parse(request.uri().query(), &["dry_run"])?;
        let headers = request.headers();
        let text = |name: &str| headers.get(name).map(|value| Bytes::copy_from_slice(value.as_bytes()));
        let settings = &surface.settings;
        let wait_ms = preferred_wait_ms(headers).unwrap_or(settings.publish_wait_ms);
        let fences = headers.get_all("sluice-fence").iter().filter_map(|value| value.to_str().ok());
        let fences = fences.flat_map(|value| value.split(',')).map(fence).collect::<Result<_, _>>()?;
        Ok(Notes {
            author: text("sluice-author"),
            reason: text("sluice-reason"),
            token: text("idempotency-key").map(|token| unquoted(&token)),
            overridden: text("sluice-override"),
            fences,
            from: text("sluice-from"),
            until: text("sluice-until"),
            wait_ms: wait_ms.min(settings.publish_wait_max_ms),
            is_dry_run: query.flag("dry_run")?,
        })
    }
}

/// `Prefer: wait=10`, in seconds, or `respond-async` (RFC 7240).
fn preferred_wait_ms(headers: &HeaderMap) -> Option<u64> {
    let wishes = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    wishes.flat_map(|value| value.split([',', ';'])).find_map(|wish| match wish.trim().split_once('=') {
        Some(("wait", seconds)) => seconds.trim_matches('"').parse::<u64>().ok()?.checked_mul(1000),
        Some(_) => None,
        None => (wish.trim() == "respond-async").then_some(0),
    })
}

/// `deploy=1763942400000000`: a lock and its token.
fn fence(text: &str) -> Result<(String, Bytes), Problem> {
    let wrong = || format!("Sluice-Fence {text:?} is not a lock and its token: write deploy=1763942400000000");
    let (resource, token) = text.trim().split_once('=').ok_or_else(|| Problem::bad_request(wrong()))?;
    Ok((resource.to_owned(), Bytes::copy_from_slice(token.as_bytes())))
}

fn unquoted(text: &Bytes) -> Bytes {
    match text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) {
        Some(inner) => text.slice_ref(inner),
        None => text.clone(),
    }
}

/// The media type of a body. What curl says when told nothing is not taken for one.
fn media(headers: &HeaderMap) -> Option<Bytes> {
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes)?;
    (given != b"application/x-www-form-urlencoded").then(|| Bytes::copy_from_slice(given))
}

impl WantedEdit {
    fn bytes(&self) -> usize {
        match &self.action {
            WantedAction::Put(bytes) => bytes.len(),
            WantedAction::Delete | WantedAction::Nothing => 0,
        }
    }
}

impl Wanted {
    /// The entry's fields, as `docs/PROTOCOL.md` has them.
    fn lay_out(self) -> Laid {
        let (mut fields, mut blobs) = (Vec::new(), Vec::new());
        for WantedEdit { key, action, media, base } in self.edits {
            let mut field = |name: &str, value: Bytes| fields.push((Bytes::from(format!("{name}:{key}")), value));
            base.into_iter().for_each(|base| field("base", base));
            media.into_iter().for_each(|media| field("type", media));
            match action {
                WantedAction::Put(bytes) if bytes.len() > INLINE_BYTES_MAX => {
                    let blob = BlobRef { digest: Digest::of(&bytes), length: bytes.len() as u64 };
                    field("put-blob", Bytes::from(format!("{} {}", blob.digest, blob.length)));
                    blobs.push((blob, bytes));
                }
                WantedAction::Put(bytes) => field("put", bytes),
                WantedAction::Delete => field("del", Bytes::new()),
                WantedAction::Nothing => (),
            }
        }
        let Notes { author, reason, token, overridden, fences, from, until, .. } = self.notes;
        fields.extend(fences.into_iter().map(|(resource, token)| (Bytes::from(format!("fence:{resource}")), token)));
        let token = token.unwrap_or_else(|| Bytes::from(chance::token()));
        let notes = [("author", author), ("reason", reason), ("token", Some(token)), ("override", overridden)];
        let notes = notes.into_iter().chain([("from", from), ("until", until)]);
        let given = notes.filter_map(|(name, value)| Some((Bytes::from_static(name.as_bytes()), value?)));
        fields.extend(given);
        Laid { entry: Entry::read(Revision::ZERO, fields), blobs }
    }
}
