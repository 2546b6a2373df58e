//! Snapshots: hosts that begin with one, damage that is named, writers that race or slept, and files.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use sluice_live::process::Process;
use sluice_live::{Fleet, Host, Proxy, Weather, wait_for};

/// A space with keys of some sizes, deletes, tokens, a refusal. Gives the newest revision.
fn filled(fleet: &Fleet) -> Result<String> {
    for at in 0..300 {
        let (key, token) = (format!("put:k/{at:03}"), format!("token {at}"));
        fleet.xadd(&[&key, &format!("{at} ").repeat(100), "token", &token])?;
    }
    fleet.xadd(&["nonsense", "1"])?;
    fleet.xadd(&["put:large", &"x".repeat(100_000)])?;
    fleet.xadd(&["del:k/000", ""])
}

/// Trims all but the newest entry, as nobody should without a snapshot.
fn trim(fleet: &Fleet, revision: &str) -> Result<()> {
    fleet.server.cli(&["XTRIM", "sluice:{shop}:log", "MINID", "=", revision])?;
    assert_eq!(fleet.entries()?, 1);
    Ok(())
}

/// A host with a keeper that looks all the time, and keeps no more of the log than live hosts need.
fn keeping(fleet: &Fleet, id: &str, behind: u64) -> Result<Host> {
    let bounds = "look_ms = 100\nage_ms = 0\ntick_ms = 0\nretention_ms = 0";
    let lines = format!("[keeper]\n{bounds}\nbehind = {behind}\n");
    let file = fleet.file(&format!("{id}.toml"), lines)?;
    fleet.host(id, &["--settings", &file])
}

#[test]
fn a_fresh_host_on_a_trimmed_log_begins_with_the_snapshot() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let last = filled(&fleet)?;
    let before = fleet.converge(&last);
    let kept = fleet.sluice.json(&["snapshot", "write"])?;
    assert_eq!((&kept["revision"], &kept["root"]), (&before["revision"], &before["root"]));
    let again = fleet.sluice.json(&["snapshot", "write"])?;
    assert_eq!(again["written"], 0, "what is there already is not written again: {again}");
    trim(&fleet, &last)?;
    fleet.hosts.push(fleet.host("edge-2", &[])?);
    let next =
        fleet.xadd(&["put:k/001", "new", "token", "token 299"]).and_then(|_| fleet.xadd(&["put:k/002", "new"]))?;
    let after = fleet.converge(&next);
    assert_eq!(after["index"], 305);
    assert_eq!(fleet.hosts[1].value("k/001")?, fleet.hosts[0].value("k/001")?, "a token seen before is seen");
    assert_eq!(fleet.hosts[1].value("k/002")?, Some(b"new".to_vec()));

    let history = fleet.sluice.ok(&["history", "k/002"])?;
    assert_eq!(history.lines().count(), 2, "what was before the log is told: {history}");
    assert_eq!(fleet.sluice.ok(&["get", "k/002"])?, "new");
    Ok(())
}

#[test]
fn a_damaged_chunk_is_named_and_not_used_and_the_host_serves_on() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let last = filled(&fleet)?;
    fleet.converge(&last);
    fleet.sluice.ok(&["snapshot", "write"])?;
    let number = fleet.server.cli(&["HGET", "sluice:{shop}:snapshot", "number"])?;
    let manifest = fleet.server.cli(&["HGET", "sluice:{shop}:snapshot", "manifest"])?;
    let chunks = fleet.server.cli(&["SMEMBERS", &format!("sluice:{{shop}}:snapshot:{number}:chunks")])?;
    let mut damaged = None;
    for chunk in chunks.lines().filter(|name| *name != manifest) {
        let blob = format!("sluice:{{shop}}:blob:{chunk}");
        fleet.server.cli(&["COPY", &blob, "sluice:{shop}:sound", "REPLACE"])?;
        fleet.server.cli(&["SETRANGE", &blob, "40", "damage"])?;
        let told = fleet.sluice.run(&["snapshot", "verify"])?;
        assert!(told.code != 0 && told.stderr.contains(chunk), "{told:?}");
        if !told.stderr.contains("history:") {
            damaged = Some(chunk.to_owned());
            break;
        }
        // Those of the history are no business of a host that starts.
        fleet.server.cli(&["COPY", "sluice:{shop}:sound", &blob, "REPLACE"])?;
    }
    let chunk = damaged.context("some chunk is the snapshot's")?;
    trim(&fleet, &last)?;
    fleet.hosts.push(fleet.host("edge-2", &[])?);
    wait_for("the new host to name the chunk", || {
        let source = fleet.hosts[1].status().ok()?["source"]["why"].to_string();
        source.contains(&chunk).then_some(())
    });
    assert_eq!(fleet.hosts[1].value("large")?, None, "nothing of it is served");
    assert!(fleet.hosts[0].value("large")?.is_some(), "and who had it serves on");
    // The command finds the same, so only a host that has the state can write it anew.
    let keeper = fleet.hosts.remove(0).kill().and_then(|_| keeping(&fleet, "edge-1", 1))?;
    fleet.hosts.insert(0, keeper);
    let next = fleet.xadd(&["put:k/001", "new"])?;
    fleet.converge(&next);
    fleet.sluice.ok(&["snapshot", "verify"])?;
    Ok(())
}

