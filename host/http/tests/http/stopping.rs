//! A graceful stop, with streams open.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::edge::{Edge, Events, SECRET};

#[tokio::test]
async fn a_stop_ends_streams_polls_and_idle_connections_at_once() {
    let edge = Edge::start().await;
    let revision = edge.write(&[("put:a", "1")]).await;
    let events = edge.watch("/v1/events", "").await;
    let mut idle = Events { stream: edge.raw("GET /v1/keys/a HTTP/1.1\r\nhost: e\r\n\r\n").await, text: String::new() };
    idle.until("\r\n\r\n1").await;
    let silent = edge.raw("").await;
    let path = format!("/v1/keys/a?wait=10m&since={revision}");
    let begun = Instant::now();
    let (poll, ()) = tokio::join!(edge.get(&path), async {
        // The poll is open once the listing below, asked for after it, is answered twice.
        edge.get("/v1/keys").await.expect(200);
        edge.get("/v1/keys").await.expect(200);
        edge.stop.send_replace(true);
    });
    poll.expect(304);
    assert_eq!(edge.serving.await.unwrap().cut, 0);
    assert!(
        events
            .rest()
            .await
            .ends_with("event: stop\ndata: {\"why\":\"the host is stopping: reconnect\"}\n\n\r\n0\r\n\r\n")
    );
    assert_eq!(idle.rest().await, "");
    drop(silent);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_is_not_done_in_time_is_cut() {
    let edge = Edge::with(|settings| settings.drain_ms = 50).await;
    let head = format!(
        "PUT /v1/keys/a HTTP/1.1\r\nhost: e\r\nauthorization: {SECRET}\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n"
    );
    let mut upload = edge.raw(head).await;
    let mut go_on = [0; 25];
    upload.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    edge.stop.send_replace(true);
    assert_eq!(edge.serving.await.unwrap().cut, 1);
}

#[tokio::test]
async fn a_draining_host_is_alive_but_not_ready() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "1")]).await;
    edge.get("/readyz").await.expect(200);
    edge.get("/healthz").await.expect(200);
    edge.surface.drain();
    edge.get("/readyz").await.expect(503);
    edge.get("/livez").await.expect(200);
    edge.get("/v1/keys/a").await.expect(200);
}
