//! Servers that answer late, not at all, or with an error.

use sluice_redis::{LockSettings, Refused};

use crate::{Masters, refused, taken, terms, wait_for};

#[tokio::test]
async fn net_2_what_a_server_does_late_is_undone_behind_it() {
    let masters = Masters::start().await;
    drop(masters.bootstrapped().await);
    // Connections are given up and opened again while the servers stand still.
    for silence_ms in [200, 60_000] {
        let settings = LockSettings { answer_ms: 200, connect_ms: 300, silence_ms, ..masters.settings() };
        let one = masters.joined(&settings).await;
        drop(taken(&one, terms(10_000, 30_000)).await);
        masters.signal(0..3, "STOP");
        let why = refused(one.acquire(terms(10_000, 0)).await);
        assert!(matches!(why, Refused::NoQuorum { .. }), "{why}");
        let begun = std::time::Instant::now();
        wait_for(|| async { begun.elapsed().as_millis() > 1_500 }).await;
        masters.signal(0..3, "CONT");
        one.close().await;
        assert_eq!(masters.keys(0..5).await, 0, "silent for {silence_ms} ms");
    }
}

#[tokio::test]
async fn net_3_a_reconnect_asks_for_nothing_again() {
    let mut masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    masters.servers[3].kill();
    masters.servers[4].kill();
    let held = taken(&one, terms(20_000, 0)).await;
    held.release().await;
    masters.servers[3].restart().await;
    masters.servers[4].restart().await;
    one.close().await;
    wait_for(|| async { one.masters().iter().all(|(_, standing, _)| standing.is_some()) }).await;
    assert_eq!(masters.keys(0..5).await, 0);
}

#[tokio::test]
async fn net_4_masters_that_are_away_delay_no_vote() {
    let mut masters = Masters::start().await;
    drop(masters.bootstrapped().await);
    masters.servers[0].kill();
    // Connections to this one are taken by the kernel and never greeted.
    masters.signal([1], "STOP");
    let settings = LockSettings { answer_ms: 20_000, connect_ms: 20_000, ..masters.settings() };
    let one = sluice_redis::Redlock::new(&settings).unwrap();
    let begun = std::time::Instant::now();
    let held = taken(&one, terms(20_000, 0)).await;
    assert!(begun.elapsed().as_millis() < 5_000, "{:?}", begun.elapsed());
    assert!(held.check().is_ok());
    masters.signal([1], "CONT");
}

#[tokio::test]
async fn net_5_an_error_is_a_no_with_its_reason() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    masters.servers[0].say(&["CONFIG", "SET", "maxmemory", "1"]).await;
    masters.servers[1].say(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let held = taken(&one, terms(20_000, 0)).await;
    let told =
        || one.masters().iter().filter(|(.., why)| why.as_ref().is_some_and(|why| why.contains("maxmemory"))).count();
    wait_for(|| async { told() == 2 }).await;
    held.release().await;
    masters.servers[2].say(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let why = refused(one.acquire(terms(20_000, 0)).await);
    assert!(matches!(why, Refused::NoQuorum { answered: ..=2, wanted: 3 }), "{why}");
    one.close().await;
    assert_eq!(masters.keys(0..5).await, 0);
}

#[tokio::test]
async fn net_5_a_replica_is_no_master() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    masters.servers[0].say(&["REPLICAOF", "127.0.0.1", "1"]).await;
    drop(taken(&one, terms(20_000, 0)).await);
    let told = || one.masters()[0].2.clone().unwrap_or_default();
    wait_for(|| async { told().contains("replica") }).await;
    one.close().await;
}
