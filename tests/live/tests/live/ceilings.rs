//! A host that gives less than a binding says holds what it judges; all others have it in force.

use anyhow::Result;
use sluice_live::{Fleet, wait_for};

#[test]
fn a_binding_above_a_hosts_ceiling_is_held_there_and_in_force_elsewhere() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let settings = fleet.file("small.toml", "[ceilings]\nmemory_bytes = 1048576\n")?;
    fleet.hosts.push(fleet.host("small", &["--settings", &settings])?);
    let args = ["validator", "bind", "limits", "bounds", "--keys", "app/**", "--settings", r#"{"/max": [1, 100]}"#];
    let bound = fleet.sluice.json(&args)?["revision"].as_str().unwrap_or_default().to_owned();
    let bad = fleet.xadd(&["put:app/a", r#"{"max": 900}"#])?;
    let elsewhere = fleet.xadd(&["put:web/a", "1"])?;
    fleet.hosts[0].reaches(&elsewhere);
    assert!(fleet.hosts[0].verdict(&bad)?.starts_with("rejected: limits: "));
    fleet.hosts[1].passes(&elsewhere);
    assert_eq!(fleet.hosts[1].value("web/a")?, Some(b"1".to_vec()), "other keys go on");
    let held = wait_for("the small host to say why", || {
        let held = fleet.hosts[1].status().ok()?["held"].clone();
        held.to_string().contains("this host gives 1048576 at most").then_some(held)
    });
    assert_eq!(held[0]["revision"], bound.as_str());
    let why = held[0]["why"].to_string();
    assert!(why.contains("is 67108864") && why.contains("raise ceilings.memory_bytes of this host, or bind"), "{why}");
    fleet.hosts.remove(1).kill()?;
    fleet.hosts.push(fleet.host("small", &[])?);
    fleet.converge(&elsewhere);
    assert_eq!(fleet.verdict(&bound)?, "applied");
    assert!(fleet.verdict(&bad)?.starts_with("rejected: limits: "));
    Ok(())
}
