//! The keeper, on ports in memory: who writes, what is trimmed, when the log ticks.

use std::sync::Arc;
use std::time::Duration;

use sluice_core::{Entry, Place, Revision, Settings, State};
use sluice_node::hub::wall_ms;
use sluice_node::keeper::{self, Looked, SNAPSHOT};
use sluice_node::memory::{
    MemoryArchive, MemoryBlobs, MemoryHosts, MemoryLeases, MemoryLog, MemoryReports, MemorySnapshots, MemoryStore,
    accept_all,
};
use sluice_node::{Heard, Host, Hub, Keeper, Log, Ports, Retention, Running};

const WAIT: Duration = Duration::from_secs(20);

struct Rig {
    log: Arc<MemoryLog>,
    keeper: Keeper,
    running: Running,
}

/// A host with a keeper that keeps no log time at all, unless told otherwise.
fn rig(heard: Vec<Heard>) -> Rig {
    let (log, hub) = (Arc::<MemoryLog>::default(), Arc::new(Hub::new(State::default())));
    let snapshots = Arc::<MemorySnapshots>::default();
    let ports = Ports {
        log: log.clone(),
        blobs: Arc::<MemoryBlobs>::default(),
        snapshots: snapshots.clone(),
        reports: Arc::<MemoryReports>::default(),
        judge: Arc::new(accept_all()),
        store: Arc::<MemoryStore>::default(),
        leases: Arc::<sluice_node::memory::MemoryLeases>::default(),
    };
    let host = Host { settings: Settings::default(), state: State::default(), ports, hub: hub.clone() };
    let running = host.start(&tokio::runtime::Handle::current());
    let bounds = keeper::Settings { age_ms: 0, behind: 1, retention_ms: 0, ..keeper::Settings::default() };
    let keeper = Keeper {
        settings: bounds,
        log: log.clone(),
        end: log.clone(),
        snapshots,
        archive: Arc::<MemoryArchive>::default(),
        leases: Arc::<MemoryLeases>::default(),
        hosts: Arc::new(MemoryHosts(heard)),
        hub,
    };
    Rig { log, keeper, running }
}

