//! Requests that wait for a change: one question asked again at each install.

use std::time::Duration;

use hyper::header::{ETAG, HeaderMap, IF_NONE_MATCH};
use hyper::{Response, StatusCode};
use sluice_core::{Key, Revision};
use sluice_node::{Hub, View};
use tokio::time::Instant;

use crate::answer::{REVISION, revision};
use crate::body::Body;
use crate::chance;
use crate::condition::{Tag, none_match_hits};
use crate::door::{Door, Step};
use crate::keys;
use crate::problem::Problem;
use crate::query::Query;
use crate::serve::stopped;

/// Asks `check` now and after each install, until it has an answer, `wait_ms` have passed, or the host
/// stops. Every wait is shortened a little at random, so that polls that began together end apart.
pub async fn until<T>(door: Door, wait_ms: u64, mut check: impl FnMut(&View) -> Option<T>) -> Option<T> {
    let wait_ms = chance::shortened(wait_ms.min(door.settings().wait_max_ms));
    let deadline = Instant::now() + Duration::from_millis(wait_ms);
    let mut installs = door.surface.hub.subscribe();
    loop {
        // Marked as seen before looking, so an install in between wakes at once.
        installs.borrow_and_update();
        if let Some(found) = check(&door.surface.hub.view()) {
            return Some(found);
        }
        tokio::select! {
            changed = installs.changed() => changed.ok()?,
            () = tokio::time::sleep_until(deadline) => return None,
            () = stopped(door.stop.clone()) => return None,
        }
    }
}

/// `GET /v1/keys/{key}`, with parameters or without.
pub fn key(door: &Door, key: Key, query: Option<&str>, headers: &HeaderMap) -> Result<Step, Problem> {
    let query = Query::parse(query, &["at", "wait", "since"])?;
    if let Some(at) = query.revision("at")? {
        is_now(&door.surface.hub.view(), &key, at)?;
    }
    let since = query.revision("since")?;
    let Some(wait_ms) = query.wait_ms("wait")? else {
        return Ok(Step::Done(keys::read(&door.surface, &key, headers)));
    };
    if since.is_none() && !headers.contains_key(IF_NONE_MATCH) {
        return Err(Problem::bad_request(
            "wait needs to know what you have: add since=REV, 0 for nothing, or If-None-Match",
        ));
    }
    let seat = door.surface.seat()?;
    let (door, headers) = (door.clone(), headers.clone());
    Ok(Step::Wait(Box::pin(async move {
        let surface = door.surface.clone();
        let changed = |view: &View| is_changed(&surface.hub, view, &key, since, &headers).then_some(());
        let found = until(door, wait_ms, changed).await;
        drop(seat);
        // A change of anything else, such as the value's revision alone, must not come out as a plain 304.
        let headers = if since.is_some() { HeaderMap::new() } else { headers };
        match found {
            Some(()) => keys::read(&surface, &key, &headers),
            None => Ok(unchanged(&surface.hub.view(), &key)),
        }
    })))
}

/// Whether there is anything the reader does not have. With `since` that goes by the key's revision; an
/// absent key has none, so for it, and for a revision the key never had, the recent touches decide.
fn is_changed(hub: &Hub, view: &View, key: &Key, since: Option<Revision>, headers: &HeaderMap) -> bool {
    let item = view.state.item(key);
    let Some(since) = since else {
        return !item.is_some_and(|item| none_match_hits(headers, &Tag::of(&item.digest)));
    };
    let found = item.map_or(Revision::ZERO, |item| item.revision);
    match found.cmp(&since) {
        std::cmp::Ordering::Equal => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => match hub.touched_since(since, key.as_str()) {
            Err(sluice_node::hub::Gone) => true,
            Ok(touches) => {
                let new = touches.iter().filter(|touch| touch.at > since && touch.at <= view.state.cursor);
                new.into_iter().any(|touch| touch.key == *key)
            }
        },
    }
}

/// The end of a wait without news.
pub fn unchanged(view: &View, key: &Key) -> Response<Body> {
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if let Some(item) = view.state.item(key) {
        headers.insert(ETAG, Tag::of(&item.digest).header());
        headers.insert(REVISION, revision(item.revision));
    } else {
        headers.insert(REVISION, revision(view.state.cursor));
    }
    response
}

/// History is not kept yet, so `at` may only name the present.
fn is_now(view: &View, key: &Key, at: Revision) -> Result<(), Problem> {
    let is_now = at == view.state.cursor || view.state.item(key).is_some_and(|item| item.revision == at);
    match is_now {
        true => Ok(()),
        false => Err(Problem::not_supported(format!(
            "at={at}: older values are not kept yet; leave at out, or read the change itself at /v1/entries/{at}"
        ))),
    }
}
