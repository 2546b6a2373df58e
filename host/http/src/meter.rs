//! What the surfaces count.

use std::array;
use std::sync::OnceLock;

use hyper::StatusCode;
use metrics::{Counter, Gauge, counter, gauge};

use crate::route::{ROUTES, Route};

/// The status codes given out here; another one would count as the last.
const CODES: [(u16, &str); 20] = [
    (200, "200"),
    (304, "304"),
    (404, "404"),
    (202, "202"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (412, "412"),
    (413, "413"),
    (421, "421"),
    (422, "422"),
    (431, "431"),
    (500, "500"),
    (501, "501"),
    (502, "502"),
    (503, "503"),
    (599, "other"),
];

/// Handles, each made when it is first needed and kept, so that counting costs an atomic addition and
/// `/metrics` shows no row that never was.
pub struct Meter {
    requests: [[OnceLock<Counter>; CODES.len()]; ROUTES],
    /// Event streams and long polls that are open.
    pub watchers: Gauge,
    /// Open connections.
    pub connections: Gauge,
}

impl Default for Meter {
    fn default() -> Self {
        Meter {
            requests: array::from_fn(|_| array::from_fn(|_| OnceLock::new())),
            watchers: gauge!("sluice_watchers", "surface" => "http"),
            connections: gauge!("sluice_http_connections"),
        }
    }
}

impl Meter {
    /// Counts an answer.
    pub fn answered(&self, route: Route<'_>, status: StatusCode) {
        let code = status.as_u16();
        let place = CODES.iter().position(|(known, _)| *known == code).unwrap_or(CODES.len() - 1);
        let make = || counter!("sluice_http_requests_total", "route" => route.label(), "code" => CODES[place].1);
        self.requests[route.index()][place].get_or_init(make).increment(1);
    }
}
