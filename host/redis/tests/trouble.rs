//! Servers that die, stand still, or say no: what the host is told, and how soon.

mod common;

use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use common::{Server, fields, wait_for};
use sluice_core::{Lost, Revision};
use sluice_node::ports::{AppendError, Log};
use sluice_redis::{Redis, Settings};

/// Both ways of asking, and what they complain of.
async fn complaints(redis: &Redis) -> (String, AppendError) {
    let Lost(pull) = redis.pull(Revision::ZERO.into()).await.unwrap_err().lost();
    (pull, redis.append(fields(&[("put:a", "1")])).await.unwrap_err())
}

fn with_url(server: &Server, url: &str) -> Redis {
    Redis::new(Settings { url: url.to_owned(), ..server.settings() }).unwrap()
}

#[tokio::test]
async fn a_server_killed_while_a_pull_waits_is_noticed_and_found_again() {
    let mut server = Server::start(&[]).await;
    let mut settings = server.settings();
    settings.block_ms = 15_000;
    let redis = Redis::new(settings).unwrap();
    redis.append(fields(&[("put:a", "1")])).await.unwrap();
    let after = redis.pull(Revision::ZERO.into()).await.unwrap()[0].revision;
    let waiting = redis.clone();
    let pull = tokio::spawn(async move { waiting.pull(after.into()).await });
    wait_for(|| async { server.clients().await == 2 }).await;
    let start = Instant::now();
    server.kill();
    let Lost(why) = pull.await.unwrap().unwrap_err().lost();
    assert!(why.contains("start the server"), "{why}");
    let away = redis.append(fields(&[("put:a", "2")])).await.unwrap_err();
    // Whether the connection was known to be gone when it was sent is chance.
    assert!(matches!(away, AppendError::Away(_) | AppendError::Indeterminate { revision: None, .. }), "{away}");
    assert!(start.elapsed() < Duration::from_secs(5));

    server.restart().await;
    wait_for(|| async { redis.append(fields(&[("put:a", "3")])).await.is_ok() }).await;
    let pulled = redis.pull(Revision::ZERO.into()).await.unwrap();
    assert_eq!(pulled[0].fields, fields(&[("put:a", "3")]));
}

#[tokio::test]
async fn a_restart_between_two_pulls_or_appends_is_not_even_noticed() {
    let mut server = Server::start(&[]).await;
    let redis = server.redis();
    redis.append(fields(&[("put:a", "1")])).await.unwrap();
    redis.pull(Revision::ZERO.into()).await.unwrap();
    server.restart().await;
    assert!(redis.pull(Revision::ZERO.into()).await.unwrap().is_empty());
    redis.append(fields(&[("put:a", "1")])).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stands_still_is_given_up_in_time() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    redis.append(fields(&[("put:a", "1")])).await.unwrap();
    let after = redis.pull(Revision::ZERO.into()).await.unwrap()[0].revision;
    server.signal("STOP");
    let start = Instant::now();
    let (pull, append) = complaints_after(&redis, after).await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(pull.contains("stands still"), "{pull}");
    assert!(append.to_string().contains("stands still"), "{append}");
    server.signal("CONT");
    wait_for(|| async { redis.pull(Revision::ZERO.into()).await.is_ok() }).await;
    wait_for(|| async { redis.append(fields(&[("put:a", "1")])).await.is_ok() }).await;
    wait_for(|| async { server.clients().await <= 2 }).await;
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_indeterminate_and_may_be_in_the_log() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    let sent = fields(&[("put:a", "1"), ("token", "t")]);
    let mut lost = AppendError::Away(String::new());
    while matches!(lost, AppendError::Away(_)) {
        // A connection that was just used is not asked first whether it lives.
        wait_for(|| async { redis.append(fields(&[("tick", "")])).await.is_ok() }).await;
        server.signal("STOP");
        lost = redis.append(sent.clone()).await.unwrap_err();
        server.signal("CONT");
    }
    let AppendError::Indeterminate { revision: None, why } = &lost else { panic!("{lost}") };
    assert!(why.contains("stands still") && lost.to_string().contains("may have taken it, or not"), "{lost}");
    // This time it was.
    let is_there = || async { redis.read(Revision::ZERO, 999).await.unwrap().iter().any(|entry| entry.fields == sent) };
    wait_for(is_there).await;
}

async fn complaints_after(redis: &Redis, after: Revision) -> (String, AppendError) {
    let Lost(pull) = redis.pull(after.into()).await.unwrap_err().lost();
    (pull, redis.append(fields(&[("put:a", "1")])).await.unwrap_err())
}

