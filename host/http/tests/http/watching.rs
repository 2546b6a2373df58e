//! Long polls and event streams.

use std::time::Duration;

use sluice_core::{Revision, State};
use sluice_http::Serves;

use crate::edge::Edge;

#[tokio::test]
async fn a_poll_answers_at_the_change() {
    let edge = Edge::start().await;
    let first = edge.write(&[("put:a", "1")]).await;
    let path = format!("/v1/keys/a?wait=60s&since={first}");
    let (reply, second) = tokio::join!(edge.get(&path), async {
        edge.write(&[("put:other", "x")]).await;
        edge.write(&[("put:a", "2")]).await
    });
    assert_eq!((reply.header("sluice-revision"), &reply.body[..]), (second.to_string().as_str(), &b"2"[..]));
}

#[tokio::test]
async fn a_poll_sees_a_key_appear_and_go_away() {
    let edge = Edge::start().await;
    let (reply, first) = tokio::join!(edge.get("/v1/keys/a?wait=60s&since=0"), edge.write(&[("put:a", "1")]));
    reply.expect(200);
    let path = format!("/v1/keys/a?wait=60s&since={first}");
    let (reply, _) = tokio::join!(edge.get(&path), edge.write(&[("del:a", "")]));
    reply.expect(404);
    edge.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_poll_by_tag_answers_when_the_value_differs() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "1")]).await;
    let tag = edge.get("/v1/keys/a").await.header("etag").to_owned();
    let known = [("if-none-match", tag.as_str())];
    let poll = edge.ask("GET", "/v1/keys/a?wait=60s", &known, "");
    let (reply, _) = tokio::join!(poll, edge.write(&[("put:a", "2")]));
    assert_eq!(reply.expect(200).body, "2");
}

