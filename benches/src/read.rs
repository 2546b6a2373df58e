//! Reads over HTTP, against a bare hyper server that returns the same bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use sluice_core::{State, Verdict, fold};
use sluice_http::{Serves, Surface};
use sluice_node::Hub;
use sluice_node::memory::{MemoryBlobs, MemoryHosts, MemoryLog, accept_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::table::{Goal, Row, median};
use crate::{Scale, state};

/// Connections of the load, each with one request open.
const CONNECTIONS: usize = 64;

/// Keys of the state read from, and how many of them are read: one that is in every cache, or all in turn.
const KEYS: usize = 10_000;

/// One key read over and over, and many in turn. The bare server returns as many different values: what the
/// memory takes to bring them, both sides pay.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    Ok(vec![row("one key", 1, scale).await?, row("10,000 keys in turn", KEYS, scale).await?])
}

async fn row(name: &str, keys: usize, scale: Scale) -> Result<Row> {
    let (stop, stopped) = watch::channel(false);
    let ours = TcpListener::bind("127.0.0.1:0").await?;
    let bare = TcpListener::bind("127.0.0.1:0").await?;
    let (our_address, bare_address) = (ours.local_addr()?, bare.local_addr()?);
    let serving = tokio::spawn(sluice_http::serve(ours, surface(), Serves::Everything, stopped));
    let plain = tokio::spawn(serve_bare(bare, keys));
    let (mut measured, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs * 2 + 1 {
        limits.push(load(bare_address, keys, scale.requests / 2).await?);
        measured.push(load(our_address, keys, scale.requests / 2).await?);
    }
    stop.send_replace(true);
    plain.abort();
    serving.await?;
    let (measured, limit) = (median(measured), median(limits));
    let name = format!("HTTP reads of 1 KiB, 64 connections, {name}");
    Ok(Row::ratio(&name, "req/s", measured, ("bare hyper", limit), Goal::AtLeast(0.9)))
}

fn surface() -> Arc<Surface> {
    let mut state = State::default();
    for key in 0..KEYS {
        fold::fold(&mut state, &state::entry(key as u64, key), |_, _| Verdict::accept());
    }
    let identity =
        sluice_http::Identity { host: "bench".to_owned(), space: "bench".to_owned(), version: "0".to_owned() };
    let edges = sluice_http::Edges {
        log: Arc::new(MemoryLog::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        judge: Arc::new(accept_all()),
        hosts: Arc::new(MemoryHosts::default()),
    };
    Surface::new(Arc::new(Hub::new(state)), edges, None, identity, sluice_http::Settings::default())
}

async fn serve_bare(listener: TcpListener, keys: usize) {
    let values: Arc<[Bytes]> = (0..keys).map(|key| state::value(key as u64)).collect();
    let first = AtomicUsize::new(0);
    while let Ok((stream, _)) = listener.accept().await {
        let values = values.clone();
        let next = AtomicUsize::new(first.fetch_add(157, Ordering::Relaxed));
        drop(stream.set_nodelay(true));
        tokio::spawn(async move {
            let answer = service_fn(move |_| {
                let value = values[next.fetch_add(31, Ordering::Relaxed) % values.len()].clone();
                async move { Ok::<_, Infallible>(Response::new(Full::new(value))) }
            });
            drop(http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

/// Requests a second over keep-alive connections. A client as thin as one can be: what it costs, both sides pay.
async fn load(address: SocketAddr, keys: usize, requests: usize) -> Result<f64> {
    let each = requests.div_ceil(CONNECTIONS);
    let mut clients = Vec::new();
    for client in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        clients.push(async move {
            let mut buffer = vec![0; 16 << 10];
            for number in 0..each {
                let name = state::name((client * 157 + number * 31) % keys);
                let request = format!("GET /v1/keys/{name} HTTP/1.1\r\nhost: bench\r\n\r\n");
                stream.write_all(request.as_bytes()).await?;
                answer(&mut stream, &mut buffer).await?;
            }
            anyhow::Ok(())
        });
    }
    let begun = Instant::now();
    let running: Vec<_> = clients.into_iter().map(tokio::spawn).collect();
    for client in running {
        client.await??;
    }
    Ok((each * CONNECTIONS) as f64 / begun.elapsed().as_secs_f64())
}

/// Reads one answer whose body is a value of 1 KiB.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
        if let Some(head) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
            ensure!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..head]));
            if filled >= head + 4 + 1024 {
                return Ok(());
            }
        }
    }
}