#[tokio::test]
async fn a_login_that_fails_is_told_with_the_remedy_and_without_the_password() {
    let server = Server::start(&["--requirepass", "opensesame"]).await;
    for (url, wanted) in [
        (server.url(), "put user and password into the URL"),
        (format!("{}?pass=hunter2", server.url()), "correct user and password"),
    ] {
        let (pull, append) = complaints(&with_url(&server, &url)).await;
        assert!(pull.contains(wanted) && !pull.contains("hunter2"), "{pull}");
        assert!(matches!(&append, AppendError::Refused(why) if why.contains(wanted)), "{append}");
    }
    let redis = with_url(&server, &format!("{}?pass=opensesame", server.url()));
    redis.append(fields(&[("put:a", "1")])).await.unwrap();
    assert_eq!(redis.pull(Revision::ZERO.into()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_password_nobody_asked_for_is_told() {
    let server = Server::start(&[]).await;
    let (pull, append) = complaints(&with_url(&server, &format!("{}?pass=hunter2", server.url()))).await;
    assert!(pull.contains("take the password out of the URL"), "{pull}");
    assert!(matches!(append, AppendError::Refused(_)), "{append}");
}

#[tokio::test]
async fn a_key_of_another_type_a_missing_right_and_a_replica_are_told() {
    let server = Server::start(&[]).await;
    server.say(&["SET", "sluice:{shop}:log", "mine"]).await;
    let (pull, append) = complaints(&server.redis()).await;
    assert!(pull.contains("WRONGTYPE") && pull.contains("another space"), "{pull}");
    assert!(matches!(append, AppendError::Refused(_)), "{append}");

    server.say(&["DEL", "sluice:{shop}:log"]).await;
    server.say(&["ACL", "SETUSER", "edge", "on", ">pw", "~*", "-@all", "+xread"]).await;
    let edge = with_url(&server, &format!("{}?user=edge&pass=pw", server.url()));
    assert!(edge.pull(Revision::ZERO.into()).await.unwrap().is_empty());
    let append = edge.append(fields(&[("put:a", "1")])).await.unwrap_err();
    assert!(matches!(&append, AppendError::Refused(why) if why.contains("ACL SETUSER")), "{append}");

    server.say(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let append = server.redis().append(fields(&[("put:a", "1")])).await.unwrap_err();
    assert!(matches!(&append, AppendError::Refused(why) if why.contains("primary")), "{append}");
}

#[tokio::test]
async fn a_full_server_and_one_without_room_for_clients_are_told() {
    let server = Server::start(&["--maxmemory", "1mb"]).await;
    let append = server.redis().append(fields(&[("put:a", &"v".repeat(4 << 20))])).await;
    let append = match append {
        Err(error) => error,
        Ok(_) => server.redis().append(fields(&[("put:a", "1")])).await.unwrap_err(),
    };
    assert!(matches!(&append, AppendError::Refused(why) if why.contains("maxmemory")), "{append}");

    let server = Server::start(&[]).await;
    server.say(&["CONFIG", "SET", "maxclients", "1"]).await;
    let _only = admitted(&server).await;
    let (pull, append) = complaints(&server.redis()).await;
    assert!(pull.contains("maxclients") && append.to_string().contains("maxclients"), "{pull}; {append}");
}

/// A client that the server has let in. Its place may be taken for a moment by one that is just leaving.
async fn admitted(server: &Server) -> tokio::net::UnixStream {
    loop {
        let mut client = tokio::net::UnixStream::connect(server.socket()).await.unwrap();
        let mut answer = [0; 5];
        let asked = client.write_all(b"PING\r\n").await.is_ok();
        if asked && client.read_exact(&mut answer).await.is_ok() && &answer == b"+PONG" {
            return client;
        }
    }
}

#[tokio::test]
async fn places_where_no_redis_is_are_told() {
    let server = Server::start(&[]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, wanted) in [
        (format!("redis://{free}"), "connection refused"),
        ("redis://no-such-host.invalid".to_owned(), "resolve"),
        ("redis+unix:///nowhere/redis.sock".to_owned(), "no such socket"),
    ] {
        let (pull, append) = complaints(&with_url(&server, &url)).await;
        assert!(pull.contains(wanted), "{pull}");
        assert!(matches!(&append, AppendError::Away(why) if why.contains(wanted)), "{append}");
    }
}
