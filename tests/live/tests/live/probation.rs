//! Sets that make a host crash, and hosts that are killed for no fault of their set.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use anyhow::Result;
use sluice_live::host::order;
use sluice_live::process::Process;
use sluice_live::{Fleet, Host, wait_for};

const ABORT: i32 = 6;

/// A host that crashes once it serves the key `poison`, with this many ms of probation. It may not come up.
fn fragile(fleet: &Fleet, probation_ms: u64) -> Result<Process> {
    let text = format!("[keeper]\non = false\n[disk]\nprobation_ms = {probation_ms}\n");
    let settings = fleet.file("fragile.toml", text)?;
    let data = fleet.folder.path().join("fragile");
    let mut command = Host::command(&fleet.sluice, "fragile", &data, &["--settings", &settings])?;
    Process::start(command.env("SLUICE_FAILPOINT", "serve.key:poison=abort"))
}

fn up(fleet: &Fleet, probation_ms: u64) -> Result<Host> {
    Host::of(fragile(fleet, probation_ms)?, "fragile", fleet.folder.path().join("fragile"))
}

fn crashes(process: &mut Process) -> Result<()> {
    let ended = wait_for("the host to crash", || process.ended().transpose())?;
    assert_eq!(ended.signal(), Some(ABORT), "{ended:?}");
    Ok(())
}

/// Waits until the host has written down that it trusts the set of this revision.
fn is_proven(data: &Path, revision: &str) {
    let ms = order(revision).0.to_le_bytes();
    wait_for(&format!("{revision} to outlive its probation"), || {
        let record = std::fs::read(data.join("probation")).ok()?;
        record.windows(ms.len()).any(|part| part == ms).then_some(())
    });
}

/// It is up, serves the older set, and says so to everybody who asks.
fn is_on_hold(fleet: &Fleet, host: &Host, serving: &str) -> Result<()> {
    let status = host.status()?;
    let why = status["probation"]["why"].to_string();
    assert_eq!((status["revision"].as_str(), status["probation"]["state"].as_str()), (Some(serving), Some("held")));
    assert!(why.contains(&format!("serving that of {serving}")) && why.contains("remove "), "{why}");
    let (code, body) = host.get("/readyz")?;
    assert!((code, String::from_utf8_lossy(&body).contains("older set")) == (200, true), "{code} {body:?}");
    let metrics = String::from_utf8(host.get("/metrics")?.1)?;
    assert!(metrics.contains("\nsluice_probation 1\n"), "{metrics}");
    assert!(host.logged().contains("serving the set before"), "{}", host.logged());
    wait_for("status to tell it", || {
        let ran = fleet.sluice.run(&["status"]).ok()?;
        ran.stdout.lines().any(|line| line.starts_with("fragile") && line.contains("probation")).then_some(())
    });
    Ok(())
}

#[test]
fn a_set_that_makes_a_host_crash_is_not_loaded_a_third_time() -> Result<()> {
    const PROBATION_MS: u64 = 5_000;
    let mut fleet = Fleet::start(1)?;
    let mut host = up(&fleet, PROBATION_MS)?;
    let good = fleet.xadd(&["put:k", "good"])?;
    host.reaches(&good);
    is_proven(&host.data, &good);
    fleet.xadd(&["put:poison", "1"])?;
    crashes(host.process())?;
    crashes(&mut fragile(&fleet, PROBATION_MS)?)?;
    let host = up(&fleet, PROBATION_MS)?;
    is_on_hold(&fleet, &host, &good)?;
    assert_eq!((host.value("k")?, host.value("poison")?), (Some(b"good".to_vec()), None));
    // Being killed meanwhile changes nothing: it has not loaded what makes it crash.
    host.kill()?;
    let mut host = up(&fleet, PROBATION_MS)?;
    is_on_hold(&fleet, &host, &good)?;
    // A newer change makes another set, which is given one try; a bad one is back to the older set at once.
    fleet.xadd(&["put:other", "1"])?;
    crashes(host.process())?;
    let host = up(&fleet, PROBATION_MS)?;
    is_on_hold(&fleet, &host, &good)?;
    let mended = fleet.xadd(&["del:poison", ""])?;
    let status = host.reaches(&mended);
    assert_eq!(status["probation"]["state"], "ok", "{status:#}");
    is_proven(&host.data, &mended);
    fleet.hosts.push(host);
    fleet.converge(&mended);
    assert_eq!(fleet.value("other", &mended)?, Some(b"1".to_vec()));
    Ok(())
}

