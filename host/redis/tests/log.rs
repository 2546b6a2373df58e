//! The log over a real server: order, bytes, waiting, batches.

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Server, fields, wait_for};
use sluice_core::Revision;
use sluice_node::ports::Log;

#[tokio::test]
async fn entries_come_in_order_and_a_reader_goes_on_where_it_was() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    let mut written = Vec::new();
    for value in ["1", "2", "3"] {
        written.push(redis.append(fields(&[("put:a", value)])).await.unwrap());
    }
    let read = redis.pull(Revision::ZERO.into()).await.unwrap();
    assert_eq!(read.iter().map(|entry| entry.revision).collect::<Vec<_>>(), written);
    let rest = redis.pull(written[0].into()).await.unwrap();
    assert_eq!(rest.iter().map(|entry| entry.revision).collect::<Vec<_>>(), written[1..]);
    assert_eq!(redis.read(written[1], 1).await.unwrap(), rest[..1]);
    assert_eq!(redis.read(Revision::ZERO, 99).await.unwrap(), read);
    assert_eq!(redis.tip().await.unwrap(), written.last().copied());
    let stream = redis.stream().await.unwrap().unwrap();
    assert_eq!((stream.length, stream.added, stream.first), (3, Some(3), Some(written[0])));
}

#[tokio::test]
async fn fields_keep_order_repeats_and_bytes() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    let large = Bytes::from(vec![7u8; 1 << 20]);
    let binary = Bytes::from_static(b"\r\n$3\r\n\0\xff");
    let mut wanted = fields(&[("x-b", "1"), ("x-a", "2"), ("x-b", "3"), ("del:empty", "")]);
    wanted.push((Bytes::from_static(b"put:large"), large));
    wanted.push((Bytes::from_static(b"x-\xff\r\n"), binary));
    let revision = redis.append(wanted.clone()).await.unwrap();
    let pulled = redis.pull(Revision::ZERO.into()).await.unwrap();
    assert_eq!(pulled[0].fields, wanted);
    assert_eq!(redis.read(revision, 1).await.unwrap(), pulled);
}

#[tokio::test]
async fn a_pull_waits_for_news_and_no_longer_than_it_must() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    assert!(redis.pull(Revision::ZERO.into()).await.unwrap().is_empty());
    let start = Instant::now();
    assert!(redis.pull(Revision::ZERO.into()).await.unwrap().is_empty());
    assert!(start.elapsed() >= Duration::from_millis(250));

    let mut settings = server.settings();
    settings.block_ms = 15_000;
    let patient = sluice_redis::Redis::new(settings).unwrap();
    let start = Instant::now();
    assert!(patient.pull(Revision::ZERO.into()).await.unwrap().is_empty(), "the first on a connection only looks");
    let waiting = tokio::spawn(async move { patient.pull(Revision::ZERO.into()).await });
    wait_for(|| blocked(&server)).await;
    let revision = redis.append(fields(&[("put:a", "1")])).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap()[0].revision, revision);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn ten_thousand_entries_of_all_sizes_come_without_a_gap() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    let lengths: Vec<usize> = (0..10_000).map(|n| if n % 1999 == 7 { 700_000 } else { n % 300 }).collect();
    let mut written = Vec::new();
    for some in lengths.chunks(500) {
        let append = async |length: &usize| (redis.append(fields(&[("put:a", &"v".repeat(*length))])).await, *length);
        written.extend(futures_util::future::join_all(some.iter().map(append)).await);
    }
    let mut written: Vec<(Revision, usize)> = written.into_iter().map(|(at, length)| (at.unwrap(), length)).collect();
    written.sort();
    let (mut after, mut seen, mut pulls) = (Revision::ZERO, Vec::new(), 0);
    while seen.len() < written.len() {
        let entries = redis.pull(after.into()).await.unwrap();
        after = entries.last().unwrap().revision;
        seen.extend(entries.iter().map(|entry| (entry.revision, entry.fields[0].1.len())));
        pulls += 1;
    }
    assert!(seen == written);
    assert!((10..100).contains(&pulls), "{pulls} pulls");
    assert_eq!(redis.read(Revision::ZERO, 20_000).await.unwrap().len(), written.len());
}

#[tokio::test]
async fn an_answer_that_turns_out_huge_is_taken_in_parts() {
    let server = Server::start(&[]).await;
    let mut settings = server.settings();
    settings.batch_bytes = 64 << 10;
    let redis = sluice_redis::Redis::new(settings).unwrap();
    for _ in 0..40 {
        redis.append(fields(&[("put:a", &"v".repeat(100 << 10))])).await.unwrap();
    }
    let first = redis.pull(Revision::ZERO.into()).await.unwrap();
    assert!((2..20).contains(&first.len()), "{}", first.len());
    let (mut after, mut seen) = (first.last().unwrap().revision, first.len());
    while seen < 40 {
        let entries = redis.pull(after.into()).await.unwrap();
        (after, seen) = (entries.last().unwrap().revision, seen + entries.len());
    }
    assert_eq!(seen, 40);
}

#[tokio::test]
async fn two_pulls_at_once_both_get_it_all() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    let first = redis.append(fields(&[("put:a", "1")])).await.unwrap();
    let second = redis.append(fields(&[("put:a", "2")])).await.unwrap();
    for _ in 0..20 {
        let (all, rest, none) =
            tokio::join!(redis.pull(Revision::ZERO.into()), redis.pull(first.into()), redis.pull(second.into()));
        assert_eq!(all.unwrap().len(), 2);
        assert_eq!(rest.unwrap()[0].revision, second);
        assert!(none.unwrap().is_empty());
    }
    wait_for(|| async { server.clients().await <= 2 }).await;
}

#[tokio::test]
async fn dropped_pulls_leave_no_connection_behind() {
    let server = Server::start(&[]).await;
    let mut settings = server.settings();
    settings.block_ms = 15_000;
    let redis = sluice_redis::Redis::new(settings).unwrap();
    for _ in 0..5 {
        let waiting = redis.clone();
        // The first on a connection only looks.
        let pull = tokio::spawn(async move { while waiting.pull(Revision::ZERO.into()).await.unwrap().is_empty() {} });
        wait_for(|| blocked(&server)).await;
        pull.abort();
        wait_for(|| async { !blocked(&server).await }).await;
    }
    wait_for(|| async { server.clients().await == 0 }).await;
    let start = Instant::now();
    redis.append(fields(&[("put:a", "1")])).await.unwrap();
    assert_eq!(redis.pull(Revision::ZERO.into()).await.unwrap().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(5));
}

async fn blocked(server: &Server) -> bool {
    let info: String = redis::from_redis_value(server.say(&["INFO", "clients"]).await).unwrap();
    !info.contains("blocked_clients:0")
}
