//! Whether the host lives, whether it should be asked, and what it counts.

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use metrics::gauge;

use crate::body::Body;
use crate::door::Answer;
use crate::problem::Problem;
use crate::surface::Surface;

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
        (false, true) => text(StatusCode::OK, "ok\n", "text/plain; charset=utf-8"),
    })
}

/// `/metrics`, as Prometheus reads them. Ages are set here, for they change while nothing happens.
pub fn metrics(surface: &Surface) -> Answer {
    let Some(handle) = &surface.metrics else {
        return Err(Problem::not_found("metrics are off on this host"));
    };
    gauge!("sluice_config_age_seconds").set(surface.age_ms(&surface.hub.view()) as f64 / 1000.0);
    Ok(text(StatusCode::OK, handle.render(), "text/plain; version=0.0.4; charset=utf-8"))
}

fn text(status: StatusCode, body: impl Into<bytes::Bytes>, media: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
