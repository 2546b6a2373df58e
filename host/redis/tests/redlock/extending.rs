//! A lock that is made to last.

use sluice_redis::Loss;

use crate::{Masters, deadline_ms, lasting, taken, terms, wait_for};

#[tokio::test]
async fn ext_1_a_majority_that_stands_still_for_a_moment_takes_no_lock_away() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let held = taken(&one, lasting(20_000, 0)).await;
    wait_for(|| async { masters.keys(0..5).await == 5 }).await;
    let before_ms = deadline_ms(&held);
    masters.signal(0..3, "STOP");
    let begun = std::time::Instant::now();
    wait_for(|| async { begun.elapsed().as_millis() > 50 }).await;
    held.extend();
    wait_for(|| async { begun.elapsed().as_millis() > 800 }).await;
    assert!(held.check().is_ok());
    masters.signal(0..3, "CONT");
    // The answers of those that stood still came late, and count.
    wait_for(|| async { deadline_ms(&held) > before_ms.map(|before_ms| before_ms + 20) }).await;
    assert_eq!(masters.keys(0..5).await, 5);
}

#[tokio::test]
async fn ext_2_one_restarted_master_after_the_other_does_not_wear_the_majority_down() {
    let mut masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let held = taken(&one, lasting(20_000, 0)).await;
    wait_for(|| async { masters.keys(0..5).await == 5 }).await;
    for at in 0..5 {
        masters.servers[at].restart().await;
        wait_for(|| {
            held.extend();
            async { masters.keys([at]).await == 1 }
        })
        .await;
    }
    assert!(held.check().is_ok());
    assert!(!held.lost().is_cancelled());
}

#[tokio::test]
async fn ext_3_a_majority_that_has_it_no_more_is_told_at_once() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let held = taken(&one, lasting(20_000, 0)).await;
    wait_for(|| async { masters.keys(0..5).await == 5 }).await;
    for at in 0..3 {
        masters.servers[at].say(&["DEL", crate::NAME]).await;
    }
    held.extend();
    held.lost().cancelled().await;
    assert_eq!(held.check(), Err(Loss::Gone));
}

#[tokio::test]
async fn ext_4_an_extension_never_shortens_a_key() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let held = taken(&one, terms(5_000, 0)).await;
    wait_for(|| async { masters.keys(0..5).await == 5 }).await;
    for server in &masters.servers {
        server.say(&["PEXPIRE", crate::NAME, "600000"]).await;
    }
    let before_ms = deadline_ms(&held);
    wait_for(|| {
        held.extend();
        async { deadline_ms(&held) > before_ms.map(|before_ms| before_ms + 20) }
    })
    .await;
    for server in &masters.servers {
        let redis::Value::Int(left_ms) = server.say(&["PTTL", crate::NAME]).await else { panic!("a number") };
        assert!(left_ms > 300_000, "{left_ms}");
    }
}

#[tokio::test]
async fn what_an_operator_takes_away_is_lost_and_gone() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let held = taken(&one, lasting(20_000, 0)).await;
    held.revoke();
    held.lost().cancelled().await;
    assert_eq!(held.check(), Err(Loss::Revoked));
    wait_for(|| async { masters.keys(0..5).await == 0 }).await;
}