impl Rig {
    async fn published(&self, count: usize) -> Vec<Revision> {
        let revisions: Vec<_> = (0..count).map(|n| self.log.write(&[(&format!("put:k{n}"), "1")])).collect();
        self.keeper.hub.settled(*revisions.last().unwrap(), WAIT).await;
        revisions
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_written_when_one_is_due_and_the_log_is_trimmed_behind_it() {
    let mut rig = rig(Vec::new());
    assert_eq!(rig.keeper.look(false).await, Ok(Looked::Fresh), "of nothing none is due");
    let revisions = rig.published(5).await;
    let Ok(Looked::Wrote(kept, 4)) = rig.keeper.look(false).await else { panic!("not written and trimmed") };
    assert_eq!((kept.revision, kept.index), (revisions[4], 5));
    assert_eq!(rig.log.reach().await.unwrap().first, Some(revisions[4]), "the newest entry stays");
    assert_eq!(rig.keeper.look(false).await, Ok(Looked::Fresh));
    rig.published(3).await;
    rig.keeper.settings.behind = 4;
    assert_eq!(rig.keeper.look(false).await, Ok(Looked::Fresh), "three entries are fewer than four");
    rig.keeper.settings.behind = 3;
    rig.keeper.settings.age_ms = 60_000;
    assert_eq!(rig.keeper.look(false).await, Ok(Looked::Fresh), "and it is young");
    assert!(matches!(rig.keeper.look(true).await, Ok(Looked::Wrote(..))), "unless it is asked for");
    let have = State::default();
    let newest = rig.keeper.snapshots.newest(Place::from(Revision::ZERO), have).await.unwrap().unwrap();
    assert_eq!(newest.state.root(), rig.keeper.hub.view().state.root());
    rig.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_live_host_stands_at_is_not_trimmed_and_what_it_left_long_ago_is() {
    let heard = |revision| Heard { host: "b".to_owned(), seen_ms: wall_ms(), revision, report: None };
    let mut rig = rig(Vec::new());
    let revisions = rig.published(6).await;
    rig.keeper.hosts = Arc::new(MemoryHosts(vec![heard(Some(revisions[2])), heard(None)]));
    assert!(matches!(rig.keeper.look(false).await, Ok(Looked::Wrote(_, 2))));
    assert_eq!(rig.log.reach().await.unwrap().first, Some(revisions[2]));
    let long_ago = Revision { ms: revisions[0].ms - 31 * 24 * 60 * 60 * 1000, seq: 0 };
    rig.keeper.hosts = Arc::new(MemoryHosts(vec![heard(Some(long_ago))]));
    assert!(matches!(rig.keeper.look(true).await, Ok(Looked::Wrote(_, 3))), "too far behind to wait for");
    let more = rig.published(2).await;
    rig.keeper.settings.retention_ms = 60_000;
    assert!(matches!(rig.keeper.look(true).await, Ok(Looked::Wrote(_, 0))), "and a minute of log time is kept");
    assert!(rig.log.read(more[0], 9).await.unwrap().len() == 2);
    rig.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_added_to_the_history_yet_stays_in_the_log() {
    let mut rig = rig(Vec::new());
    let archive = Arc::<MemoryArchive>::default();
    rig.keeper.archive = archive.clone();
    let lost = sluice_core::Lost("no room".to_owned());
    *archive.fault.lock().unwrap() = Some(lost.clone());
    let revisions = rig.published(5).await;
    assert_eq!(rig.keeper.look(true).await, Err(lost));
    assert_eq!(rig.log.reach().await.unwrap().first, Some(revisions[0]), "nothing is trimmed");
    *archive.fault.lock().unwrap() = None;
    assert!(matches!(rig.keeper.look(true).await, Ok(Looked::Wrote(_, 4))));
    assert_eq!(*archive.through.lock().unwrap(), [revisions[4]]);
    rig.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_behind_or_without_the_lease_writes_none() {
    let rig = rig(Vec::new());
    rig.published(2).await;
    let lease = rig.keeper.leases.acquire(SNAPSHOT, 60_000).await.unwrap().unwrap();
    assert_eq!(rig.keeper.look(true).await, Ok(Looked::Taken));
    assert_eq!(rig.keeper.leases.release(&lease).await, Ok(true));
    let behind = Keeper { hub: Arc::new(Hub::new(State::default())), ..rig.keeper.clone() };
    assert_eq!(behind.look(true).await, Ok(Looked::Unfit));
    assert_eq!(rig.keeper.snapshots.known().await.unwrap(), [], "so there is none");
    rig.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_serves_an_older_set_or_has_not_heard_of_the_log_writes_none() {
    let rig = rig(Vec::new());
    rig.published(2).await;
    let state = rig.keeper.hub.view().state.clone();
    // It is on hold, and nothing has come since the set it serves.
    let held = Arc::new(Hub::new(state.clone()));
    held.withhold(Revision { ms: u64::MAX, seq: 0 }, sluice_core::Lost("it crashed".to_owned()));
    let starting = Arc::new(Hub::new(state));
    for hub in [held, starting] {
        let keeper = Keeper { hub, ..rig.keeper.clone() };
        assert_eq!(keeper.look(true).await, Ok(Looked::Unfit));
    }
    assert_eq!(rig.keeper.snapshots.known().await.unwrap(), [], "so there is none");
    rig.running.stop().await;
}

#[tokio::test]
async fn a_silent_log_ticks_once_for_all_hosts() {
    let rig = rig(Vec::new());
    let first = rig.published(1).await[0];
    tokio::time::pause();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let bounds = keeper::Settings { behind: 1_000_000, ..rig.keeper.settings.clone() };
    let keepers: Vec<_> =
        (0..3).map(|_| Keeper { settings: bounds.clone(), ..rig.keeper.clone() }.start(stopped.clone())).collect();
    let begun = tokio::time::Instant::now();
    let mut ticks = Vec::new();
    while ticks.len() < 3 {
        let after = ticks.last().map_or(first, |tick: &Arc<Entry>| tick.revision);
        ticks.extend(rig.log.pull(after.into()).await.unwrap());
    }
    let silences = begun.elapsed().as_millis() / u128::from(bounds.tick_ms);
    assert_eq!((ticks.len(), silences), (3, 3), "one tick a silence for three hosts");
    assert!(ticks.iter().all(|tick| tick.fields == [("tick".into(), "".into())]));
    stop.send_replace(true);
    for keeper in keepers {
        keeper.await.unwrap();
    }
    rig.running.stop().await;
}