#[test]
fn a_host_killed_twice_at_once_serves_on_and_an_operator_may_say_that_its_set_is_good() -> Result<()> {
    const PROBATION_MS: u64 = 600_000;
    let mut fleet = Fleet::start(1)?;
    fleet.xadd(&["put:k", "1"])?;
    // A folder from before there were probations: what it has is trusted.
    let host = up(&fleet, 0)?;
    let first = host.reaches(&fleet.xadd(&["put:k", "2"])?)["revision"].as_str().unwrap_or_default().to_owned();
    host.terminate()?;
    let host = up(&fleet, PROBATION_MS)?;
    let second = fleet.xadd(&["put:k", "3"])?;
    host.reaches(&second);
    host.kill()?;
    let host = up(&fleet, PROBATION_MS)?;
    host.reaches(&second);
    host.kill()?;
    let host = up(&fleet, PROBATION_MS)?;
    is_on_hold(&fleet, &host, &first)?;
    assert_eq!(host.value("k")?, Some(b"2".to_vec()));
    // Stopping it, as an upgrade does, is no crash and no word that the set is good.
    assert!(host.terminate()?.success());
    let host = up(&fleet, PROBATION_MS)?;
    is_on_hold(&fleet, &host, &first)?;
    std::fs::remove_file(host.data.join("probation"))?;
    host.reaches(&second);
    wait_for("it to say that all is well", || (host.status().ok()?["probation"]["state"] == "ok").then_some(()));
    fleet.hosts.push(host);
    fleet.converge(&second);
    Ok(())
}

#[test]
fn what_a_host_on_hold_serves_is_nobodys_to_go_on_with_and_it_keeps_nothing_up() -> Result<()> {
    const PROBATION_MS: u64 = 600_000;
    let mut fleet = Fleet::start(0)?;
    let keeper = "[keeper]\nlook_ms = 100\nage_ms = 0\nbehind = 1\ntick_ms = 0\nretention_ms = 0\nlaggard_ms = 1000\n";
    let text = format!("{keeper}[disk]\nprobation_ms = {PROBATION_MS}\n");
    let settings = fleet.file("keeper.toml", text)?;
    let start = || fleet.host("held", &["--settings", &settings]);
    // What is on disk when the first probation begins is trusted: here nothing but this.
    let first = fleet.xadd(&["put:k", "1"])?;
    let host = start()?;
    host.reaches(&first);
    host.terminate()?;
    let host = start()?;
    let second = fleet.xadd(&["put:k", "2"])?;
    host.reaches(&second);
    host.kill()?;
    let host = start()?;
    host.reaches(&second);
    host.kill()?;
    let held = start()?;
    assert_eq!(held.status()?["probation"]["state"], "held", "{}", held.logged());
    let refused = fleet.sluice.run(&["reseed", "--yes", "--from", &held.url("")])?;
    assert!(
        refused.code == 2 && refused.stderr.contains("host held is on hold: it serves the older set"),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("--force"), "{refused:?}");

    // Only a host that serves what the log leads to writes snapshots, and it does not wait for this one.
    let newest = |name: &str| -> Option<String> {
        fleet.server.cli(&["HGET", "sluice:{shop}:snapshot", name]).ok().filter(|text| !text.is_empty())
    };
    let before = newest("revision");
    let other = fleet.host("other", &["--settings", &settings])?;
    other.reaches(&second);
    wait_for("log time to pass what a laggard is waited for", || {
        let seconds: u64 = fleet.server.cli(&["TIME"]).ok()?.lines().next()?.parse().ok()?;
        (seconds * 1000 > order(&second).0 + 3_000).then_some(())
    });
    let last = fleet.xadd(&["tick", ""])?;
    other.reaches(&last);
    wait_for("the log to be trimmed past the host on hold", || {
        let oldest = fleet.server.cli(&["XRANGE", "sluice:{shop}:log", "-", "+", "COUNT", "1"]).ok()?;
        (oldest.lines().next()? == last).then_some(())
    });
    assert_eq!((newest("revision"), newest("host")), (Some(last.clone()), Some("other".to_owned())), "not {before:?}");
    assert_eq!(held.status()?["probation"]["state"], "held", "a tick ends no hold");
    // Set free, it comes back by the snapshot.
    std::fs::remove_file(held.data.join("probation"))?;
    fleet.hosts.extend([held, other]);
    let end = fleet.xadd(&["put:k", "3"])?;
    fleet.converge(&end);
    Ok(())
}
