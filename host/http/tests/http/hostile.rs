//! Requests that make no sense, never end, or were never meant for us.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::edge::{Edge, Events};

/// What comes back until the server closes, which it does by itself after a bad request.
async fn said(edge: &Edge, bytes: &[u8]) -> String {
    let mut stream = edge.raw(bytes).await;
    drop(stream.shutdown().await);
    Events { stream, text: String::new() }.rest().await
}

#[tokio::test]
async fn nonsense_is_answered_or_closed_and_the_host_serves_on() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "1")]).await;
    let nonsense: [&[u8]; 12] = [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /v1/keys/a HTTP/9.9\r\n\r\n",
        b"GET /v1/keys/\xff\xfe HTTP/1.1\r\nhost: e\r\n\r\n",
        b"GET /v1/keys/a HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /v1/keys/a HTTP/1.1\r\nhost: e\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET /v1/keys/a HTTP/1.1\r\nhost: e\r\ncontent-length: -1\r\n\r\n",
        b"PUT /v1/keys/a HTTP/1.1\r\nhost: e\r\nauthorization: Bearer let-me\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PUT /v1/keys/a HTTP/1.1\r\nhost: e\r\nauthorization: Bearer let-me\r\ncontent-length: 100\r\n\r\nshort",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: e\r\n\r\n",
    ];
    for bytes in nonsense {
        let answer = said(&edge, bytes).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{:?} was taken: {answer}", bytes.escape_ascii().to_string());
        edge.get("/v1/keys/a").await.expect(200);
    }
}

#[tokio::test]
async fn no_path_query_or_header_makes_it_panic() {
    let edge = Edge::start().await;
    let mut chance = fastrand::Rng::with_seed(7);
    let words = [
        "/v1/keys",
        "/v1/keys/",
        "/v1/events",
        "/v1/entries/",
        "?",
        "&",
        "=",
        "%",
        "%2f",
        "%ff",
        "prefix",
        "since",
        "wait",
        "1s",
        "after",
        ":",
        "-",
        "0-0",
        "99999999999999999999",
        "limit",
        "at",
        "..",
        "/",
        "a",
        "é",
        "snapshot",
        "+",
    ];
    for _ in 0..300 {
        let path: String = (0..chance.usize(1..8)).map(|_| chance.choice(words).unwrap()).collect();
        let header = ["if-none-match", "last-event-id", "prefer", "if-match", "range"][chance.usize(..5)];
        let value: Vec<u8> = (0..chance.usize(..9)).map(|_| chance.u8(32..)).filter(|byte| *byte != 127).collect();
        let mut request = format!("HEAD /v1{path} HTTP/1.1\r\nhost: e\r\nconnection: close\r\n{header}: ").into_bytes();
        request.extend(value);
        request.extend(b"\r\n\r\n");
        let answer = said(&edge, &request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer}");
        assert!(!answer.starts_with("HTTP/1.1 500"), "{path}");
    }
    edge.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let edge = Edge::start().await;
    let long = format!("GET /livez HTTP/1.1\r\nhost: e\r\nx-long: {}\r\n\r\n", "x".repeat(64 << 10));
    let many = format!("GET /livez HTTP/1.1\r\nhost: e\r\n{}\r\n", "x: y\r\n".repeat(200));
    for head in [long, many] {
        let answer = Events { stream: edge.raw(head).await, text: String::new() }.rest().await;
        // The server closes with bytes unread, so the kernel may throw its answer away.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let edge = Edge::with(|settings| settings.idle_ms = 100).await;
    let mut slow = edge.raw("GET /livez HTTP/1.1\r\n").await;
    let mut byte = [0];
    let closed = async {
        loop {
            tokio::select! {
                read = slow.read(&mut byte) => return read,
                () = tokio::task::yield_now() => (),
            }
        }
    };
    assert!(matches!(closed.await, Ok(0) | Err(_)), "closed without an answer");
}

#[tokio::test]
async fn connections_past_the_limit_wait_for_their_turn() {
    let edge = Edge::with(|settings| settings.connections_max = 1).await;
    let first = edge.raw("").await;
    let (reply, ()) = tokio::join!(edge.get("/livez"), async {
        tokio::task::yield_now().await;
        drop(first);
    });
    reply.expect(200);
}
