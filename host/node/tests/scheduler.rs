//! Changes that begin and end at their time, on ports in memory, by hosts that race for it.

use std::sync::Arc;
use std::time::Duration;

use sluice_core::{Cause, Key, Outcome, Revision, Settings, State, Verdict, schedule};
use sluice_node::hub::{Fate, wall_ms};
use sluice_node::memory::{
    FnJudge, MemoryBlobs, MemoryLeases, MemoryLog, MemoryReports, MemorySnapshots, MemoryStore, accept_all,
};
use sluice_node::{Host, Hub, Judge, Ports, Running, Scheduler};
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(60);

struct Rig {
    log: Arc<MemoryLog>,
    hubs: Vec<Arc<Hub>>,
    running: Vec<Running>,
    stop: watch::Sender<bool>,
}

/// Hosts of one log, each with a scheduler.
fn rig(hosts: usize, judge: &Arc<dyn Judge>) -> Rig {
    let (log, blobs, leases) =
        (Arc::<MemoryLog>::default(), Arc::<MemoryBlobs>::default(), Arc::<MemoryLeases>::default());
    let (stop, stopped) = watch::channel(false);
    let (mut hubs, mut running) = (Vec::new(), Vec::new());
    for _ in 0..hosts {
        let hub = Arc::new(Hub::new(State::default()));
        let ports = Ports {
            log: log.clone(),
            blobs: blobs.clone(),
            snapshots: Arc::<MemorySnapshots>::default(),
            reports: Arc::<MemoryReports>::default(),
            judge: judge.clone(),
            store: Arc::<MemoryStore>::default(),
            leases: leases.clone(),
        };
        let host = Host { settings: Settings::default(), state: State::default(), ports, hub: hub.clone() };
        running.push(host.start(&tokio::runtime::Handle::current()));
        let scheduler = Scheduler { log: log.clone(), blobs: blobs.clone(), leases: leases.clone(), hub: hub.clone() };
        scheduler.start(stopped.clone());
        hubs.push(hub);
    }
    Rig { log, hubs, running, stop }
}

impl Rig {
    async fn outcome(&self, revision: Revision) -> Outcome {
        match self.hubs[0].settled(revision, WAIT).await {
            Fate::Settled(outcome) => outcome,
            other => panic!("{revision}: {other:?}"),
        }
    }

    /// Waits until every host has what is asked for.
    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        for hub in &self.hubs {
            let mut installs = hub.subscribe();
            let wait = installs.wait_for(|_| is_so(&hub.view().state));
            tokio::time::timeout(WAIT, wait).await.expect("it comes in time").expect("the hub lives");
        }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        for running in self.running {
            running.stop().await;
        }
    }
}

fn value(state: &State, key: &str) -> Option<String> {
    let item = state.item(&Key::parse(key.as_bytes()).unwrap())?;
    Some(String::from_utf8_lossy(&item.bytes).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_begins_and_ends_once_whoever_does_it() {
    let rig = rig(3, &(Arc::new(accept_all()) as Arc<dyn Judge>));
    rig.log.write(&[("put:a", "old")]);
    let (from, until) = (wall_ms() + 300, wall_ms() + 900);
    let fields = [("put:a", "new"), ("from", &*from.to_string()), ("until", &*until.to_string())];
    let scheduled = rig.log.write(&fields);
    assert_eq!(rig.outcome(scheduled).await.class(), "scheduled");
    rig.until(|state| value(state, "a").as_deref() == Some("new")).await;
    let begun = rig.hubs[0].view().state.revision_of(&Key::parse(b"a").unwrap());
    rig.until(|state| {
        value(state, "a").as_deref() == Some("old") && state.revision_of(&Key::parse(b"a").unwrap()) > begun
    })
    .await;
    let ended = rig.hubs[0].view().state.revision_of(&Key::parse(b"a").unwrap());
    assert!(begun.ms >= from && ended.ms >= until, "{begun} {ended}, not before {from} and {until}");
    rig.until(|state| schedule::planned(state).is_empty()).await;
    let root = rig.hubs[0].view().state.root();
    rig.until(|state| state.root() == root).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_begin_is_called_off_and_says_why() {
    // Lets a change be planned, and refuses it when its time has come.
    let judge = FnJudge(|entry: &sluice_core::Entry, _: &State| {
        let is_start = entry.fields.iter().any(|(name, value)| &name[..] == b"put:a" && &value[..] == b"new")
            && !entry.fields.iter().any(|(name, _)| &name[..] == b"from");
        Ok(if is_start { Verdict::Reject(Cause::Verdict, Arc::new([])) } else { Verdict::accept() })
    });
    let rig = rig(2, &(Arc::new(judge) as Arc<dyn Judge>));
    let from = wall_ms() + 200;
    let scheduled = rig.log.write(&[("put:a", "new"), ("from", &from.to_string())]);
    assert_eq!(rig.outcome(scheduled).await.class(), "scheduled");
    rig.until(|state| schedule::planned(state).is_empty() && state.cursor > scheduled).await;
    let state = rig.hubs[0].view().state.clone();
    assert_eq!(value(&state, "a"), None);
    assert_eq!(state.refused.iter().map(|refused| refused.refusal.class()).collect::<Vec<_>>(), ["rejected"]);
    let last = sluice_node::Log::read(&*rig.log, state.cursor, 1).await.unwrap();
    let reason = last[0].content.as_ref().unwrap().reason.clone().unwrap();
    assert!(reason.starts_with(&format!("start of {scheduled} was rejected")), "{reason}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_serves_an_older_set_begins_nothing() {
    let rig = rig(1, &(Arc::new(accept_all()) as Arc<dyn Judge>));
    let scheduled = rig.log.write(&[("put:a", "new"), ("from", &(wall_ms() + 3_600_000).to_string())]);
    rig.outcome(scheduled).await;
    let state = rig.hubs[0].view().state.clone();
    let planned = schedule::planned(&state).remove(0);
    let hub = Arc::new(Hub::new(state));
    hub.withhold(Revision { ms: u64::MAX, seq: 0 }, sluice_core::Lost("it crashed".to_owned()));
    let log = rig.log.clone();
    let alone = Scheduler { log, blobs: Arc::<MemoryBlobs>::default(), leases: Arc::<MemoryLeases>::default(), hub };
    let told = alone.turn(&planned).await.unwrap_err().0;
    assert!(told.contains("does not serve what the log leads to"), "{told}");
    let last = sluice_node::Log::read(&*rig.log, Revision::ZERO, 9).await.unwrap();
    assert_eq!(last.len(), 1, "not even a tick is appended");
    rig.stop().await;
}
