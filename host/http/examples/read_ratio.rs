//! Requests a second for a 1 KiB value, against a bare hyper server that returns the same bytes.
//!
//! Each server has one thread to itself, whose own CPU time is measured too: that ratio holds on a busy
//! machine, where requests a second say more about the neighbours.
//!
//! `cargo run --release -p sluice-http --example read_ratio [CONNECTIONS [ROUNDS [KEYS]]]`: how many
//! different keys are read matters for the caches of the processor.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
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
use sluice_http::{Edges, Identity, Serves, Settings, Surface, serve};
use sluice_node::Hub;
use sluice_node::memory::{MemoryBlobs, MemoryHosts, MemoryLog, accept_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long one side is measured in one round.
const ROUND: Duration = Duration::from_millis(300);

/// Keys beside the one that is read, so that the look-up is a real one.
const KEYS: usize = 10_000;

/// A server that has a thread to itself.
struct Server {
    address: SocketAddr,
    /// Where Linux says how long the thread was on a CPU, in ns.
    clock: PathBuf,
}

/// What one round came to.
struct Rate {
    a_second: f64,
    /// The server's CPU time for one request, in ns.
    cpu_ns: f64,
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let (connections, rounds) = (arguments.next().unwrap_or(32), arguments.next().unwrap_or(31));
    let keys = arguments.next().unwrap_or(1).clamp(1, KEYS);
    let value = Bytes::from(vec![b'v'; 1024]);
    let (_stop, stop) = watch::channel(false);
    let (bare, sluice) = (Server::start("bare", bare(value.clone())), Server::start("sluice", sluice(value, stop)));
    let clients = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut by_rate, mut by_cpu) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let theirs = clients.block_on(bare.rate(connections, keys));
        let ours = clients.block_on(sluice.rate(connections, keys));
        by_rate.push(ours.a_second / theirs.a_second);
        by_cpu.push(theirs.cpu_ns / ours.cpu_ns);
        println!(
            "bare {:>7.0}/s {:>6.0} ns   sluice {:>7.0}/s {:>6.0} ns",
            theirs.a_second, theirs.cpu_ns, ours.a_second, ours.cpu_ns
        );
    }
    let (by_rate, by_cpu) = (median(by_rate), median(by_cpu));
    println!(
        "{connections} connections, {keys} keys: ratio {by_rate:.3} by requests a second, {by_cpu:.3} by the server's CPU time"
    );
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

impl Server {
    fn start(name: &str, begin: impl Future<Output = SocketAddr> + Send + 'static) -> Server {
        let (tell, told) = std::sync::mpsc::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let thread = std::fs::read_link("/proc/thread-self").expect("this is Linux");
                let server =
                    Server { address: begin.await, clock: PathBuf::from("/proc").join(thread).join("schedstat") };
                tell.send(server).expect("main waits for it");
                std::future::pending::<()>().await;
            });
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread");
        told.recv().expect("the server starts")
    }

    fn cpu_ns(&self) -> f64 {
        let text = std::fs::read_to_string(&self.clock).expect("the thread lives");
        text.split(' ').next().and_then(|number| number.parse().ok()).expect("schedstat begins with a number")
    }

    /// Over so many connections, one request at a time on each.
    async fn rate(&self, connections: usize, keys: usize) -> Rate {
        let (begun, cpu_begun) = (Instant::now(), self.cpu_ns());
        let clients = (0..connections).map(|_| tokio::spawn(client(self.address, begun + ROUND, keys)));
        let clients: Vec<_> = clients.collect();
        let mut answers = 0.0;
        for client in clients {
            answers += client.await.expect("a client does not panic") as f64;
        }
        let a_second = answers / begun.elapsed().as_secs_f64();
        Rate { a_second, cpu_ns: (self.cpu_ns() - cpu_begun) / answers }
    }
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
    let edges = Edges {
        log: Arc::new(MemoryLog::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        judge: Arc::new(accept_all()),
        hosts: Arc::new(MemoryHosts::default()),
    };
    let hub = Arc::new(Hub::new(state));
    let surface = Surface::new(hub, edges, None, identity, Settings::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(serve(listener, surface, Serves::Data, stop));
    address
}

async fn client(address: SocketAddr, until: Instant, keys: usize) -> usize {
    let request = |n: usize| format!("GET /v1/keys/app/service-{n}/limits HTTP/1.1\r\nhost: edge\r\n\r\n");
    let requests: Vec<String> = (0..keys).map(request).collect();
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a fresh socket takes it");
    let (mut buffer, mut answers) = (vec![0; 4096], 0);
    while Instant::now() < until {
        stream.write_all(requests[answers % keys].as_bytes()).await.expect("it reads");
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
