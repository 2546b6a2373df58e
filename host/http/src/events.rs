//! Changes as they happen: server-sent events.
//!
//! Nothing is queued for a watcher but the names of keys. A piece of the stream is made when the
//! connection has room for it, from the values current at that moment. So a slow reader costs no memory:
//! it skips what was overwritten meanwhile, and when it falls behind what the hub remembers it gets a
//! `reset`. One that takes nothing at all is closed by the crowd's stall clock.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use serde::Serialize;
use serde_json::json;
use sluice_core::{Key, Revision};
use sluice_node::View;
use sluice_node::hub::{Gone, Touch};
use tokio::sync::watch;

use crate::body::Body;
use crate::crowd::Busy;
use crate::door::{Answer, Door};
use crate::freshness;
use crate::problem::Problem;
use crate::query::Query;
use crate::row::Row;
use crate::serve::stopped;
use crate::surface::Seat;

/// One watcher.
struct Watcher {
    door: Door,
    prefix: String,
    /// All touches up to here are sent or in `pending`.
    cursor: Revision,
    /// Touches at the cursor itself that were sent, with the revision the key had: a held change that is
    /// released later lies at the cursor too, and must not be taken for one of them.
    seen: Vec<(Key, Revision)>,
    pending: VecDeque<Touch>,
    stage: Stage,
    /// Whether it was told last that some rule finds the host's values stale.
    is_stale: bool,
    installs: watch::Receiver<u64>,
    _seat: Seat,
    _busy: Busy,
}

enum Stage {
    /// Sends all current values, from behind this key.
    Snapshot(Option<String>),
    /// Sends what changes.
    Follow,
    /// Has said its last word.
    Over,
}

