//! A space through a host's HTTP surface, for those who cannot reach Redis.

mod fleet;
mod listing;
mod whole;

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::exit::{Failure, away, usage};
use crate::settings;
use crate::space::Context;

pub use whole::Download;

/// Largest answer read whole, in bytes: the largest value, with room for the largest page. A host that
/// sends more is none, and must not fill this machine's memory.
const ANSWER_BYTES_MAX: usize = 128 << 20;

/// One host.
pub struct Through {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    token_file: Option<PathBuf>,
}

impl Through {
    /// The host of `--host`, if it was given.
    pub fn of(context: &Context) -> Result<Option<Through>> {
        context.reach.host.as_deref().map(|host| Through::to(context, host)).transpose()
    }

    /// The host at an address.
    ///
    /// # Errors
    /// It is none.
    pub fn to(context: &Context, address: &str) -> Result<Through> {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Ok(Through { base: base(address)?, client, token_file: context.reach.publish_token_file.clone() })
    }

    /// Asks for a path with its query and answers with the head of what came.
    ///
    /// # Errors
    /// The host is out of reach, or its answer is a no: then in its own words.
    pub async fn ask(&self, path: &str) -> Result<Response<Incoming>> {
        let request = Request::get(self.uri(path)?).body(Full::default()).expect("a parsed address makes a request");
        let response = self.exchange(request).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(refusal(response.status(), &self.whole(response).await.unwrap_or_default())),
        }
    }

    /// Sends a change, with at most `wait_s` seconds for its outcome, and answers with what became of it: a
    /// document that has an `outcome`.
    ///
    /// # Errors
    /// As for [`Through::ask`], when the answer has no outcome.
    pub async fn publish(&self, path: &str, change: &Value, wait_s: u64) -> Result<Value> {
        let mut request = Request::post(self.uri(path)?).header(CONTENT_TYPE, "application/json");
        request = request.header("prefer", format!("wait={wait_s}"));
        if let Some(bearer) = self.bearer()? {
            request = request.header(AUTHORIZATION, bearer);
        }
        let body = Full::from(change.to_string());
        let request = request.body(body).expect("a parsed address makes a request");
        let response = self.client.request(request).await.map_err(|error| match error.is_connect() {
            true => self.lost(&error),
            false => Failure::Indeterminate(format!("host {} gave no answer: {}", self.base, root(&error))).into(),
        })?;
        let status = response.status();
        // What came of it is in the rest.
        let unread = |error| Failure::Indeterminate(format!("{error:#}")).into();
        let text =
            self.whole(response).await.map_err(|error| if status.is_success() { unread(error) } else { error })?;
        let document: Value = serde_json::from_slice(&text).unwrap_or_default();
        match document.get("outcome").is_some_and(Value::is_string) {
            true => Ok(document),
            false if status == StatusCode::UNAUTHORIZED => {
                Err(usage(format!("{}: name its file with --publish-token-file FILE", refusal(status, &text))))
            }
            false => Err(refusal(status, &text)),
        }
    }

    /// What `--publish-token-file` says, as a header.
    fn bearer(&self) -> Result<Option<HeaderValue>> {
        let Some(file) = &self.token_file else { return Ok(None) };
        let bearer = format!("Bearer {}", settings::publish_token(file)?);
        let mut bearer: HeaderValue = bearer.parse().map_err(|_| usage("the token has bytes no header takes"))?;
        bearer.set_sensitive(true);
        Ok(Some(bearer))
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    fn uri(&self, path: &str) -> Result<Uri> {
        format!("{}{path}", self.base).parse().map_err(usage)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        self.client.request(request).await.map_err(|error| self.lost(&error))
    }

    fn lost(&self, error: &dyn std::error::Error) -> anyhow::Error {
        away(format!("host {} is out of reach: {}", self.base, root(error)))
    }

    /// The whole body of an answer.
    pub async fn whole(&self, response: Response<Incoming>) -> Result<Bytes> {
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let cut = |error| away(format!("host {} broke off its answer: {error}", self.base));
        Ok(body.map_err(cut)?.to_bytes())
    }

    /// A document.
    pub async fn document(&self, path: &str) -> Result<Value> {
        let response = self.ask(path).await?;
        let text = self.whole(response).await?;
        serde_json::from_slice(&text).map_err(|error| anyhow!("{}{path} is no JSON: {error}", self.base))
    }
}

fn base(text: &str) -> Result<String> {
    let wrong = || usage(format!("{text:?} is no address of a host: write http://127.0.0.1:7717"));
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    match (uri.scheme_str(), uri.authority(), uri.path()) {
        (Some("http"), Some(authority), "" | "/") => Ok(format!("http://{authority}")),
        (Some("https"), _, _) => Err(usage(format!("{text}: this build has no TLS: use http:// through a tunnel"))),
        (_, _, _) => Err(wrong()),
    }
}

/// A no of the host, by what its caller can do about it.
fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let detail = problem.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    let words = detail.map_or_else(|| format!("the host answers {status}"), crate::output::printable);
    let kind = problem.as_ref().and_then(|problem| problem.get("type")?.as_str());
    match status.as_u16() {
        503 if kind == Some("urn:sluice:problem:indeterminate") => Failure::Indeterminate(words).into(),
        400 | 401 | 403 | 405 | 413 | 501 => usage(words),
        502..=504 => away(words),
        _ => anyhow!(words),
    }
}

/// The innermost cause: the client's own words only say that it could not.
fn root(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Failure;

    #[test]
    fn an_address_is_taken_with_or_without_its_scheme() {
        for text in ["127.0.0.1:7717", "http://127.0.0.1:7717", "http://127.0.0.1:7717/"] {
            assert_eq!(base(text).unwrap(), "http://127.0.0.1:7717");
        }
        for text in ["", "http://", "ftp://h", "http://h/path", "a b"] {
            assert!(base(text).is_err(), "{text:?}");
        }
        assert!(base("https://h").unwrap_err().to_string().contains("no TLS"));
    }

    #[test]
    fn a_no_of_the_host_is_told_in_its_words() {
        let error = refusal(StatusCode::NOT_FOUND, br#"{"detail":"key \"a\" is absent"}"#);
        assert_eq!(error.to_string(), "key \"a\" is absent");
        assert!(error.downcast_ref::<Failure>().is_none());
        let error = refusal(StatusCode::SERVICE_UNAVAILABLE, b"<html>");
        assert!(matches!(error.downcast_ref(), Some(Failure::Away(_))));
        let body = br#"{"type":"urn:sluice:problem:indeterminate","detail":"taken, or not"}"#;
        let error = refusal(StatusCode::SERVICE_UNAVAILABLE, body);
        assert!(matches!(error.downcast_ref(), Some(Failure::Indeterminate(_))));
    }
}
