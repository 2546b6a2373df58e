//! The in-memory ports pass the suites, and a node runs on them from publish to served.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use sluice_core::{Cause, Entry, Fault, Key, Outcome, Refusal, Settings, State, Verdict, fold};
use sluice_node::hub::Fate;
use sluice_node::memory::{
    FnJudge, MemoryBlobs, MemoryLeases, MemoryLog, MemoryReports, MemorySnapshots, MemoryStore, PULL_ENTRIES_MAX,
    accept_all,
};
use sluice_node::{Host, Hub, Judge, Log, Ports, Running, conformance};

/// Of all keys.
const BINDING: &str =
    r#"{"keys": ["**"], "component": "0000000000000000000000000000000000000000000000000000000000000000"}"#;
const WAIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_memory_log_is_a_log() {
    conformance::log(Arc::new(MemoryLog::default())).await;
}

#[tokio::test]
async fn the_memory_blobs_are_blobs() {
    conformance::blobs(Arc::new(MemoryBlobs::default())).await;
}

#[tokio::test]
async fn the_memory_log_can_be_trimmed() {
    let log = Arc::new(MemoryLog::default());
    conformance::retention(log.clone(), log).await;
}

#[tokio::test]
async fn the_memory_leases_are_leases() {
    conformance::leases(Arc::<MemoryLeases>::default()).await;
}

#[tokio::test]
async fn the_memory_snapshots_are_snapshots() {
    conformance::snapshots(Arc::<MemorySnapshots>::default()).await;
}

struct Rig {
    log: Arc<MemoryLog>,
    store: Arc<MemoryStore>,
    reports: Arc<MemoryReports>,
    hub: Arc<Hub>,
    running: Running,
}

fn rig(judge: impl Judge + 'static) -> Rig {
    rig_on(Arc::default(), State::default(), judge)
}

fn rig_on(log: Arc<MemoryLog>, state: State, judge: impl Judge + 'static) -> Rig {
    let (store, reports) = (Arc::default(), Arc::default());
    let hub = Arc::new(Hub::new(State::default()));
    let ports = Ports {
        log: Arc::clone(&log) as _,
        blobs: Arc::new(MemoryBlobs::default()),
        snapshots: Arc::<MemorySnapshots>::default(),
        reports: Arc::clone(&reports) as _,
        judge: Arc::new(judge),
        store: Arc::clone(&store) as _,
        leases: Arc::<sluice_node::memory::MemoryLeases>::default(),
    };
    let host = Host { settings: Settings::default(), state, ports, hub: hub.clone() };
    let running = host.start(&tokio::runtime::Handle::current());
    Rig { log, store, reports, hub, running }
}

fn key(text: &str) -> Key {
    Key::parse(text.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_served_persisted_and_reported() {
    let rig = rig(accept_all());
    let revision = rig.log.write(&[("put:a", "1"), ("put:b", "2")]);
    let fate = rig.hub.settled(revision, WAIT).await;
    assert!(matches!(fate, Fate::Settled(Outcome::Applied(_))), "{fate:?}");
    let served = rig.hub.view().state.clone();
    assert_eq!(served.item(&key("a")).unwrap().bytes, "1");
    assert_eq!(rig.hub.touched_since(revision, "").unwrap().len(), 2);
    // A report is sent beside everything else.
    let reported = async {
        while rig.reports.latest().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT, reported).await.expect("it reports");
    rig.running.stop().await;
    assert_eq!(rig.store.state().root(), served.root());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_change_leaves_the_old_value_and_a_fault_holds_only_its_keys() {
    let judge = FnJudge(|entry: &Entry, _: &State| {
        let text = String::from_utf8_lossy(&entry.fields[0].1).into_owned();
        match text.as_str() {
            "bad" => Ok(Verdict::Reject(Cause::Verdict, Arc::new([]))),
            "sick" => Err((Fault::Time, "too slow".to_owned())),
            _ => Ok(Verdict::accept()),
        }
    });
    let rig = rig(judge);
    rig.log.write(&[("put:_sluice/validators/v", BINDING)]);
    rig.log.write(&[("put:a", "good")]);
    let bad = rig.log.write(&[("put:a", "bad")]);
    let sick = rig.log.write(&[("put:s", "sick")]);
    let behind = rig.log.write(&[("put:s", "good")]);
    let other = rig.log.write(&[("put:b", "good")]);
    assert!(matches!(rig.hub.settled(other, WAIT).await, Fate::Settled(Outcome::Applied(_))));
    assert!(matches!(rig.hub.fate(bad), Fate::Settled(Outcome::Refused(Refusal::Rejected(..)))));
    let served = rig.hub.view().state.clone();
    assert_eq!(served.item(&key("a")).unwrap().bytes, "good");
    assert_eq!(served.item(&key("s")), None);
    assert_eq!(served.held.keys().copied().collect::<Vec<_>>(), [sick, behind]);
    rig.running.stop().await;
}

/// Also for the one change that ends a busy time: it is judged by the loop again, which must say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_validator_holds_up_no_other_task_even_on_one_thread() {
    let (is_busy, is_begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (go, gone) = mpsc::channel();
    let (busy, begun, gone) = (is_busy.clone(), is_begun.clone(), Mutex::new(gone));
    let judge = FnJudge(move |entry: &Entry, _: &State| {
        if entry.fields[0].1 == "slow" {
            begun.store(true, Ordering::SeqCst);
            // No fault: that would be tried again, and come out well at last.
            if gone.lock().unwrap().recv_timeout(WAIT).is_err() {
                return Ok(Verdict::Reject(Cause::Verdict, Arc::new([])));
            }
        }
        // All others, on threads that may block, wait for it: so it is the next thing the loop does.
        busy.store(true, Ordering::SeqCst);
        while !begun.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Ok(Verdict::accept())
    });
    let (log, mut state) = (Arc::new(MemoryLog::default()), State::default());
    let bound = log.write(&[("put:_sluice/validators/v", BINDING)]);
    let binding = log.read(bound, 1).await.unwrap().remove(0);
    fold::fold(&mut state, &binding, |_, _| Verdict::accept());
    for n in 0..PULL_ENTRIES_MAX {
        log.write(&[(&format!("put:a{n}"), "1")]);
    }
    let rig = rig_on(log.clone(), state, judge);
    let slow = tokio::spawn(async move {
        // Long enough for the loop to come to rest on this one thread.
        let mut rests = 0;
        while !is_busy.load(Ordering::SeqCst) || rests < 1000 {
            rests += usize::from(is_busy.load(Ordering::SeqCst));
            tokio::task::yield_now().await;
        }
        let slow = log.write(&[("put:s", "slow")]);
        while !is_begun.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        go.send(()).map(|()| slow)
    });
    let slow = slow.await.unwrap().expect("the runtime stood still");
    let fate = rig.hub.settled(slow, WAIT).await;
    assert!(matches!(fate, Fate::Settled(Outcome::Applied(_))), "{fate:?}");
    rig.running.stop().await;
}

#[test]
fn the_memory_store_is_a_store() {
    struct Shared(Arc<MemoryStore>, u64);
    impl sluice_node::Store for Shared {
        fn persist(&self, batch: &sluice_core::Batch) -> Result<(), sluice_core::Lost> {
            let shifted = sluice_core::Batch { number: batch.number + self.1, ..batch.clone() };
            self.0.persist(&shifted)
        }
    }
    let kept = Arc::new(MemoryStore::default());
    let mut opened = 0;
    conformance::store(|| {
        // A process that starts counts its batches from one again.
        opened += 1;
        (Box::new(Shared(kept.clone(), opened * 100)), kept.state())
    });
}
