//! Whether the host lives, whether it should be asked, and what it counts.

use std::collections::BTreeSet;
use std::path::Path;

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use metrics::gauge;
use sluice_core::{Key, Lost, Refusal, Revision, State};

use crate::body::Body;
use crate::door::Answer;
use crate::freshness;
use crate::problem::Problem;
use crate::process;
use crate::surface::Surface;

/// What the source of changes can be: not heard of since the start, answering, out of reach, or not the one that was
/// followed so far.
const SOURCE_STATES: [&str; 7] = ["starting", "ok", "away", "reset", "trimmed", "forked", "hole"];

/// `/livez`: it answers, so it lives.
pub fn live() -> Answer {
    Ok(text(StatusCode::OK, "ok\n", "text/plain; charset=utf-8"))
}

/// `/readyz`: a good state is installed and the host is not about to stop. Staleness is a metric and never
/// makes a host unready: when the log is away, all hosts would be, and nobody would serve.
pub fn ready(surface: &Surface) -> Answer {
    let has_state = surface.hub.view().state.index > 0 || surface.hub.fresh_ms() > 0;
    Ok(match (surface.is_draining(), has_state) {
        (true, _) => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n", "text/plain; charset=utf-8"),
        (false, false) => text(StatusCode::SERVICE_UNAVAILABLE, "waiting for the log\n", "text/plain; charset=utf-8"),
        (false, true) => {
            let told = match &surface.hub.standing().probation {
                None => "ok\n".to_owned(),
                Some(Lost(why)) => format!("ok, with an older set: {why}\n"),
            };
            text(StatusCode::OK, told, "text/plain; charset=utf-8")
        }
    })
}

/// `/metrics`, as Prometheus reads them. What can be told at any time, and ages, which change while nothing
/// happens, are worked out here and not at each install.
pub fn metrics(surface: &Surface) -> Answer {
    let Some(handle) = &surface.metrics else {
        return Err(Problem::not_found("metrics are off on this host"));
    };
    let view = surface.hub.view();
    gauge!("sluice_config_age_seconds").set(surface.age_ms(&view) as f64 / 1000.0);
    gauge!("sluice_log_silent_seconds").set(freshness::silent_ms(surface, &view) as f64 / 1000.0);
    gauge!("sluice_stale").set(if freshness::is_stale(surface, &view) { 1.0 } else { 0.0 });
    gauge!("sluice_refused_keys").set(refused_keys(&view.state) as f64);
    let is_held = surface.hub.standing().probation.is_some();
    gauge!("sluice_probation").set(if is_held { 1.0 } else { 0.0 });
    let now = source_state(surface);
    for state in SOURCE_STATES {
        gauge!("sluice_source_state", "state" => state).set(if state == now { 1.0 } else { 0.0 });
    }
    let told = handle.render() + &process::exposition(Path::new("/proc"));
    Ok(text(StatusCode::OK, told, "text/plain; version=0.0.4; charset=utf-8"))
}

fn source_state(surface: &Surface) -> &'static str {
    let standing = surface.hub.standing();
    match (standing.rift, &standing.source, surface.hub.fresh_ms()) {
        (Some(rift), _, _) => rift.as_str(),
        (None, Some(_), _) => "away",
        (None, None, 0) => "starting",
        (None, None, _) => "ok",
    }
}

/// Keys with a newer change that was refused than the value they have. Only what the state remembers counts,
/// which also bounds the work. A retry of a change that was applied is refused, and takes nothing from anybody.
fn refused_keys(state: &State) -> usize {
    let lost = state.refused.iter().filter(|refused| !matches!(refused.refusal, Refusal::Duplicate(_)));
    let pairs = lost.flat_map(|refused| refused.keys.iter().map(move |key| (key, refused.revision)));
    let behind = |(key, at): &(&Key, Revision)| state.revision_of(key) < *at;
    pairs.filter(behind).map(|(key, _)| key).collect::<BTreeSet<_>>().len()
}

fn text(status: StatusCode, body: impl Into<bytes::Bytes>, media: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
