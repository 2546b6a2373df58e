//! Faults on purpose, for tests of whole processes. Only debug builds know of them: see `docs/FAILPOINTS.md`.

use std::sync::Arc;

use anyhow::Result;
use rustix::process::{Signal, getpid, kill_process};
use sluice_core::Key;
use sluice_disk::Faults;
use sluice_node::Hub;
use tracing::warn;

use crate::exit::usage;
use crate::settings;

/// What the environment asks for.
#[derive(Default)]
pub struct Asked {
    pub store: Option<Faults>,
    /// The process crashes when a state with this key is served.
    pub crash: Option<Key>,
}

/// Reads `SLUICE_FAILPOINT`: those of the store, and `serve.key:KEY=abort`.
pub fn read() -> Result<Asked> {
    let Some(text) = settings::failpoints() else { return Ok(Asked::default()) };
    warn!(%text, "faults will be made on purpose");
    let is_served = |one: &&str| one.trim().starts_with("serve.");
    let (serve, store): (Vec<&str>, Vec<&str>) = text.split(',').partition(is_served);
    let crash =
        serve.first().map(|one| crash_key(one).ok_or_else(|| usage(format!("{one:?}: write serve.key:KEY=abort"))));
    let store = (!store.is_empty()).then(|| Faults::read(&store.join(",")).map_err(usage));
    Ok(Asked { store: store.transpose()?, crash: crash.transpose()? })
}

fn crash_key(text: &str) -> Option<Key> {
    let name = text.trim().strip_prefix("serve.key:")?.strip_suffix("=abort")?;
    Key::parse(name.as_bytes()).ok()
}

/// Ends the process by SIGABRT, as a bug in native code would, as soon as the key is served.
pub async fn crash(hub: Arc<Hub>, key: Key) {
    let mut installs = hub.subscribe();
    loop {
        installs.borrow_and_update();
        if hub.view().state.item(&key).is_some() {
            warn!(%key, "crashing on purpose");
            // It cannot fail for a process of one's own; and if it did, the test would find the host alive.
            let _ = kill_process(getpid(), Signal::ABORT);
        }
        if installs.changed().await.is_err() {
            return;
        }
    }
}