#[tokio::test(start_paused = true)]
async fn a_poll_without_news_ends_with_304() {
    let mut edge = Edge::start().await;
    let revision = edge.write(&[("put:a", "1")]).await;
    edge.stop_pulling().await;
    let begun = tokio::time::Instant::now();
    let reply = edge.get(&format!("/v1/keys/a?wait=30s&since={revision}")).await.expect(304);
    assert!((28..=34).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(reply.header("sluice-revision"), revision.to_string());
    assert!(!reply.header("etag").is_empty());
    edge.get(&format!("/v1/keys?prefix=a&wait=30s&since={revision}")).await.expect(304);
    edge.get("/v1/keys/a?wait=30s").await.problem(400);
    edge.get("/v1/keys?wait=30s").await.problem(400);
}

#[tokio::test]
async fn a_listing_can_be_polled() {
    let edge = Edge::start().await;
    let since = edge.write(&[("put:app/a", "1")]).await;
    let path = format!("/v1/keys?prefix=app/&wait=60s&since={since}");
    let (reply, _) = tokio::join!(edge.get(&path), async {
        edge.write(&[("put:other", "x")]).await;
        edge.write(&[("put:app/b", "2")]).await
    });
    assert_eq!(reply.expect(200).json()["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn events_tell_puts_and_deletes_of_the_prefix() {
    let edge = Edge::start().await;
    edge.write(&[("put:app/before", "0")]).await;
    let mut events = edge.watch("/v1/events?prefix=app/", "").await;
    edge.write(&[("put:other", "x")]).await;
    let put = edge.write(&[("put:app/a", "line\nbreak"), ("put:app/b", "2")]).await;
    let text = events.until(&format!("id: {put}\n")).await + &events.until("\n\n").await;
    assert!(!text.contains("before") && !text.contains("other"), "{text}");
    assert!(text.contains("event: put\ndata: {\"key\":\"app/a\""), "only the last of a revision has its id: {text}");
    assert!(text.contains("line\\nbreak") && text.contains("\"value\":\"2\""), "{text}");
    let gone = edge.write(&[("del:app/a", "")]).await;
    let text = events.until("event: delete\n").await + &events.until("\n\n").await;
    assert!(text.contains(&format!("id: {gone}\ndata: {{\"key\":\"app/a\",\"revision\":\"{gone}\"}}")), "{text}");
}

#[tokio::test]
async fn events_go_on_where_the_watcher_was() {
    let edge = Edge::start().await;
    let first = edge.write(&[("put:a", "1")]).await;
    edge.write(&[("put:a", "2")]).await;
    let last = edge.write(&[("put:a", "3"), ("put:b", "4")]).await;
    let mut events = edge.watch("/v1/events", &format!("last-event-id: {first}\r\n")).await;
    let text = events.until(&format!("id: {last}\n")).await;
    assert!(text.contains("\"value\":\"3\"") && !text.contains("\"value\":\"2\""), "coalesced: {text}");
    edge.watch("/v1/events", "last-event-id: 9999999999999-0\r\n").await;
    edge.get("/v1/events?since=x").await.problem(400);
}

#[tokio::test]
async fn a_watcher_too_far_behind_is_told_to_start_over() {
    let mut state = State::default();
    state.cursor = Revision { ms: 1000, seq: 0 };
    let edge = Edge::build(|_| (), Serves::Everything, state, None).await;
    let mut events = edge.watch("/v1/events", "last-event-id: 7-0\r\n").await;
    let text = events.until("event: reset\n").await + &events.until("\n\n").await;
    assert!(text.contains("id: 1000-0\n"), "{text}");
    edge.write(&[("put:a", "1")]).await;
    events.until("event: put\n").await;
}

#[tokio::test]
async fn a_snapshot_comes_before_the_changes() {
    let edge = Edge::with(|settings| settings.event_bytes_max = 100).await;
    let fields: Vec<(String, String)> = (0..20).map(|n| (format!("put:k/{n:02}"), "v".repeat(50))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let revision = edge.write(&fields).await;
    let mut events = edge.watch("/v1/events?prefix=k/&snapshot=true", "").await;
    let text = events.until("event: synced\n").await + &events.until("\n\n").await;
    assert_eq!(text.matches("event: put\n").count(), 20);
    assert!(text.contains(&format!("id: {revision}\n")));
    edge.write(&[("put:k/00", "new")]).await;
    let text = events.until("\"new\"").await;
    assert_eq!(text.matches("event: ").count(), 1, "nothing twice: {text}");
}

#[tokio::test]
async fn a_large_value_is_named_and_not_sent() {
    let edge = Edge::with(|settings| settings.event_value_bytes_max = 10).await;
    let mut events = edge.watch("/v1/events", "").await;
    edge.write(&[("put:a", "12345678901")]).await;
    let text = events.until("event: put\n").await + &events.until("\n\n").await;
    assert!(text.contains("\"bytes\":11") && !text.contains("value"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_beats() {
    let mut edge = Edge::start().await;
    let revision = edge.write(&[("put:a", "1")]).await;
    edge.stop_pulling().await;
    let mut events = edge.watch("/v1/events?prefix=other/", "").await;
    let begun = tokio::time::Instant::now();
    events.until(&format!(": beat\nid: {revision}\n\n")).await;
    events.until(": beat\n").await;
    assert!(begun.elapsed() >= Duration::from_secs(29), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn no_more_watchers_than_there_are_seats() {
    let edge = Edge::with(|settings| settings.watchers_max = 1).await;
    let events = edge.watch("/v1/events", "").await;
    let reply = edge.get("/v1/events").await;
    assert_eq!(reply.header("retry-after"), "1");
    reply.problem(503);
    drop(events);
    while edge.ask("GET", "/v1/keys/a?wait=1ms&since=0", &[], "").await.status == 503 {}
}

/// The one seat comes free again although its watcher never read a byte: it was closed, not buffered for.
#[tokio::test]
async fn a_watcher_that_takes_nothing_is_closed() {
    let edge = Edge::with(|settings| (settings.watchers_max, settings.stall_ms) = (1, 100)).await;
    let value = "v".repeat(200 << 10);
    for n in 0..100 {
        edge.log.write(&[(&format!("put:k/{n}"), value.as_str())]);
    }
    edge.write(&[("put:last", "1")]).await;
    let mut slow = edge.watch("/v1/events?snapshot=true", "").await;
    while edge.ask("GET", "/v1/keys/a?wait=1ms&since=0", &[], "").await.status == 503 {}
    slow.text.clear();
    assert!(!slow.rest().await.contains("synced"));
}
