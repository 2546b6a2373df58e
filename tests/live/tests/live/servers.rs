//! A Redis that is there and not as it should be: full, crowded, read-only, forgetful, or closed to us.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use sluice_live::{Fleet, Host, Server, wait_for};

fn source(host: &Host, state: &str) -> String {
    wait_for(&format!("the source to be {state}"), || {
        let source = host.status().ok()?["source"].clone();
        (source["state"] == state).then(|| source["why"].to_string())
    })
}

#[test]
fn a_full_server_refuses_publishers_and_hosts_serve_and_read_on() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    fleet.server.cli(&["CONFIG", "SET", "maxmemory", "1"])?;
    let ran = fleet.sluice.run(&["put", "k", "2"])?;
    assert!(ran.code == 1 && ran.stderr.contains("OOM") && ran.stderr.contains("raise maxmemory"), "{ran:?}");
    let host = &fleet.hosts[0];
    assert_eq!((host.value("k")?, &host.status()?["source"]["state"]), (Some(b"1".to_vec()), &"ok".into()));
    let again = fleet.host("edge-2", &[])?;
    again.reaches(host.status()?["revision"].as_str().unwrap_or_default());
    fleet.server.cli(&["CONFIG", "SET", "maxmemory", "0"])?;
    fleet.converge(&fleet.xadd(&["put:k", "2"])?);
    Ok(())
}

#[test]
fn a_crowded_server_and_a_wrong_password_are_waited_out() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    fleet.server.cli(&["ACL", "SETUSER", "edge", "on", ">right", "~*", "&*", "+@all"])?;
    let url = format!("redis://edge:hunter2@127.0.0.1:{}", fleet.server.port());
    let data = fleet.folder.path().join("edge-1");
    fleet.hosts.push(Host::start(&fleet.sluice.over(&url), "edge-1", data, &[])?);
    let why = source(&fleet.hosts[0], "away");
    assert!(why.contains("WRONGPASS") && why.contains("correct user and password in the URL"), "{why}");
    fleet.server.cli(&["ACL", "SETUSER", "edge", ">hunter2"])?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);

    // One place, and somebody else has it when the host is sent away.
    let mut only = fleet.server.connect()?;
    redis::cmd("CONFIG").arg(&["SET", "maxclients", "1"]).exec(&mut only)?;
    redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]).exec(&mut only)?;
    let why = source(&fleet.hosts[0], "away");
    assert!(why.contains("raise maxclients") && fleet.hosts[0].value("k")? == Some(b"1".to_vec()), "{why}");
    redis::cmd("CONFIG").arg(&["SET", "maxclients", "1000"]).exec(&mut only)?;
    fleet.converge(&fleet.xadd(&["put:k", "2"])?);
    assert!(!fleet.hosts[0].logged().contains("hunter2"));
    Ok(())
}

#[test]
fn a_replica_can_be_read_and_says_why_it_cannot_be_published_to() -> Result<()> {
    let server = Server::start()?;
    let replica = Server::replica_of(&server)?;
    let (url, replica_url) = (server.url(), replica.url());
    let mut fleet = Fleet::around(server, &url, 0)?;
    let data = fleet.folder.path().join("edge-1");
    fleet.hosts.push(Host::start(&fleet.sluice.over(&replica_url), "edge-1", data, &[])?);
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    let ran = fleet.sluice.over(&replica_url).run(&["put", "k", "2"])?;
    assert!(ran.code == 1 && ran.stderr.contains("READONLY") && ran.stderr.contains("primary"), "{ran:?}");
    assert_eq!(source(&fleet.hosts[0], "ok"), "null");
    Ok(())
}

#[test]
fn a_server_that_may_evict_the_log_is_warned_of_by_doctor_and_by_hosts() -> Result<()> {
    let server = Server::with(&["--appendonly", "yes", "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"])?;
    let url = server.url();
    let fleet = Fleet::around(server, &url, 1)?;
    wait_for("the host to warn", || {
        let logged = fleet.hosts[0].logged();
        (logged.contains("WARN") && logged.contains("allkeys-lru") && logged.contains("noeviction")).then_some(())
    });
    let ran = fleet.sluice.run(&["doctor"])?;
    let told = ran.stdout.lines().find(|line| line.starts_with("eviction")).unwrap_or_default();
    assert!(ran.code == 1 && told.contains("FAIL") && told.contains("allkeys-lru"), "{ran:?}");
    let status = fleet.sluice.run(&["status"])?;
    let line = format!("at 127.0.0.1:{}: primary with 0 replicas, append-only file, allkeys-lru", fleet.server.port());
    assert!(status.stderr.contains(&line), "{status:?}");
    Ok(())
}