/// `GET /v1/events`.
pub fn get(door: &Door, request: &Request<Incoming>) -> Answer {
    let query = Query::parse(request.uri().query(), &["prefix", "since", "snapshot"])?;
    let since = match last_event_id(request.headers())? {
        Some(id) => Some(id),
        None => query.revision("since")?,
    };
    let wants_snapshot = query.flag("snapshot")? && since.is_none();
    let prefix = query.text("prefix").unwrap_or_default().to_owned();
    let mut response = Response::new(Body::EMPTY);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Tells nginx and those that took the habit from it to pass each event on at once.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    if request.method() == Method::GET {
        let watcher = Watcher::new(door, prefix, since, wants_snapshot)?;
        let hint = Bytes::from(format!("retry: {}\n\n", door.settings().retry_ms));
        let pieces = futures_util::stream::unfold((Some(hint), watcher), |(hint, mut watcher)| async {
            match hint {
                Some(hint) => Some((hint, (None, watcher))),
                None => watcher.next().await.map(|piece| (piece, (None, watcher))),
            }
        });
        *response.body_mut() = Body::Pieces(Box::pin(pieces));
    }
    Ok(response)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Revision>, Problem> {
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else { return Ok(None) };
    let text = String::from_utf8_lossy(id.as_bytes());
    text.parse().map(Some).map_err(|error| Problem::bad_request(format!("Last-Event-ID: {error}")))
}

impl Watcher {
    fn new(door: &Door, prefix: String, since: Option<Revision>, wants_snapshot: bool) -> Result<Watcher, Problem> {
        let hub = &door.surface.hub;
        let installs = hub.subscribe();
        let mut watcher = Watcher {
            prefix,
            cursor: since.unwrap_or_default(),
            seen: Vec::new(),
            pending: VecDeque::new(),
            stage: if wants_snapshot { Stage::Snapshot(None) } else { Stage::Follow },
            is_stale: false,
            installs,
            _seat: door.surface.seat()?,
            _busy: door.line.busy(),
            door: door.clone(),
        };
        if since.is_none() {
            watcher.start_at(&hub.view());
        }
        Ok(watcher)
    }

    /// Counts everything in this view as sent.
    fn start_at(&mut self, view: &View) {
        self.cursor = self.cursor.max(view.state.cursor);
        let at_cursor = self.door.surface.hub.touched_since(self.cursor, &self.prefix).unwrap_or_default();
        self.note_seen(view, &at_cursor);
    }

    fn note_seen(&mut self, view: &View, touches: &[Touch]) {
        let here = touches.iter().filter(|touch| touch.at == self.cursor);
        self.seen = here.map(|touch| (touch.key.clone(), view.state.revision_of(&touch.key))).collect();
    }

    /// The next piece of the stream, or its end.
    async fn next(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.stage, Stage::Follow) {
            Stage::Snapshot(after) => Some(self.snapshot(after)),
            Stage::Follow => Some(self.follow().await),
            Stage::Over => None,
        }
    }

    fn snapshot(&mut self, after: Option<String>) -> Bytes {
        let settings = self.door.settings();
        let view = self.door.surface.hub.view();
        let mut text = String::new();
        for (key, item) in view.state.range(&self.prefix, after.as_deref()) {
            // Without an id: whoever is cut off in the middle has to begin again.
            event(&mut text, "put", None, &Row::new(key, item, item.bytes.len() <= settings.event_value_bytes_max));
            if text.len() >= settings.event_bytes_max {
                self.stage = Stage::Snapshot(Some(key.as_str().to_owned()));
                return text.into();
            }
        }
        event(&mut text, "synced", Some(self.cursor), &json!({ "revision": self.cursor.to_string() }));
        text.into()
    }

    async fn follow(&mut self) -> Bytes {
        loop {
            if !self.pending.is_empty() {
                return self.piece();
            }
            self.installs.borrow_and_update();
            if self.refill() == Err(Gone) {
                return self.reset();
            }
            if !self.pending.is_empty() {
                continue;
            }
            if let Some(turned) = self.turned() {
                return turned;
            }
            let surface = &self.door.surface;
            let stale_in_ms = freshness::stale_in_ms(surface, &surface.hub.view()).unwrap_or(u64::MAX);
            let beat = Duration::from_millis(surface.settings.heartbeat_ms.min(stale_in_ms));
            tokio::select! {
                biased;
                () = stopped(self.door.stop.clone()) => return self.bye(),
                changed = self.installs.changed() => if changed.is_err() { return self.bye() },
                () = tokio::time::sleep(beat) => return self.beat(),
            }
        }
    }

    /// Takes over what was touched since the last look. The view is taken first: the hub notes touches
    /// before it swaps the view, so all touches up to the view's cursor are there, and later ones can wait.
    fn refill(&mut self) -> Result<(), Gone> {
        let hub = self.door.surface.hub.clone();
        let view = hub.view();
        let mut touches = hub.touched_since(self.cursor, &self.prefix)?;
        touches.retain(|touch| touch.at <= view.state.cursor);
        let is_new = |touch: &&Touch| {
            let sent = (touch.key.clone(), view.state.revision_of(&touch.key));
            touch.at > self.cursor || !self.seen.contains(&sent)
        };
        self.pending = touches.iter().filter(is_new).cloned().collect();
        self.cursor = self.cursor.max(view.state.cursor);
        self.note_seen(&view, &touches);
        Ok(())
    }

    /// As many pending events as fit one piece.
    fn piece(&mut self) -> Bytes {
        let settings = self.door.settings();
        let view = self.door.surface.hub.view();
        let mut text = String::new();
        while let Some(Touch { at, key }) = self.pending.pop_front() {
            // The id says "everything up to here was sent", so only the last event of a revision has it.
            let id = self.pending.front().is_none_or(|next| next.at > at).then_some(at);
            match view.state.item(&key) {
                Some(item) => {
                    let is_full = item.bytes.len() <= settings.event_value_bytes_max;
                    event(&mut text, "put", id, &Row::new(&key, item, is_full));
                }
                None => event(&mut text, "delete", id, &json!({ "key": key.as_str(), "revision": at.to_string() })),
            }
            if text.len() >= settings.event_bytes_max {
                break;
            }
        }
        text.into()
    }

    /// Says when the host's values become stale, and when they no longer are.
    fn turned(&mut self) -> Option<Bytes> {
        let surface = self.door.surface.clone();
        let view = surface.hub.view();
        let is_stale = freshness::is_stale(&surface, &view);
        if std::mem::replace(&mut self.is_stale, is_stale) == is_stale {
            return None;
        }
        let (mut text, silent_ms) = (String::new(), freshness::silent_ms(&surface, &view));
        event(&mut text, if is_stale { "stale" } else { "fresh" }, None, &json!({ "silentMs": silent_ms }));
        Some(text.into())
    }

    /// The gap is too wide: the watcher has to read everything again, and goes on from here.
    fn reset(&mut self) -> Bytes {
        let hub = self.door.surface.hub.clone();
        let view = hub.view();
        self.start_at(&view);
        let mut text = String::new();
        let why = "too far behind: list the keys again";
        event(&mut text, "reset", Some(self.cursor), &json!({ "revision": self.cursor.to_string(), "why": why }));
        text.into()
    }

    fn bye(&mut self) -> Bytes {
        self.stage = Stage::Over;
        let mut text = String::new();
        event(&mut text, "stop", None, &json!({ "why": "the host is stopping: reconnect" }));
        text.into()
    }

    /// Keeps proxies from cutting a silent stream. An id without data moves the browser's `Last-Event-ID`
    /// on without an event, so that a quiet prefix can still be resumed later.
    fn beat(&self) -> Bytes {
        format!(": beat\nid: {}\n\n", self.cursor).into()
    }
}

/// Writes one event. JSON has no line breaks in it, so one `data` line holds it.
fn event(text: &mut String, name: &str, id: Option<Revision>, data: &impl Serialize) {
    let data = serde_json::to_string(data).expect("our documents have text keys and no failing parts");
    let written = match id {
        Some(id) => writeln!(text, "event: {name}\nid: {id}\ndata: {data}\n"),
        None => writeln!(text, "event: {name}\ndata: {data}\n"),
    };
    written.expect("a string takes whatever is written to it");
}
