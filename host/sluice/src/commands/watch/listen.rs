//! Watching through a host: its server-sent events.

use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use sluice_core::Revision;
use tokio::time::sleep;

use super::sink::{Seen, Sink};
use crate::exit::Failure;
use crate::payload;
use crate::sse::{Event, Parser};
use crate::through::Through;

/// Pause before connecting again to a host that broke off.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Largest event taken, in bytes: hosts leave larger values out.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// Shows what changes under `prefix` behind `from`, or from now on.
///
/// # Errors
/// The host cannot be reached at first. Later it is waited for.
pub async fn listen(host: &Through, prefix: &str, from: Option<Revision>, sink: &mut Sink<'_>) -> Result<()> {
    let mut since = from.map(|from| from.to_string());
    let mut has_begun = false;
    while !sink.is_full() {
        match listen_once(host, prefix, &mut since, &mut has_begun, sink).await {
            Ok(()) => (),
            Err(error) if has_begun && matches!(error.downcast_ref(), Some(Failure::Away(_))) => {
                sink.remark(format_args!("{error:#}: connecting again"));
                sleep(RETRY_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn listen_once(
    host: &Through,
    prefix: &str,
    since: &mut Option<String>,
    has_begun: &mut bool,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let place = since.as_ref().map(|since| format!("&since={since}")).unwrap_or_default();
    let mut body = host.ask(&format!("/v1/events?prefix={prefix}{place}")).await?.into_body();
    *has_begun = true;
    let mut parser = Parser::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| crate::exit::away(format!("the host broke off: {error}")))?;
        for event in frame.data_ref().map(|data| parser.take(data)).unwrap_or_default() {
            on_event(host, &event, sink).await?;
            if event.id.is_some() {
                since.clone_from(&event.id);
            }
            if sink.is_full() {
                return Ok(());
            }
        }
        if parser.waiting() > EVENT_BYTES_MAX {
            return Err(anyhow!("the host sends an event of more than {EVENT_BYTES_MAX} bytes: is it a sluice host?"));
        }
    }
    Err(crate::exit::away("the host ended the stream"))
}

async fn on_event(host: &Through, event: &Event, sink: &mut Sink<'_>) -> Result<()> {
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    match event.name.as_str() {
        "put" | "delete" => {
            let (Some(key), Some(revision)) = (text("key"), text("revision")) else { return Ok(()) };
            let value = match event.name.as_str() {
                "delete" => None,
                _ => value(host, &key, text("value"), text("valueBase64")).await?,
            };
            // Hosts keep values, not who wrote them.
            sink.take(&Seen { key, revision, value, author: None, reason: None }).await
        }
        "reset" => {
            sink.remark("the host no longer knows all that changed since: some changes are not shown");
            Ok(())
        }
        // Newer hosts may send more.
        _ => Ok(()),
    }
}

/// The value in the event, or asked for: hosts leave large ones out. None when it is gone again by then.
async fn value(host: &Through, key: &str, text: Option<String>, base64: Option<String>) -> Result<Option<Bytes>> {
    if text.is_some() || base64.is_some() {
        return payload::read(text, base64).map(Some).map_err(|fault| anyhow!("key \"{key}\": {fault}"));
    }
    match host.ask(&format!("/v1/keys/{key}")).await {
        Ok(answer) => host.whole(answer).await.map(Some),
        Err(error) if error.is::<Failure>() => Err(error),
        Err(_) => Ok(None),
    }
}
