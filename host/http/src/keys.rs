//! One value, or that there is none.

use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use sluice_core::{Item, Key, Media};
use sluice_node::View;

use crate::answer::{AGE_MS, REVISION, revision};
use crate::body::Body;
use crate::condition::{Tag, none_match_hits};
use crate::door::Answer;
use crate::freshness;
use crate::problem::Problem;
use crate::surface::Surface;

/// Headers of a value. Room for them is asked for once; hyper writes its own two past the map.
const HEADERS: usize = 6;

/// The current value of a key.
pub fn read(surface: &Surface, key: &Key, headers: &HeaderMap) -> Answer {
    let view = surface.hub.view();
    let warning = freshness::check(surface, &view, [key])?;
    match view.state.item(key) {
        Some(item) => Ok(freshness::warn(value(item, surface.age_ms(&view), headers), warning)),
        None => Err(missing(surface, &view, key)),
    }
}

/// A value, or 304 when the reader has it.
pub fn value(item: &Item, age_ms: u64, request: &HeaderMap) -> Response<Body> {
    let tag = Tag::of(&item.digest);
    let mut response = Response::new(Body::EMPTY);
    let is_known = none_match_hits(request, &tag);
    let mut headers = HeaderMap::with_capacity(HEADERS);
    if !is_known {
        headers.insert(CONTENT_TYPE, content_type(&item.media));
    }
    headers.insert(ETAG, tag.header());
    headers.insert(REVISION, revision(item.revision));
    headers.insert(AGE_MS, HeaderValue::from(age_ms));
    *response.headers_mut() = headers;
    match is_known {
        true => *response.status_mut() = StatusCode::NOT_MODIFIED,
        false => *response.body_mut() = Body::Whole(item.bytes.clone()),
    }
    response
}

/// There is no such key. The revision says as of when.
pub fn missing(surface: &Surface, view: &View, key: &Key) -> Problem {
    let cursor = view.state.cursor;
    Problem::not_found(format!("key \"{key}\" is absent at revision {cursor}"))
        .header(REVISION, revision(cursor))
        .header(AGE_MS, HeaderValue::from(surface.age_ms(view)))
}

fn content_type(media: &Media) -> HeaderValue {
    match media.as_str() {
        "application/json" => HeaderValue::from_static("application/json"),
        "application/yaml" => HeaderValue::from_static("application/yaml"),
        "application/toml" => HeaderValue::from_static("application/toml"),
        "application/octet-stream" => HeaderValue::from_static("application/octet-stream"),
        "text/plain; charset=utf-8" => HeaderValue::from_static("text/plain; charset=utf-8"),
        other => HeaderValue::from_str(other).expect("a media type is visible ASCII"),
    }
}