#[test]
fn hosts_that_race_write_one_snapshot() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    for id in ["edge-1", "edge-2", "edge-3"] {
        fleet.hosts.push(keeping(&fleet, id, 303)?);
    }
    let last = filled(&fleet)?;
    fleet.converge(&last);
    wait_for("a snapshot to be written, and the lease given back", || {
        let pointed = fleet.server.cli(&["EXISTS", "sluice:{shop}:snapshot"]).ok()?;
        let held = fleet.server.cli(&["EXISTS", "sluice:{shop}:lease:snapshot"]).ok()?;
        (pointed == "1" && held == "0").then_some(())
    });
    let listed = fleet.sluice.ok(&["snapshot", "ls"])?;
    assert_eq!(listed.lines().count(), 1, "{listed}");
    assert!(listed.contains(&last), "{listed}");
    fleet.sluice.ok(&["snapshot", "verify"])?;
    Ok(())
}

#[test]
fn a_writer_that_slept_past_its_lease_replaces_nothing_newer() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.converge(&filled(&fleet)?);
    let pointed = || fleet.server.cli(&["HGET", "sluice:{shop}:snapshot", "number"]);
    // So late a line that the answer with the lease is still under way when the writer is stopped.
    let late = Proxy::start(fleet.server.port(), 1)?;
    late.set(Weather { latency: Duration::from_millis(150), ..Weather::default() });
    let mut command = fleet.sluice.over(&late.url()).command(&["--timeout", "4m", "snapshot", "write"])?;
    let mut stale = Process::start(&mut command)?;
    wait_for("the writer to hold the lease", || {
        let held = fleet.server.cli(&["EXISTS", "sluice:{shop}:lease:snapshot"]).ok()?;
        (held == "1").then_some(())
    });
    stale.signal(Signal::STOP)?;
    assert_eq!(pointed()?, "", "it is stopped before it replaced the pointer");
    // As if the lease had run out.
    fleet.server.cli(&["DEL", "sluice:{shop}:lease:snapshot"])?;
    let last = fleet.xadd(&["put:k/001", "newer"])?;
    fleet.converge(&last);
    let kept = fleet.sluice.json(&["snapshot", "write"])?;
    stale.signal(Signal::CONT)?;
    let ended = wait_for("the stale writer to end", || stale.ended().transpose())?;
    assert!(!ended.success(), "it says that it lost: {ended}");
    assert_eq!(pointed()?, kept["number"].to_string(), "the newer stays");
    assert_eq!(fleet.server.cli(&["HGET", "sluice:{shop}:snapshot", "revision"])?, last);
    Ok(())
}

#[test]
fn a_space_goes_through_a_file_into_an_empty_redis() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let last = filled(&fleet)?;
    let before = fleet.converge(&last);
    let file = fleet.file("shop.snapshot", "")?;
    let saved = fleet.sluice.json(&["snapshot", "save", &file])?;
    assert_eq!(saved["root"], before["root"]);
    assert_eq!(fleet.sluice.json(&["snapshot", "verify", &file])?["root"], before["root"]);
    let refused = fleet.sluice.run(&["snapshot", "restore", &file])?;
    assert!(refused.code == 2 && refused.stderr.contains("--force"), "{refused:?}");
    let mut bytes = std::fs::read(&file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = fleet.file("damaged.snapshot", &bytes)?;
    let told = fleet.sluice.run(&["snapshot", "verify", &damaged])?;
    assert!(told.code == 1 && told.stderr.contains("chunk "), "{told:?}");

    fleet.hosts.remove(0).kill()?;
    fleet.server.cli(&["FLUSHALL"])?;
    assert_eq!(fleet.sluice.run(&["snapshot", "restore", &damaged])?.code, 3);
    assert_eq!(fleet.server.cli(&["EXISTS", "sluice:{shop}:snapshot"])?, "0", "a damaged file leaves no pointer");
    fleet.sluice.ok(&["snapshot", "restore", &file])?;
    fleet.hosts.push(fleet.host("edge-9", &[])?);
    let after = fleet.converge(&last);
    for name in ["revision", "index", "root", "chain", "keys", "bytes"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    let next = fleet.xadd(&["put:k/001", "goes on"])?;
    assert_eq!(fleet.converge(&next)["index"], 304);
    assert_eq!(fleet.sluice.ok(&["get", "k/001"])?, "goes on");
    Ok(())
}
