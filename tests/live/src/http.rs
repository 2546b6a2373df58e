//! Requests to a host, as any program would send them.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use ureq::http::{HeaderMap, Request};

/// Longest time one exchange may take, streams included.
const EXCHANGE: Duration = Duration::from_secs(60);
/// Largest body read, in bytes: more than any value.
const BODY_BYTES_MAX: u64 = 128 << 20;

/// What a host answered.
#[derive(Debug)]
pub struct Reply {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

/// An open event stream.
pub struct Events {
    lines: std::io::Lines<Box<dyn BufRead + Send>>,
}

impl Reply {
    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Events {
    /// The next event; heartbeats and hints are passed over. `None` at the end of the stream.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and then there is nothing to go on with")]
    pub fn next(&mut self) -> Result<Option<Event>> {
        let (mut name, mut id, mut data) = (String::new(), None, Value::Null);
        for line in self.lines.by_ref() {
            let line = line?;
            match line.split_once(": ") {
                Some(("event", text)) => name = text.to_owned(),
                Some(("id", text)) => id = Some(text.to_owned()),
                Some(("data", text)) => data = serde_json::from_str(text)?,
                Some(_) => (),
                None if line.is_empty() && !name.is_empty() => return Ok(Some(Event { name, id, data })),
                None => id = None,
            }
        }
        Ok(None)
    }
}

/// Sends a request and reads the whole answer. An empty body is none.
pub fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = match body.is_empty() {
        true => agent().run(request.body(())?),
        false => agent().run(request.body(body)?),
    };
    let mut response = response.with_context(|| format!("{method} {url}"))?;
    let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec()?;
    Ok(Reply { code: response.status().as_u16(), headers: response.headers().clone(), body })
}

/// Opens an event stream.
pub fn events(url: &str, headers: &[(&str, &str)]) -> Result<Events> {
    let mut request = agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.call()?;
    anyhow::ensure!(response.status() == 200, "GET {url}: {}", response.status());
    let reader: Box<dyn BufRead + Send> = Box::new(BufReader::new(response.into_body().into_reader()));
    Ok(Events { lines: reader.lines() })
}

/// A connection of its own each time: what one request leaves behind must not help the next.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(EXCHANGE)).build().into()
}
