//! One host with its surfaces, and a client that says exactly what it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sluice_core::{Action, Cause, Content, Entry, Finding, Put, Revision, Severity, State, Verdict};
use sluice_http::{Bearer, Drained, Edges, Identity, Serves, Settings, Surface, serve};
use sluice_node::memory::{FnJudge, MemoryBlobs, MemoryHosts, MemoryLog, MemoryReports, MemorySnapshots, MemoryStore};
use sluice_node::{Heard, Host, Hosts, Hub, Judgement, Log, Ports};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const SECRET: &str = "Bearer let-me";

pub struct Edge {
    pub address: SocketAddr,
    pub log: Arc<MemoryLog>,
    pub hub: Arc<Hub>,
    pub surface: Arc<Surface>,
    pub stop: watch::Sender<bool>,
    pub serving: JoinHandle<Drained>,
    host: watch::Sender<bool>,
    running: JoinHandle<()>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Rejects whatever has "bad" in it, once a validator is bound.
fn judge(entry: &Entry, _: &State) -> Judgement {
    let Ok(change) = &entry.content else { return Ok(Verdict::accept()) };
    let bad = change.edits.iter().find(|edit| match &edit.action {
        Action::Put(Put { content: Content::Here(bytes), .. }) => bytes.windows(3).any(|three| three == b"bad"),
        Action::Put(Put { content: Content::At(_), .. }) | Action::Delete => false,
    });
    let Some(edit) = bad else { return Ok(Verdict::accept()) };
    let finding = Finding {
        validator: "no-bad".into(),
        severity: Severity::Error,
        code: "bad".into(),
        message: "this is bad".into(),
        key: Some(edit.key.clone()),
        pointer: Some("/limit".into()),
        help: None,
    };
    Ok(Verdict::Reject(Cause::Verdict, Arc::new([finding])))
}

/// A host that lives, one that is silent, and one that speaks no JSON.
fn heard() -> Vec<Heard> {
    let heard = |host: &str, report: Option<&'static str>| Heard {
        host: host.to_owned(),
        seen_ms: 7_000,
        revision: None,
        report: report.map(|text| Bytes::from_static(text.as_bytes())),
    };
    vec![heard("edge-1", Some(r#"{"host":"edge-1","revision":"5-0"}"#)), heard("gone", None), heard("odd", Some("?"))]
}

impl Edge {
    pub async fn start() -> Edge {
        Edge::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Edge {
        Edge::build(change, Serves::Everything, State::default(), None).await
    }

    pub async fn build(
        change: impl FnOnce(&mut Settings),
        serves: Serves,
        state: State,
        publish_to: Option<Arc<dyn Log>>,
    ) -> Edge {
        Edge::among(change, serves, state, publish_to, Arc::new(MemoryHosts(heard()))).await
    }

    /// One that hears of other hosts in this way.
    pub async fn among(
        change: impl FnOnce(&mut Settings),
        serves: Serves,
        state: State,
        publish_to: Option<Arc<dyn Log>>,
        hosts: Arc<dyn Hosts>,
    ) -> Edge {
        let mut settings = Settings { bearer: Some(Bearer::new(b"let-me")), ..Settings::default() };
        change(&mut settings);
        let (log, blobs) = (Arc::new(MemoryLog::default()), Arc::new(MemoryBlobs::default()));
        let hub = Arc::new(Hub::new(state.clone()));
        let (reports, store) = (Arc::new(MemoryReports::default()), Arc::new(MemoryStore::default()));
        let snapshots = Arc::<MemorySnapshots>::default();
        let leases = Arc::<sluice_node::memory::MemoryLeases>::default();
        let judge = Arc::new(FnJudge(judge));
        let ports = Ports { log: log.clone(), blobs, snapshots, reports, judge, store, leases };
        let (host_sender, host_stop) = watch::channel(false);
        let host = Host { settings: sluice_core::Settings::default(), state, ports: ports.clone(), hub: hub.clone() };
        let running = tokio::spawn(host.run(host_stop));
        let identity = Identity { host: "edge-1".into(), space: "shop".into(), version: "0".into() };
        let log_port = publish_to.unwrap_or(ports.log);
        let edges = Edges { log: log_port, blobs: ports.blobs, judge: ports.judge, hosts };
        let surface = Surface::new(hub.clone(), edges, None, identity, settings);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, surface.clone(), serves, stopped));
        Edge { address, log, hub, surface, stop, serving, host: host_sender, running }
    }

    /// Appends to the log, as another publisher would, and waits until this host has it.
    pub async fn write(&self, fields: &[(&str, &str)]) -> Revision {
        let revision = self.log.write(fields);
        self.hub.settled(revision, Duration::from_secs(600)).await;
        revision
    }

    /// From here on this host takes nothing new from the log. Tests with paused time need it: the node's own
    /// clock is the real one, and its alarms would never be due.
    pub async fn stop_pulling(&mut self) {
        self.host.send_replace(true);
        (&mut self.running).await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "edge");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    /// Publishes with the right token.
    pub async fn publish(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", SECRET)]).collect();
        self.ask(method, path, &headers, body).await
    }

    /// A connection that has sent these bytes.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_ref()).await.unwrap();
        stream
    }

    /// A stream of events that has begun.
    pub async fn watch(&self, path: &str, headers: &str) -> Events {
        let mut events = Events {
            stream: self.raw(format!("GET {path} HTTP/1.1\r\nhost: e\r\n{headers}\r\n")).await,
            text: String::new(),
        };
        events.until("retry: ").await;
        events
    }
}

/// What an event stream said so far.
pub struct Events {
    pub stream: TcpStream,
    pub text: String,
}

impl Events {
    /// Reads on until `wanted` has come, and answers with all up to there that was not answered with yet.
    pub async fn until(&mut self, wanted: &str) -> String {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Some(at) = self.text.find(wanted) {
                let rest = self.text.split_off(at + wanted.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let read = tokio::time::timeout(Duration::from_secs(60), self.stream.read(&mut buffer));
            let count = read.await.unwrap_or_else(|_| panic!("no {wanted:?} after {:?}", self.text)).unwrap();
            assert_ne!(count, 0, "ended before {wanted:?} after {:?}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    /// Reads to the end.
    pub async fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        // A connection that was cut is an end too.
        drop(self.stream.read_to_end(&mut bytes).await);
        self.text + &String::from_utf8_lossy(&bytes)
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The detail of a problem with this status.
    #[track_caller]
    pub fn problem(self, status: u16) -> String {
        let reply = self.expect(status);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        let document = reply.json();
        assert_eq!(document["status"], status);
        for member in ["type", "title", "detail", "instance"] {
            assert!(document[member].is_string(), "{member} is missing: {document}");
        }
        document["detail"].as_str().unwrap().to_owned()
    }
}
