//! Answers in JSON, and the headers many answers share.

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use sluice_core::Revision;

use crate::body::Body;

/// Says which form the JSON has; a form once published only grows.
pub const API_VERSION: &str = "sluice/v1";

/// The revision an answer is about: of the value, or of the whole state for a listing.
pub const REVISION: HeaderName = HeaderName::from_static("sluice-revision");

/// How old the configuration may be, in ms.
pub const AGE_MS: HeaderName = HeaderName::from_static("sluice-age-ms");

/// A document.
pub fn json(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(document).expect("our documents have text keys and no failing parts");
    let mut response = Response::new(Body::whole(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A revision as a header, without going through the formatter: this is part of every read.
pub fn revision(revision: Revision) -> HeaderValue {
    let mut text = [0; 41];
    let mut end = text.len();
    end = digits(&mut text, end, revision.seq);
    end -= 1;
    text[end] = b'-';
    end = digits(&mut text, end, revision.ms);
    HeaderValue::from_bytes(&text[end..]).expect("digits make a header")
}

/// Writes a number so that it ends before `end`, and says where it begins.
fn digits(text: &mut [u8], mut end: usize, mut number: u64) -> usize {
    loop {
        end -= 1;
        text[end] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_header_reads_like_the_revision() {
        for (ms, seq) in [(0, 0), (7, 10), (1_700_000_000_000, 3), (u64::MAX, u64::MAX)] {
            let this = Revision { ms, seq };
            assert_eq!(revision(this).to_str().unwrap(), this.to_string());
        }
    }
}
