//! `/v1/snapshot`: all that this host serves, as one file.
//!
//! Chunks are packed one by one as the connection takes them, so a state of any size costs the memory of a few.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response};
use sluice_core::key::COMPONENTS;
use sluice_core::{BlobRef, Content, Digest, State};
use sluice_node::Blobs;
use sluice_pack::{Chunk, Packing, begin_archive, end_archive};
use tokio::sync::mpsc;

use crate::access;
use crate::answer::{REVISION, revision};
use crate::body::Body;
use crate::door::{Answer, Door, Step};
use crate::problem::Problem;
use crate::query::Query;
use crate::surface::Surface;

/// Chunks packed ahead of the connection; each is 64 KiB, or one large value.
const PACKED_AHEAD: usize = 4;

/// How many components this host does not have, whose bytes are not in the file.
const MISSING: &str = "sluice-missing-components";

/// `GET /v1/snapshot`. A host that knows a publishing token wants it shown: the file has the tokens of publishers too.
pub fn get(door: &Door, request: &Request<Incoming>) -> Result<Step, Problem> {
    Query::parse(request.uri().query(), &[])?;
    if let Some(bearer) = &door.settings().bearer {
        access::check(Some(bearer), request.headers())?;
    }
    let (surface, is_head) = (door.surface.clone(), request.method() == Method::HEAD);
    Ok(Step::Wait(Box::pin(async move { give(&surface, is_head).await })))
}

async fn give(surface: &Arc<Surface>, is_head: bool) -> Answer {
    let state = surface.hub.view().state.clone();
    let (blobs, missing) = blobs(&*surface.edges.blobs, &state).await;
    let mut response = Response::new(Body::EMPTY);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REVISION, revision(state.cursor));
    headers.insert(MISSING, HeaderValue::from(missing));
    if !is_head {
        let turn = surface.snapshots.clone().try_acquire_owned().map_err(|_| {
            let most = surface.settings.snapshots_max;
            let detail = format!("{most} snapshots of this host are being taken already: ask another host, or later");
            Problem::unavailable("snapshots", "too many snapshots at once", detail)
        })?;
        let (pieces, taken) = mpsc::channel(PACKED_AHEAD);
        let space = surface.identity.space.clone();
        tokio::task::spawn_blocking(move || {
            // Whoever no longer listens finds the file cut short, if they still look at it.
            drop(pack(Pieces(pieces), &space, &state, &blobs));
            drop(turn);
        });
        let pieces = futures_util::stream::unfold(taken, |mut taken| async { Some((taken.recv().await?, taken)) });
        *response.body_mut() = Body::Pieces(Box::pin(pieces));
    }
    Ok(response)
}

/// The components that are announced, the blobs of held changes, and how many of both are not to be had.
async fn blobs(edge: &dyn Blobs, state: &State) -> (Vec<Bytes>, u64) {
    let components = state.range(COMPONENTS, None).map(|(key, _)| &key.as_str()[COMPONENTS.len()..]);
    let mut wanted: BTreeMap<Digest, Option<Bytes>> = BTreeMap::new();
    wanted.extend(components.filter_map(|name| name.parse().ok()).map(|digest| (digest, None)));
    for entry in state.held.values() {
        let named = entry.fields.iter().filter(|(name, _)| name.starts_with(b"put-blob:"));
        wanted.extend(named.filter_map(|(_, value)| named_blob(value)).map(|digest| (digest, None)));
        for put in entry.content.iter().flat_map(|change| change.puts()) {
            if let (Content::Here(bytes), Some(place)) = (&put.content, wanted.get_mut(&put.digest)) {
                *place = Some(bytes.clone());
            }
        }
    }
    let (mut found, mut missing) = (Vec::new(), 0);
    for (digest, at_hand) in wanted {
        let bytes = match at_hand {
            Some(bytes) => Ok(bytes),
            None => edge.fetch(digest).await,
        };
        match bytes {
            Ok(bytes) if Digest::of(&bytes) == digest => found.push(bytes),
            Ok(_) | Err(_) => missing += 1,
        }
    }
    (found, missing)
}

/// The blob a field names.
fn named_blob(value: &[u8]) -> Option<Digest> {
    std::str::from_utf8(value).ok()?.split_once(' ')?.0.parse().ok()
}

fn pack(mut out: Pieces, space: &str, state: &State, blobs: &[Bytes]) -> io::Result<()> {
    begin_archive(&mut out)?;
    let manifest = Packing::new(space, state, None).each(|chunk: Chunk| out.put(chunk.bytes))?;
    blobs.iter().try_for_each(|bytes| out.put(bytes.clone()))?;
    let named = blobs.iter().map(|bytes| BlobRef { digest: Digest::of(bytes), length: bytes.len() as u64 });
    end_archive(&mut out, &manifest, &named.collect::<Vec<_>>(), None)
}

/// The pieces of a file on their way to a connection.
struct Pieces(mpsc::Sender<Bytes>);

impl Pieces {
    fn put(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.blocking_send(bytes).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(Bytes::copy_from_slice(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