#[test]
fn a_server_that_forgot_everything_takes_nothing_from_the_hosts() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    fleet.server.kill()?;
    source(&fleet.hosts[0], "away");
    fleet.server.resume_empty()?;
    // It reports again: the new server has been reached, and had nothing.
    wait_for("the host to reach the empty server", || {
        (fleet.server.cli(&["ZCARD", "sluice:{shop}:hosts"]).ok()? == "1").then_some(())
    });
    let host = &fleet.hosts[0];
    assert_eq!((host.value("k")?, host.get("/readyz")?.0), (Some(b"1".to_vec()), 200));
    Ok(())
}

#[test]
fn an_evicted_log_is_served_on_told_by_doctor_and_brought_back_by_reseed() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let before = fleet.converge(&fleet.xadd(&["put:k", "1", "put:other", "2"])?);
    fleet.server.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    fleet.server.cli(&["CONFIG", "SET", "maxmemory", "1"])?;
    wait_for("the log to be evicted", || {
        // Whatever asks for memory has it look for some.
        drop(fleet.server.cli(&["SET", "greedy", "1"]));
        (fleet.server.cli(&["EXISTS", "sluice:{shop}:log"]).ok()? == "0").then_some(())
    });
    fleet.server.cli(&["CONFIG", "SET", "maxmemory", "1gb"])?;
    for host in &fleet.hosts {
        let why = source(host, "reset");
        assert!(why.contains("sluice reseed"), "{why}");
        assert_eq!((host.value("k")?, host.get("/readyz")?.0), (Some(b"1".to_vec()), 200));
    }
    wait_for("both hosts to report again", || {
        (fleet.server.cli(&["ZCARD", "sluice:{shop}:hosts"]).ok()? == "2").then_some(())
    });
    let doctor = fleet.sluice.run(&["doctor"])?;
    let row = |check: &str| doctor.stdout.lines().find(|line| line.starts_with(check)).unwrap_or_default().to_owned();
    assert!(row("eviction").contains("FAIL") && row("eviction").contains("allkeys-lru"), "{doctor:?}");
    let gone = format!("gone: hosts have it up to {}", before["revision"].as_str().unwrap_or_default());
    assert!(row("log").contains(&gone) && row("log").contains("sluice reseed"), "{doctor:?}");

    fleet.sluice.ok(&["reseed", "--yes"])?;
    let after = fleet.converge(&fleet.xadd(&["put:k", "3"])?);
    assert_eq!(after["index"].as_u64(), before["index"].as_u64().map(|index| index + 1));
    assert_eq!(fleet.hosts[0].value("other")?, Some(b"2".to_vec()));
    Ok(())
}

/// The ids of a server whose clock was so far ahead before it was set back.
fn set_back(fleet: &Fleet, ahead_ms: u64) -> Result<u64> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let id = format!("{}-0", now_ms + ahead_ms);
    fleet.server.cli(&["XADD", "sluice:{shop}:log", &id, "put:k", "ahead"])?;
    fleet.converge(&id);
    Ok(now_ms + ahead_ms)
}

#[test]
fn a_clock_set_back_stops_neither_changes_nor_schedules_and_doctor_tells_by_how_much() -> Result<()> {
    let fleet = Fleet::start(2)?;
    // Soon caught up with: what is planned behind the newest id begins then.
    let newest = set_back(&fleet, 3_000)?;
    let next = fleet.xadd(&["put:k", "next", "base:k", &format!("{newest}-0")])?;
    assert!(sluice_live::host::order(&next) > (newest, 0), "{next}");
    assert!(fleet.verdict(&next)?.starts_with("applied"));
    let planned = fleet.xadd(&["put:later", "1", "from", &(newest + 500).to_string()])?;
    fleet.converge(&planned);
    for host in &fleet.hosts {
        wait_for("the planned change to begin", || host.value("later").ok()?.is_some().then_some(()));
    }

    let newest = set_back(&fleet, 3_600_000)?;
    let doctor = fleet.sluice.run(&["doctor"])?;
    let row = doctor.stdout.lines().find(|line| line.starts_with("revisions")).unwrap_or_default();
    assert!(row.contains("WARN") && row.contains(&format!("the newest, {newest}-0, is 3")), "{doctor:?}");
    assert!(row.contains(" ms ahead of the server's clock") && doctor.code == 0, "{doctor:?}");
    for n in 0..3 {
        let next = fleet.xadd(&["put:k", &n.to_string()])?;
        assert_eq!(sluice_live::host::order(&next), (newest, n + 1));
        fleet.converge(&next);
    }
    // By the clock of the log its time has come.
    let begun = fleet.xadd(&["put:begun", "1", "from", &newest.to_string()])?;
    assert!(fleet.verdict(&begun)?.starts_with("applied"));
    Ok(())
}
