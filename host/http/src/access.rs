//! Who may publish.

use std::fmt;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use sluice_core::Digest;

use crate::problem::Problem;

/// The secret a publisher must show. Only its digest is kept, so that nothing can print it.
#[derive(Clone)]
pub struct Bearer(Digest);

impl Bearer {
    /// The bearer of this secret may publish.
    pub fn new(secret: &[u8]) -> Bearer {
        Bearer(Digest::of(secret))
    }

    /// Takes the same time wherever the two differ. Digests are compared, not secrets, so their lengths
    /// are the same, and a caller cannot even choose the bytes that are compared.
    fn is(&self, shown: &[u8]) -> bool {
        let shown = Digest::of(shown);
        self.0.0.iter().zip(shown.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(***)")
    }
}

/// Lets publishers in.
pub fn check(bearer: Option<&Bearer>, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(bearer) = bearer else {
        return Err(Problem::forbidden(
            "publishing over HTTP is off: set publish_token_file on the host, or append to the log",
        ));
    };
    let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let secret = shown.and_then(|text| match text.split_at_checked(7) {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(secret.trim_ascii()),
        Some(_) | None => None,
    });
    match secret {
        Some(secret) if bearer.is(secret) => Ok(()),
        Some(_) => Err(refused("the bearer token is not the one this host knows: check publish_token_file")),
        None => Err(refused("publishing needs a token: send Authorization: Bearer <token>")),
    }
}

fn refused(detail: &str) -> Problem {
    Problem::unauthorized(detail).header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bearer_of_the_secret_is_let_in() {
        let bearer = Bearer::new(b"s3cret");
        let check = |value: &'static str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            check(Some(&bearer), &headers).is_ok()
        };
        assert!(check("Bearer s3cret") && check("bearer  s3cret "));
        assert!(!check("Bearer s3cre") && !check("Bearer s3crets") && !check("Basic s3cret") && !check("s3cret"));
        assert!(!check("Bearer") && !check("") && !check("Bearer "));
    }

    #[test]
    fn a_debug_print_shows_no_secret() {
        assert_eq!(format!("{:?}", Bearer::new(b"s3cret")), "Bearer(***)");
    }
}
