//! One holder at a time, and tokens that rise.

use std::sync::atomic::Ordering;
use std::time::Instant;

use sluice_redis::{LockNames, LockSettings, Loss, Redlock, Refused};

use crate::{Masters, PATIENCE, ahead, lasting, refused, taken, terms, wait_for};

#[tokio::test]
async fn one_of_two_has_it_and_the_next_gets_a_higher_token() {
    let masters = Masters::start().await;
    let (one, two) = (masters.bootstrapped().await, masters.joined(&masters.settings()).await);
    let first = taken(&one, lasting(10_000, 0)).await;
    assert!(matches!(refused(two.acquire(terms(10_000, 0)).await), Refused::Taken { left_ms: 1.. }));
    let (token, report) = (first.token(), first.release().await);
    assert!(report.deleted >= 3, "{report:?}");
    let second = taken(&two, terms(10_000, 10_000)).await;
    assert!(second.token() > token, "{} after {token}", second.token());
    drop(second);
    two.close().await;
    assert_eq!(masters.keys(0..5).await, 0);
}

#[tokio::test]
async fn locks_for_several_names_exclude_each_other_where_they_share_one() {
    let masters = Masters::start().await;
    let (one, two) = (masters.bootstrapped().await, masters.joined(&masters.settings()).await);
    let names =
        |names: &[&str]| sluice_redis::Terms { names: LockNames::new(names.to_vec()).unwrap(), ..terms(10_000, 0) };
    let held = taken(&one, names(&["b", "a"])).await;
    refused(two.acquire(names(&["b", "c"])).await);
    two.close().await;
    assert_eq!(masters.servers[0].say(&["EXISTS", "c"]).await, redis::Value::Int(0), "all or none");
    let other = taken(&two, names(&["c", "d"])).await;
    let before = held.token();
    held.release().await;
    let next = taken(&two, names(&["a"])).await;
    assert!(next.token() > before);
    drop((other, next));
}

/// Three of five have the key; one of them is restarted empty.
#[tokio::test]
async fn safe_2_a_master_that_forgot_lets_nobody_in_beside_the_holder() {
    let mut masters = Masters::start().await;
    let settings = LockSettings { ttl_max_ms: 4_000, ..masters.settings() };
    let one = Redlock::new(&settings).unwrap();
    one.bootstrap(PATIENCE).await.unwrap();
    let held = taken(&one, terms(4_000, 0)).await;
    wait_for(|| async { masters.keys(0..5).await == 5 }).await;
    masters.servers[3].say(&["DEL", crate::NAME]).await;
    masters.servers[4].say(&["DEL", crate::NAME]).await;
    masters.servers[2].restart().await;
    let two = masters.joined(&settings).await;
    let next = taken(&two, terms(4_000, 60_000)).await;
    assert_eq!(held.check(), Err(Loss::Expired), "the next one came when the time of the first was over");
    assert!(next.token() > held.token());
}

#[tokio::test]
async fn safe_3_when_most_masters_forgot_nobody_gets_it_before_all_locks_of_before_are_over() {
    let mut masters = Masters::start().await;
    let settings = LockSettings { ttl_max_ms: 3_000, ..masters.settings() };
    let one = Redlock::new(&settings).unwrap();
    one.bootstrap(PATIENCE).await.unwrap();
    let before = taken(&one, terms(3_000, 0)).await.token();
    one.close().await;
    let begun = Instant::now();
    for at in 0..3 {
        masters.servers[at].restart().await;
    }
    let two = masters.joined(&settings).await;
    let why = refused(two.acquire(terms(3_000, 0)).await);
    assert!(matches!(why, Refused::Unadmitted { masters: 3 }), "{why}");
    let next = taken(&two, terms(3_000, 60_000)).await;
    assert!(begun.elapsed().as_millis() >= 3_000, "{:?}", begun.elapsed());
    assert!(next.token() > before, "{} after {before}", next.token());
}

#[tokio::test]
async fn safe_5_who_slept_past_the_end_learns_it_without_io_and_takes_nothing_from_the_next() {
    let masters = Masters::start().await;
    let (one, two) = (masters.bootstrapped().await, masters.joined(&masters.settings()).await);
    let slept = taken(&one, terms(1_000, 0)).await;
    let next = taken(&two, lasting(20_000, 60_000)).await;
    assert_eq!(slept.check(), Err(Loss::Expired));
    assert!(slept.lost().is_cancelled());
    assert!(next.token() > slept.token(), "what it protects refuses the one who slept");
    wait_for(|| async { masters.keys(0..5).await == 5 }).await;
    slept.release().await;
    one.close().await;
    assert_eq!(masters.keys(0..5).await, 5);
    assert!(next.check().is_ok());
}

#[tokio::test]
async fn safe_7_a_machine_that_was_asleep_has_lost_it() {
    let masters = Masters::start().await;
    drop(masters.bootstrapped().await);
    let clock = ahead();
    let one = Redlock::with(&masters.settings(), clock.clone()).unwrap();
    let held = taken(&one, lasting(20_000, 60_000)).await;
    assert!(held.check().is_ok());
    clock.0.store(3_600_000, Ordering::SeqCst);
    assert_eq!(held.check(), Err(Loss::Expired));
    held.lost().cancelled().await;
}

#[tokio::test]
async fn fence_1_tokens_rise_while_masters_are_restarted_empty() {
    let mut masters = Masters::start().await;
    let settings = LockSettings { ttl_max_ms: 500, ..masters.settings() };
    let one = Redlock::new(&settings).unwrap();
    one.bootstrap(PATIENCE).await.unwrap();
    let two = masters.joined(&settings).await;
    let mut tokens = Vec::new();
    for round in 0..40 {
        if round % 10 == 5 {
            masters.servers[round / 10].restart().await;
        }
        for process in [&one, &two] {
            let held = taken(process, terms(500, 60_000)).await;
            tokens.push(held.token());
            held.release().await;
        }
    }
    assert!(tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");
}
