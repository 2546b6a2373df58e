//! `/openapi.json`: what all the other paths take and give, for programs and for people.

use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use crate::body::Body;
use crate::door::Answer;
use crate::surface::Surface;

/// The document. Kept by hand: what it promises is held against what is served by tests, here and in
/// `tests/http/promises.rs`.
const DOCUMENT: &[u8] = include_bytes!("../openapi.json");

/// `GET /openapi.json`.
pub fn get(_: &Surface) -> Answer {
    let mut response = Response::new(Body::whole(DOCUMENT));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::route::PATHS;

    /// What may stand in a path's item beside methods.
    const SHARED: [&str; 1] = ["parameters"];

    fn document() -> Value {
        serde_json::from_slice(DOCUMENT).unwrap()
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = document();
        let items = document["paths"].as_object().unwrap().iter();
        let described: BTreeSet<(String, String)> = items
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys().filter(|name| !SHARED.contains(&name.as_str()));
                methods.map(|method| (path.clone(), method.to_uppercase()))
            })
            .collect();
        // HEAD goes with GET, and the document says so once for all.
        let served: BTreeSet<(String, String)> = PATHS
            .iter()
            .flat_map(|(path, route)| {
                let methods = route.methods().split(", ");
                assert_eq!(route.methods().contains("GET"), route.methods().contains("HEAD"), "{path}");
                methods.filter(|method| *method != "HEAD").map(|method| ((*path).to_owned(), method.to_owned()))
            })
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn it_is_of_this_version() {
        assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
