//! From a path to what it asks for.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;
use sluice_core::Key;

use crate::problem::Problem;

/// What a path asks for. The texts are as they stand in the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    /// `/v1/keys/{key}`
    Key(&'p str),
    /// `/v1/keys`
    Keys,
    /// `/v1/events`
    Events,
    /// `/v1/changes`
    Changes,
    /// `/v1/status`
    Status,
    /// `/v1/hosts`
    Hosts,
    /// `/v1/refusals`
    Refusals,
    /// `/v1/entries/{rev}`
    Entry(&'p str),
    /// `/v1/snapshot`
    Snapshot,
    /// `/livez`
    Live,
    /// `/readyz` and `/healthz`
    Ready,
    /// `/metrics`
    Metrics,
    /// `/openapi.json`
    Description,
    /// Anything else.
    Unknown,
}

/// How many routes there are, for tables by [`Route::index`].
pub const ROUTES: usize = 14;

/// Every path that is served, as `openapi.json` writes it. A path that is not here is unknown.
pub const PATHS: [(&str, Route<'static>); 14] = [
    ("/v1/keys/{key}", Route::Key("{key}")),
    ("/v1/keys", Route::Keys),
    ("/v1/events", Route::Events),
    ("/v1/changes", Route::Changes),
    ("/v1/status", Route::Status),
    ("/v1/hosts", Route::Hosts),
    ("/v1/refusals", Route::Refusals),
    ("/v1/entries/{rev}", Route::Entry("{rev}")),
    ("/v1/snapshot", Route::Snapshot),
    ("/livez", Route::Live),
    ("/readyz", Route::Ready),
    ("/healthz", Route::Ready),
    ("/metrics", Route::Metrics),
    ("/openapi.json", Route::Description),
];

impl<'p> Route<'p> {
    /// Looks a path up; the path of a value first, for it is asked for most.
    pub fn of(path: &'p str) -> Route<'p> {
        if let Some(key) = path.strip_prefix("/v1/keys/") {
            return Route::Key(key);
        }
        if let Some(revision) = path.strip_prefix("/v1/entries/") {
            return Route::Entry(revision);
        }
        PATHS.iter().find(|(served, _)| *served == path).map_or(Route::Unknown, |(_, route)| *route)
    }

    /// The methods it takes, as `Allow` lists them.
    pub fn methods(self) -> &'static str {
        match self {
            Route::Key(_) => "GET, HEAD, PUT, DELETE",
            Route::Changes => "POST",
            Route::Keys | Route::Events | Route::Status | Route::Hosts | Route::Refusals | Route::Entry(_) => {
                "GET, HEAD"
            }
            Route::Snapshot => "GET, HEAD",
            Route::Live | Route::Ready | Route::Metrics | Route::Description | Route::Unknown => "GET, HEAD",
        }
    }

    /// Whether it takes this method.
    pub fn takes(self, method: &Method) -> bool {
        self.methods().split(", ").any(|taken| taken == method.as_str())
    }

    /// Its place in a table.
    pub fn index(self) -> usize {
        match self {
            Route::Key(_) => 0,
            Route::Keys => 1,
            Route::Events => 2,
            Route::Changes => 3,
            Route::Status => 4,
            Route::Hosts => 5,
            Route::Refusals => 6,
            Route::Entry(_) => 7,
            Route::Live => 8,
            Route::Ready => 9,
            Route::Metrics => 10,
            Route::Description => 11,
            Route::Snapshot => 12,
            Route::Unknown => 13,
        }
    }

    /// Its name in metrics: the first path that leads to it.
    pub fn label(self) -> &'static str {
        PATHS.iter().find(|(_, route)| route.index() == self.index()).map_or("unknown", |(path, _)| path)
    }

    /// Whether it is about the host and not about the configuration.
    pub fn is_administration(self) -> bool {
        match self {
            Route::Status | Route::Hosts | Route::Refusals | Route::Entry(_) | Route::Metrics | Route::Snapshot => true,
            Route::Key(_) | Route::Keys | Route::Events | Route::Changes => false,
            Route::Live | Route::Ready | Route::Description | Route::Unknown => false,
        }
    }

    /// Whether it is about the configuration. Health and the description belong to both.
    pub fn is_data(self) -> bool {
        match self {
            Route::Key(_) | Route::Keys | Route::Events | Route::Changes => true,
            Route::Status | Route::Hosts | Route::Refusals | Route::Entry(_) | Route::Metrics | Route::Snapshot => {
                false
            }
            Route::Live | Route::Ready | Route::Description | Route::Unknown => false,
        }
    }
}

/// The key in a path. Decoded once, here, after routing, so that `%2F` and `/` in a key are the same.
///
/// # Errors
/// What is wrong with the key, in the words of the core.
pub fn key(raw: &str) -> Result<Key, Problem> {
    let bytes: Cow<'_, [u8]> = match raw.contains('%') {
        false => Cow::Borrowed(raw.as_bytes()),
        true => percent_decode_str(raw).into(),
    };
    Key::parse(&bytes).map_err(|error| Problem::bad_request(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_is_decoded_once() {
        assert_eq!(key("app%2Fdb%2Ejson").ok().unwrap().as_str(), "app/db.json");
        assert!(key("app%252Fdb").is_err(), "twice decoded it would be a key");
        assert!(key("a%").is_err() && key("%00").is_err() && key("").is_err() && key("%ff").is_err());
    }

    #[test]
    fn paths_are_told_apart() {
        assert_eq!(Route::of("/v1/keys/a/b"), Route::Key("a/b"));
        assert_eq!(Route::of("/v1/keys/"), Route::Key(""));
        assert_eq!(Route::of("/v1/keys"), Route::Keys);
        assert_eq!(Route::of("/v1/entries/1-0"), Route::Entry("1-0"));
        assert_eq!(Route::of("/v2"), Route::Unknown);
    }

    #[test]
    fn every_route_is_a_path_and_has_a_place_of_its_own() {
        for (path, route) in PATHS {
            assert_eq!(Route::of(path), route);
        }
        let places: BTreeSet<usize> = PATHS.iter().map(|(_, route)| route.index()).collect();
        assert!(places.into_iter().eq(0..Route::Unknown.index()) && Route::Unknown.index() == ROUTES - 1);
    }
}
