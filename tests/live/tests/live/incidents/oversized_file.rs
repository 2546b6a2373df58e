//! A generated file that came out twice as long. Cloudflare, 2025-11-18.

use anyhow::Result;
use sluice_live::Fleet;

use super::{bind, stand};

/// A file of features, each row as often as the query that made it said so.
fn features(rows: usize, times: usize) -> String {
    let row = |at: usize| format!(r#"{{"name": "feature-{at}", "type": "Float64"}}"#);
    let rows: Vec<String> = (0..rows * times).map(|at| row(at % rows)).collect();
    format!(r#"{{"features": [{}]}}"#, rows.join(", "))
}

#[test]
fn a_generated_file_that_doubled_is_refused_by_every_host_and_the_good_one_stays() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    bind(&fleet, "size-and-shape", "bots/**", r#"{"items_max": 200, "growth_max": 1.5}"#)?;
    let good = fleet.file("good.json", features(120, 1))?;
    fleet.sluice.ok(&["put", "bots/features.json", &format!("@{good}"), "--wait=all"])?;
    let good = fleet.hosts[0].status()?;
    // By hand, and by a job that knows nothing of Sluice and does not look at outcomes.
    let bad = fleet.file("bad.json", features(120, 2))?;
    let told = fleet.sluice.run(&["put", "bots/features.json", &format!("@{bad}")])?;
    assert!(told.code == 1 && told.stdout.contains("rejected") && told.stdout.contains("/features"), "{told:?}");
    let again = fleet.xadd(&["put:bots/features.json", &features(120, 2)])?;
    assert!(fleet.verdict(&again)?.starts_with("rejected: rule: "), "{}", fleet.verdict(&again)?);
    fleet.converge(&again);
    stand(&mut fleet, &good)
}

#[test]
fn without_any_validator_the_guard_stops_a_value_that_grew_too_much() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    fleet.sluice.ok(&["put", "_sluice/policy", r#"{"guard": {"grow_max": 2, "small_bytes": 1024}}"#])?;
    let put = fleet.xadd(&["put:bots/features.json", &features(60, 1)])?;
    let good = fleet.converge(&put);
    let bad = fleet.xadd(&["put:bots/features.json", &features(60, 3)])?;
    assert!(fleet.verdict(&bad)?.starts_with("guarded: "), "{}", fleet.verdict(&bad)?);
    stand(&mut fleet, &good)
}
