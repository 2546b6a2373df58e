//! All fixtures bound on one running host: each has a key of its own, and readers are served meanwhile.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluice_artifacts::fixtures::ALL;
use sluice_core::{Digest, Outcome, Settings, State};
use sluice_judge::{Library, Validators};
use sluice_node::hub::Fate;
use sluice_node::memory::{MemoryBlobs, MemoryLog, MemoryReports, MemorySnapshots, MemoryStore};
use sluice_node::{Blobs, Host, Hub, Ports};

use super::reads::{beside, served};

const WAIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_host_are_served_whatever_its_validators_do() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("validators");
    let slots = NonZeroUsize::new(4).unwrap();
    let library =
        Library::open(&sluice_judge::Settings { cache: Some(cache), slots, ..sluice_judge::Settings::default() })
            .unwrap();
    let (log, blobs, runtime) =
        (Arc::<MemoryLog>::default(), Arc::<MemoryBlobs>::default(), tokio::runtime::Handle::current());
    let judge = Arc::new(Validators::new(library, blobs.clone(), runtime.clone()));
    let ports = Ports {
        log: log.clone(),
        blobs: blobs.clone(),
        snapshots: Arc::<MemorySnapshots>::default(),
        reports: Arc::<MemoryReports>::default(),
        judge,
        store: Arc::<MemoryStore>::default(),
        leases: Arc::<sluice_node::memory::MemoryLeases>::default(),
    };
    let state = served();
    let hub = Arc::new(Hub::new(state.clone()));
    let running = Host { settings: Settings::default(), state, ports, hub: hub.clone() }.start(&runtime);
    let mut lines = Vec::new();
    for (name, component) in ALL {
        blobs.store(Bytes::from_static(component)).await.unwrap();
        let limits = r#"{"fuel": 100000000, "time_ms": 60000}"#;
        let text = format!(r#"{{"keys": ["{name}"], "component": "{}", "limits": {limits}}}"#, Digest::of(component));
        let bound = log.write(&[(&format!("put:_sluice/validators/{}", name.replace('_', "-")), &text)]);
        let change = log.write(&[(&format!("put:{name}"), "{}")]);
        let waits = || runtime.block_on(async { (hub.settled(bound, WAIT).await, hub.settled(change, WAIT).await) });
        let ((bound, change), reads) = tokio::task::block_in_place(|| beside(&hub, waits));
        lines.push(format!("{name}: binding {}, change {}", told(&bound), told(&change)));
        println!("reads p99 {:?} of {} beside {}", reads.p99, reads.count, lines[lines.len() - 1]);
    }
    let state: State = hub.view().state.clone();
    assert_eq!(state.held.keys().copied().collect::<Vec<_>>(), [], "nothing waits");
    running.stop().await;
}

fn told(fate: &Fate) -> String {
    match fate {
        Fate::Settled(Outcome::Applied(_)) => "applied".into(),
        Fate::Settled(Outcome::Refused(refusal)) => format!("{refusal:?}").chars().take(90).collect(),
        other => panic!("{other:?}"),
    }
}
