//! Outages that others told the public about, played again: docs/INCIDENTS.md says what happened to whom.
//!
//! Each ends with every host on the last good set, also after a restart.

mod blank_field;
mod emptied_store;
mod empty_source;
mod global_flag;
mod one_bad_download;
mod oversized_file;
mod rejected_again;
mod trimmed_log;

use anyhow::Result;
use serde_json::Value;
use sluice_live::Fleet;

/// All hosts serve exactly this state, now and after a kill -9, and are ready.
#[track_caller]
fn stand(fleet: &mut Fleet, good: &Value) -> Result<()> {
    let serves = |fleet: &Fleet| -> Result<()> {
        for host in &fleet.hosts {
            assert_eq!(host.status()?["root"], good["root"], "{} left the last good set", host.id);
            assert_eq!(host.get("/readyz")?.0, 200, "{}", host.id);
            assert!(!host.logged().contains("panicked"), "{}", host.logged());
        }
        Ok(())
    };
    serves(fleet)?;
    for host in std::mem::take(&mut fleet.hosts) {
        let id = host.id.clone();
        host.kill()?;
        fleet.hosts.push(fleet.host(&id, &[])?);
    }
    serves(fleet)
}

/// Binds one of the validators that come with Sluice, and waits until every host has it.
fn bind(fleet: &Fleet, component: &str, keys: &str, settings: &str) -> Result<()> {
    let args = ["validator", "bind", "rule", component, "--keys", keys, "--settings", settings, "--wait=all"];
    fleet.sluice.ok(&args)?;
    Ok(())
}

/// One entry with many keys under a prefix.
fn many(prefix: &str, count: usize) -> Vec<String> {
    (0..count).flat_map(|at| [format!("put:{prefix}/{at:03}"), format!("value {at}")]).collect()
}

fn words(fields: &[String]) -> Vec<&str> {
    fields.iter().map(String::as_str).collect()
}
