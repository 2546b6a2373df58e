//! Reading a request's body within bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};

use crate::problem::Problem;
use crate::surface::Surface;

/// Reads a body of at most `most` bytes. Few are read at once; the others wait for their turn.
pub async fn read(surface: &Surface, body: Incoming, most: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::too_large(format!("the body has more than {most} bytes: the host takes no more"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let turn = surface.uploads.acquire();
    let _turn = turn.await.map_err(|_| Problem::internal("uploads are closed"))?;
    let all = collect(body, most);
    match tokio::time::timeout(Duration::from_millis(surface.settings.body_ms), all).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(error)) => Err(Problem::bad_request(format!("the body ended early: {error}"))),
        Err(_) => {
            let detail = format!("the body took longer than {} ms: send it faster", surface.settings.body_ms);
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body took too long", detail))
        }
    }
}

/// The whole body, or nothing when it is too large. A small one comes in one piece and is taken as it is.
async fn collect(mut body: Incoming, most: usize) -> Result<Option<Bytes>, hyper::Error> {
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if whole.len() + pieces.len() + data.len() > most {
            return Ok(None);
        }
        if whole.is_empty() && pieces.is_empty() {
            whole = data;
            continue;
        }
        pieces.extend_from_slice(&std::mem::take(&mut whole));
        pieces.extend_from_slice(&data);
    }
    Ok(Some(if pieces.is_empty() { whole } else { pieces.freeze() }))
}
