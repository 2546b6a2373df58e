//! Locks are had, and nothing stays behind.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use sluice_redis::{Clock, LockError, LockLeases, LockSettings, Machine, Refused};

use crate::{Masters, NAME, deadline_ms, lasting, refused, taken, terms, wait_for};

#[tokio::test]
async fn live_1_and_2_a_master_that_hangs_delays_nobody_and_short_locks_work() {
    let masters = Masters::start().await;
    drop(masters.bootstrapped().await);
    // So long that whoever waits for it is found out.
    let settings = LockSettings { answer_ms: 20_000, silence_ms: 60_000, ..masters.settings() };
    let one = masters.joined(&settings).await;
    drop(taken(&one, terms(400, 0)).await);
    masters.signal([4], "STOP");
    for ttl_ms in [400, 20_000] {
        let mut took = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            let held = taken(&one, terms(ttl_ms, 30_000)).await;
            held.release().await;
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        assert!(took[10] < Duration::from_millis(1_000), "with {ttl_ms} ms: {took:?}");
    }
    masters.signal([4], "CONT");
    one.close().await;
    assert_eq!(masters.keys(0..5).await, 0, "not even where it was late");
}

#[tokio::test]
async fn live_3_a_failed_try_leaves_nothing_behind() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    for at in 0..3 {
        masters.servers[at].say(&["SET", NAME, "somebody else's", "PX", "20000"]).await;
    }
    masters.signal([4], "STOP");
    assert!(matches!(refused(one.acquire(terms(10_000, 0)).await), Refused::Taken { .. }));
    wait_for(|| async { masters.keys([3]).await == 0 }).await;
    masters.signal([4], "CONT");
    one.close().await;
    assert_eq!(masters.keys([3, 4]).await, 0);
    assert_eq!(masters.keys(0..3).await, 3, "what is somebody else's stays");
}

#[tokio::test]
async fn live_4_a_wish_given_up_at_any_point_leaves_nothing_behind() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    for polls in 0..40 {
        let mut wish = Box::pin(one.acquire(terms(20_000, 20_000)));
        let mut left = polls;
        // Polled so many times, whatever it says.
        poll_fn(|context| {
            if left == 0 || wish.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        drop(wish);
    }
    one.close().await;
    assert_eq!(masters.keys(0..5).await, 0);
}

#[tokio::test]
async fn live_5_a_dropped_guard_gives_back_outside_of_a_runtime_and_in_a_panic_too() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let held = taken(&one, lasting(20_000, 0)).await;
    std::thread::spawn(move || drop(held)).join().unwrap();
    let held = taken(&one, lasting(20_000, 20_000)).await;
    let panicked = std::thread::spawn(move || {
        let _held = held;
        panic!("on purpose");
    });
    panicked.join().unwrap_err();
    one.close().await;
    assert_eq!(masters.keys(0..5).await, 0);
}

#[tokio::test]
async fn live_6_a_holder_that_died_keeps_it_no_longer_than_its_time_to_live() {
    let masters = Masters::start().await;
    let (one, two) = (masters.bootstrapped().await, masters.joined(&masters.settings()).await);
    // As after SIGKILL: nobody extends it, nobody gives it back.
    std::mem::forget(taken(&one, terms(1_000, 0)).await);
    let next = taken(&two, terms(1_000, 60_000)).await;
    assert!(next.check().is_ok());
}

#[tokio::test]
async fn live_8_flushed_scripts_are_no_loss() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let held = taken(&one, lasting(20_000, 0)).await;
    let began_ms = Machine.now_ms();
    for server in &masters.servers {
        server.say(&["SCRIPT", "FLUSH"]).await;
    }
    let before_ms = deadline_ms(&held);
    wait_for(|| async { deadline_ms(&held).is_some() && Machine.now_ms() > began_ms + 50 }).await;
    held.extend();
    wait_for(|| async { deadline_ms(&held) > before_ms.map(|before_ms| before_ms + 20) }).await;
    for server in &masters.servers {
        server.say(&["SCRIPT", "FLUSH"]).await;
    }
    let report = held.release().await;
    assert!(report.deleted >= 3, "{report:?}");
    one.close().await;
    assert_eq!(masters.keys(0..5).await, 0);
}

#[tokio::test]
async fn live_9_terms_that_cannot_be_met_are_refused_in_words() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let error = |result: Result<_, LockError>| result.map(|_: sluice_redis::Guard| ()).unwrap_err().to_string();
    assert_eq!(error(one.acquire(terms(2, 0)).await), "a lock of 2 ms is over before it is had: take at least 50 ms");
    assert_eq!(
        error(one.acquire(terms(60_000, 0)).await),
        "a lock of 60000 ms is longer than these masters allow: take at most 20000 ms"
    );
    let even = LockSettings::new(["redis://a", "redis://b"]);
    assert!(sluice_redis::Redlock::new(&even).is_err(), "two masters are worse than one");
    let twice = LockSettings::new(["redis://a", "redis://b", "redis://a:6379"]);
    assert!(sluice_redis::Redlock::new(&twice).is_err(), "one master twice is no two");
}

#[tokio::test]
async fn in_one_process_those_who_wait_come_in_their_order() {
    let masters = Masters::start().await;
    let one = masters.bootstrapped().await;
    let first = taken(&one, terms(20_000, 0)).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..8 {
        let (mut wish, tell) = (
            Box::pin({
                let one = one.clone();
                async move { taken(&one, terms(20_000, 60_000)).await }
            }),
            tell.clone(),
        );
        // In line before the next one comes.
        assert!(poll_fn(|context| Poll::Ready(wish.as_mut().poll(context).is_pending())).await);
        tokio::spawn(async move {
            let held = wish.await;
            tell.send((number, held.token())).unwrap();
            held.release().await;
        });
    }
    first.release().await;
    let mut order = Vec::new();
    while order.len() < 8 {
        order.push(told.recv().await.unwrap());
    }
    assert!(order.is_sorted(), "{order:?}");
    assert!(order.is_sorted_by_key(|(_, token)| *token), "{order:?}");
}

#[tokio::test]
async fn leases_over_five_masters_keep_what_their_port_promises() {
    let masters = Masters::start().await;
    drop(masters.bootstrapped().await);
    let one = masters.joined(&LockSettings { ttl_max_ms: 60_000, ..masters.settings() }).await;
    let leases = LockLeases::new(one.clone(), &"shop".parse().unwrap());
    sluice_node::conformance::leases(Arc::new(leases)).await;
    one.close().await;
}
