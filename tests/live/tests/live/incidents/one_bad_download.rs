//! One download that fails, and a server that does not start because of it. policy-server#374.

use anyhow::Result;
use serde_json::Value;
use sluice_live::{Fleet, wait_for};

use super::stand;

/// Waits until the host has tried what it holds, and gives that.
fn held(fleet: &Fleet) -> Value {
    wait_for("the host to hold the binding", || {
        let status = fleet.hosts[0].status().ok()?;
        (status["held"][0]["tries"].as_u64()? > 0).then(|| status["held"][0].clone())
    })
}

#[test]
fn a_component_that_came_damaged_holds_its_own_keys_and_stops_no_host() -> Result<()> {
    // What was compiled before needs no download; so nothing was.
    let mut fleet = Fleet::passing(1)?;
    let component = sluice_artifacts::BOUNDS;
    let digest = blake3::hash(component).to_hex().to_string();
    let blob = format!("sluice:{{shop}}:blob:{digest}");
    let good = fleet.converge(&fleet.xadd(&["put:app/a", "1", "put:web/a", "1"])?);
    fleet.server.cli_fed(&["SET", &blob], component)?;
    fleet.server.cli(&["SETRANGE", &blob, "100", "damage"])?;
    let binding = format!(r#"{{"keys": ["app/**"], "component": "{digest}", "settings": {{"/max": [1, 100]}}}}"#);
    let announcement = format!("put:_sluice/components/{digest}");
    let bound = fleet.xadd(&["put:_sluice/validators/limits", &binding, &announcement, "{}"])?;
    assert_eq!(held(&fleet)["revision"], bound.as_str());
    stand(&mut fleet, &good)?;
    let why = held(&fleet);
    assert!(why.to_string().contains(&digest), "it names what is damaged: {why}");

    let elsewhere = fleet.xadd(&["put:web/a", "2"])?;
    fleet.hosts[0].passes(&elsewhere);
    wait_for("all else to go on", || (fleet.hosts[0].value("web/a").ok()? == Some(b"2".to_vec())).then_some(()));
    fleet.server.cli_fed(&["SET", &blob], component)?;
    let bad = fleet.xadd(&["put:app/a", r#"{"max": 0}"#])?;
    fleet.converge(&bad);
    assert_eq!(fleet.verdict(&bad)?, "rejected: limits: 0 is not within 1 to 100");
    Ok(())
}
