//! Every answer that is a no: RFC 9457 problem details.

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::body::Body;

/// What went wrong, for the program that asked and for the people behind it. Boxed, because it travels
/// in results whose good half is on the path of every read.
#[derive(Debug)]
pub struct Problem(Box<Details>);

#[derive(Debug)]
struct Details {
    status: StatusCode,
    /// Stable, for programs: `urn:sluice:problem:<kind>`.
    kind: &'static str,
    title: &'static str,
    /// The value and the remedy.
    detail: String,
    members: Map<String, Value>,
    headers: HeaderMap,
}

impl Problem {
    /// A problem of one kind; `title` says the kind in words.
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let (members, headers) = (Map::new(), HeaderMap::new());
        Problem(Box::new(Details { status, kind, title, detail, members, headers }))
    }

    /// The request makes no sense.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", "the request makes no sense", detail)
    }

    /// There is nothing here.
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "not found", detail)
    }

    /// The path is right, the method is not.
    pub fn method(allowed: &'static str) -> Problem {
        let detail = format!("this path takes {allowed}");
        let problem =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "the method does not fit the path", detail);
        problem.header(ALLOW, HeaderValue::from_static(allowed))
    }

    /// Nobody may do this here.
    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "not allowed here", detail)
    }

    /// Whoever asks has not shown that they may.
    pub fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "not allowed without a token", detail)
    }

    /// The condition in the request's headers does not hold.
    pub fn precondition(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PRECONDITION_FAILED, "precondition", "the precondition does not hold", detail)
    }

    /// The request is too large.
    pub fn too_large(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too large", detail)
    }

    /// Known, and not there yet.
    pub fn not_supported(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_IMPLEMENTED, "not-supported", "not supported yet", detail)
    }

    /// It may work later.
    pub fn unavailable(kind: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail);
        problem.header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// A bug of this host.
    pub fn internal(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the host failed", detail)
    }

    /// Adds a member of its own (RFC 9457 §3.2).
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Problem {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.0.headers.insert(name, value);
        self
    }

    /// As a response to a request for `instance`.
    pub fn respond(self, instance: &str) -> Response<Body> {
        let Details { status, kind, title, detail, members, headers } = *self.0;
        let mut document = json!({
            "type": format!("urn:sluice:problem:{}", kind),
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "instance": instance,
        });
        if let Value::Object(object) = &mut document {
            object.extend(members);
        }
        let mut response = Response::new(Body::whole(document.to_string()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
