//! From a path to what it asks for.

use std::borrow::Cow;

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
    /// `/livez`
    Live,
    /// `/readyz` and `/healthz`
    Ready,
    /// `/metrics`
    Metrics,
    /// Anything else.
    Unknown,
}

/// How many routes there are, for tables by [`Route::index`].
pub const ROUTES: usize = 12;

impl<'p> Route<'p> {
    /// Looks a path up; the path of a value first, for it is asked for most.
    pub fn of(path: &'p str) -> Route<'p> {
        if let Some(key) = path.strip_prefix("/v1/keys/") {
            return Route::Key(key);
        }
        match path {
            "/v1/keys" => Route::Keys,
            "/v1/events" => Route::Events,
            "/v1/changes" => Route::Changes,
            "/v1/status" => Route::Status,
            "/v1/hosts" => Route::Hosts,
            "/v1/refusals" => Route::Refusals,
            "/livez" => Route::Live,
            "/readyz" | "/healthz" => Route::Ready,
            "/metrics" => Route::Metrics,
            _ => path.strip_prefix("/v1/entries/").map_or(Route::Unknown, Route::Entry),
        }
    }

    /// Its place in a table.
    pub fn index(self) -> usize {
        match self {
            Route::Key(_) => 0,
            Route::Keys => 1,
            Route::Events => 2,
            Route::Changes => 3,
            Route::Status => 4,
            Route::Refusals => 5,
            Route::Entry(_) => 6,
            Route::Live => 7,
            Route::Ready => 8,
            Route::Metrics => 9,
            Route::Hosts => 10,
            Route::Unknown => 11,
        }
    }

    /// Its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Route::Key(_) => "/v1/keys/{key}",
            Route::Keys => "/v1/keys",
            Route::Events => "/v1/events",
            Route::Changes => "/v1/changes",
            Route::Status => "/v1/status",
            Route::Hosts => "/v1/hosts",
            Route::Refusals => "/v1/refusals",
            Route::Entry(_) => "/v1/entries/{rev}",
            Route::Live => "/livez",
            Route::Ready => "/readyz",
            Route::Metrics => "/metrics",
            Route::Unknown => "unknown",
        }
    }

    /// Whether it is about the host and not about the configuration.
    pub fn is_administration(self) -> bool {
        match self {
            Route::Status | Route::Hosts | Route::Refusals | Route::Entry(_) | Route::Metrics => true,
            Route::Key(_) | Route::Keys | Route::Events | Route::Changes => false,
            Route::Live | Route::Ready | Route::Unknown => false,
        }
    }

    /// Whether it is about the configuration. Health belongs to both.
    pub fn is_data(self) -> bool {
        match self {
            Route::Key(_) | Route::Keys | Route::Events | Route::Changes => true,
            Route::Status | Route::Hosts | Route::Refusals | Route::Entry(_) | Route::Metrics => false,
            Route::Live | Route::Ready | Route::Unknown => false,
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
    fn every_route_has_a_place_of_its_own() {
        let paths = ["/v1/keys/a", "/v1/keys", "/v1/events", "/v1/changes", "/v1/status", "/v1/refusals"];
        let more = ["/v1/entries/1", "/livez", "/readyz", "/metrics", "/v1/hosts", "/"];
        let places = paths.into_iter().chain(more).map(|path| Route::of(path).index());
        assert!(places.eq(0..ROUTES));
    }
}
