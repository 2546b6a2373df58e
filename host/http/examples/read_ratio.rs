//! Requests a second for a 1 KiB value, against a bare hyper server that returns the same bytes.
//!
//! `cargo run --release -p sluice-http --example read_ratio [CONNECTIONS [ROUNDS]]`

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, body::Incoming};
use hyper_util::rt::TokioIo;
use sluice_core::{Digest, Item, Key, Media, Revision, State};
use sluice_http::{Identity, Serves, Settings, Surface, serve};
use sluice_node::Hub;
use sluice_node::memory::{MemoryBlobs, MemoryLog, accept_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long one side is measured in one round.
const ROUND: Duration = Duration::from_millis(1500);

/// Keys beside the one that is read, so that the look-up is a real one.
const KEYS: usize = 10_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let (connections, rounds) = (arguments.next().unwrap_or(32), arguments.next().unwrap_or(7));
    let value = Bytes::from(vec![b'v'; 1024]);
    let bare = bare(value.clone()).await;
    let (_stop, stop) = watch::channel(false);
    let sluice = sluice(value, stop).await;
    let (mut ratios, mut best) = (Vec::new(), (0.0_f64, 0.0_f64));
    for _ in 0..rounds {
        let (theirs, ours) = (rate(bare, connections).await, rate(sluice, connections).await);
        println!("bare {theirs:>8.0}/s   sluice {ours:>8.0}/s   ratio {:.3}", ours / theirs);
        ratios.push(ours / theirs);
        best = (best.0.max(theirs), best.1.max(ours));
    }
    ratios.sort_by(f64::total_cmp);
    let (median, of_best) = (ratios[ratios.len() / 2], best.1 / best.0);
    println!("{connections} connections: median ratio {median:.3}, ratio of the best rounds {of_best:.3}");
}

/// Answers everything with `value`.
async fn bare(value: Bytes) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a fresh socket takes it");
            let value = value.clone();
            let service = service_fn(move |_: hyper::Request<Incoming>| {
                let response = Response::builder().header(CONTENT_TYPE, "application/octet-stream");
                std::future::ready(Ok::<_, Infallible>(response.body(Full::new(value.clone())).expect("it is valid")))
            });
            tokio::spawn(http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn sluice(value: Bytes, stop: watch::Receiver<bool>) -> SocketAddr {
    let mut state = State::default();
    for n in 0..KEYS {
        let key = Key::parse(format!("app/service-{n}/limits").as_bytes()).expect("a valid key");
        let item = Item {
            revision: Revision { ms: 1_700_000_000_000, seq: n as u64 },
            media: Media::of_key(&key),
            digest: Digest::of(&value),
            bytes: value.clone(),
        };
        state.set(&key, Some(item));
    }
    let identity = Identity { host: "edge-1".to_owned(), space: "bench".to_owned(), version: "0".to_owned() };
    let (log, blobs, judge) = (Arc::new(MemoryLog::default()), Arc::new(MemoryBlobs::default()), Arc::new(accept_all()));
    let hub = Arc::new(Hub::new(state));
    let surface = Surface::new(hub, (log, blobs, judge), None, identity, Settings::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(serve(listener, surface, Serves::Data, stop));
    address
}

/// Requests a second over so many connections, one request at a time on each.
async fn rate(address: SocketAddr, connections: usize) -> f64 {
    let begun = Instant::now();
    let clients = (0..connections).map(|_| tokio::spawn(client(address, begun + ROUND)));
    let clients: Vec<_> = clients.collect();
    let mut answers = 0;
    for client in clients {
        answers += client.await.expect("a client does not panic");
    }
    answers as f64 / begun.elapsed().as_secs_f64()
}

async fn client(address: SocketAddr, until: Instant) -> usize {
    let request = b"GET /v1/keys/app/service-77/limits HTTP/1.1\r\nhost: edge\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a fresh socket takes it");
    let (mut buffer, mut answers) = (vec![0; 4096], 0);
    while Instant::now() < until {
        stream.write_all(request).await.expect("it reads");
        let mut filled = 0;
        loop {
            filled += stream.read(&mut buffer[filled..]).await.expect("it answers");
            let head = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n");
            if head.is_some_and(|head| filled == head + 4 + 1024) {
                break;
            }
        }
        answers += 1;
    }
    answers
}
