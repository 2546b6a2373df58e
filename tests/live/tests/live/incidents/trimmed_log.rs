//! A stream trimmed past its reader, which reads on as if nothing were missing. redis#13957.

use anyhow::Result;
use sluice_live::{Fleet, wait_for};

use super::stand;

#[test]
fn a_host_never_steps_over_entries_that_were_trimmed() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    let before = fleet.converge(&fleet.xadd(&["put:k/0", "1"])?);
    let away = fleet.hosts.remove(1).kill()?;
    let mut last = String::new();
    for at in 1..20 {
        last = fleet.xadd(&[&format!("put:k/{at}"), "1"])?;
    }
    let good = fleet.converge(&last);
    // What the issue does, with a reader of its kind beside our host: it gets 20 after 1 and is told nothing.
    fleet.server.cli(&["XTRIM", "sluice:{shop}:log", "MAXLEN", "1"])?;
    let seen = before["revision"].as_str().unwrap_or_default();
    let read = fleet.server.cli(&["XREAD", "STREAMS", "sluice:{shop}:log", seen])?;
    assert!(read.contains(&last) && !read.contains("put:k/18"), "{read}");

    assert!(away.ends_with("edge-2"));
    fleet.hosts.push(fleet.host("edge-2", &[])?);
    wait_for("the host to say what it missed", || {
        (fleet.hosts[1].status().ok()?["source"]["state"] == "trimmed").then_some(())
    });
    let status = fleet.hosts[1].status()?;
    assert_eq!((&status["root"], &status["revision"]), (&before["root"], &before["revision"]), "it took nothing");
    assert_eq!(fleet.hosts[1].get("/readyz")?.0, 200);

    // A host that has it all stores a snapshot, and the other one comes back by it.
    let keeper = "[keeper]\nlook_ms = 100\nage_ms = 0\nbehind = 1\ntick_ms = 0\n";
    let settings = fleet.file("keeper.toml", keeper)?;
    fleet.hosts.remove(0).kill()?;
    fleet.hosts.insert(0, fleet.host("edge-1", &["--settings", &settings])?);
    assert_eq!(fleet.converge(&last)["root"], good["root"]);
    stand(&mut fleet, &good)
}
