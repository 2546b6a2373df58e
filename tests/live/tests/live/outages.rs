//! Redis that goes away, comes back, or never was; and hosts that are started without it.

use anyhow::Result;
use rustix::process::Signal;
use sluice_live::host::order;
use sluice_live::{Fleet, Host, wait_for};

/// Stops one host for good and starts it again on its folder.
fn restart(fleet: &mut Fleet, at: usize) -> Result<()> {
    let id = fleet.hosts[at].id.clone();
    fleet.hosts.remove(at).kill()?;
    let again = fleet.host(&id, &[])?;
    fleet.hosts.insert(at, again);
    Ok(())
}

#[test]
fn a_host_restarted_without_redis_serves_all_it_had() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    let large = vec![7; 2 << 20];
    let file = fleet.file("large", &large)?;
    fleet.sluice.ok(&["put", "large", &format!("@{file}"), "--type", "image/x-seven"])?;
    for at in 0..200 {
        fleet.xadd(&[&format!("put:k/{at:03}"), &format!("value {at}"), "put:count", &at.to_string()])?;
    }
    let last = fleet.xadd(&["del:k/000", "", "bad", "1"]).and_then(|_| fleet.xadd(&["del:k/001", ""]))?;
    let before = fleet.converge(&last);
    fleet.server.kill()?;
    for at in 0..2 {
        restart(&mut fleet, at)?;
        let after = fleet.hosts[at].status()?;
        for name in ["revision", "index", "root", "chain", "keys", "bytes", "refused"] {
            assert_eq!(after[name], before[name], "{name}");
        }
        let host = &fleet.hosts[at];
        assert_eq!(host.value("k/199")?, Some(b"value 199".to_vec()));
        assert_eq!((host.value("k/000")?.is_some(), host.value("k/001")?), (true, None));
        let reply = host.ask("GET", "/v1/keys/large", &[], &[])?;
        assert_eq!((reply.header("content-type"), reply.body == large), ("image/x-seven", true));
        assert_eq!(host.get("/readyz")?.0, 200);
        let ran = fleet.sluice.run(&["get", "count", "--host", &host.url("")])?;
        assert_eq!(ran.stdout, "199", "{ran:?}");
    }
    Ok(())
}

#[test]
fn a_redis_that_dies_while_publishing_loses_nothing_it_confirmed() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    let mut confirmed = Vec::new();
    for round in 0..3 {
        // Every write is on disk before it is confirmed, or the server itself could lose what it confirmed.
        fleet.server.cli(&["CONFIG", "SET", "appendfsync", "always"])?;
        for at in 0..100 {
            confirmed.push(fleet.xadd(&[&format!("put:k/{round}-{at}"), "1"])?);
        }
        fleet.server.kill()?;
        assert!(fleet.hosts.iter().all(|host| host.get("/livez").is_ok_and(|(code, _)| code == 200)));
        fleet.server.resume()?;
    }
    let last = fleet.xadd(&["put:end", "1"])?;
    assert_eq!(fleet.entries()?, confirmed.len() as u64 + 1);
    let status = fleet.converge(&last);
    assert_eq!(status["index"], confirmed.len() + 1);
    assert_eq!(status["keys"], confirmed.len() + 1);
    Ok(())
}

#[test]
fn a_fresh_host_waits_for_a_redis_that_is_away_and_catches_up() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    let early = fleet.xadd(&["put:k", "1"])?;
    fleet.server.kill()?;
    fleet.hosts.push(fleet.host("edge-1", &[])?);
    let host = &fleet.hosts[0];
    assert_eq!((host.get("/livez")?.0, host.get("/readyz")?.0), (200, 503));
    assert_eq!(host.value("k")?, None);
    let source = wait_for("the host to say that Redis is away", || {
        let source = host.status().ok()?["source"].clone();
        (source["state"] == "away").then_some(source)
    });
    assert!(source["why"].to_string().contains("connection refused"), "{source}");
    fleet.server.resume()?;
    fleet.converge(&early);
    let host = &fleet.hosts[0];
    assert_eq!((host.get("/readyz")?.0, host.value("k")?), (200, Some(b"1".to_vec())));
    assert_eq!(host.status()?["source"]["state"], "ok");
    Ok(())
}

#[test]
fn a_host_that_finds_redis_away_serves_what_it_had_and_then_catches_up() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    fleet.converge(&fleet.xadd(&["put:k", "old"])?);
    fleet.hosts.remove(1).terminate()?;
    let missed = fleet.xadd(&["put:k", "new"])?;
    fleet.converge(&missed);
    fleet.server.kill()?;
    fleet.hosts.push(fleet.host("edge-2", &[])?);
    assert_eq!(fleet.hosts[0].value("k")?, Some(b"new".to_vec()));
    assert_eq!(fleet.hosts[1].value("k")?, Some(b"old".to_vec()));
    fleet.server.resume()?;
    fleet.converge(&missed);
    assert_eq!(fleet.hosts[1].value("k")?, Some(b"new".to_vec()));
    Ok(())
}

#[test]
fn a_redis_that_stands_still_is_noticed_and_reads_go_on() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    fleet.server.signal(Signal::STOP)?;
    let host = &fleet.hosts[0];
    wait_for("the host to notice", || (host.status().ok()?["source"]["state"] == "away").then_some(()));
    assert_eq!(host.value("k")?, Some(b"1".to_vec()));
    fleet.server.signal(Signal::CONT)?;
    let next = fleet.xadd(&["put:k", "2"])?;
    fleet.converge(&next);
    assert_eq!(host.status()?["source"]["state"], "ok");
    Ok(())
}

#[test]
fn a_host_whose_rights_are_taken_says_so_and_serves_on() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    fleet.server.cli(&["ACL", "SETUSER", "edge", "on", ">pw", "~*", "&*", "+@all"])?;
    let url = format!("redis://edge:pw@127.0.0.1:{}", fleet.server.port());
    let data = fleet.folder.path().join("edge-1");
    fleet.hosts.push(Host::start(&fleet.sluice.over(&url), "edge-1", data, &[])?);
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    fleet.server.cli(&["ACL", "SETUSER", "edge", "-xread"])?;
    let refused = fleet.xadd(&["put:k", "2"])?;
    let host = &fleet.hosts[0];
    let why = wait_for("the host to say what it may not do", || {
        let source = host.status().ok()?["source"].clone();
        (source["state"] == "away").then(|| source["why"].to_string())
    });
    assert!(why.contains("NOPERM") && why.contains("ACL SETUSER"), "{why}");
    assert!(!why.contains("pw@") && !host.logged().contains("pw@"), "{why}");
    assert!(host.value("k")?.is_some());
    fleet.server.cli(&["ACL", "SETUSER", "edge", "+xread"])?;
    fleet.converge(&refused);
    assert_eq!(host.value("k")?, Some(b"2".to_vec()));
    Ok(())
}

#[test]
fn a_host_killed_at_once_after_a_change_never_serves_an_older_state() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    for round in 0..10 {
        let revision = fleet.xadd(&["put:k", &round.to_string()])?;
        let served = fleet.hosts[0].passes(&revision)["revision"].clone();
        restart(&mut fleet, 0)?;
        let found = fleet.hosts[0].status()?["revision"].clone();
        let (served, found) = (served.as_str().unwrap_or_default(), found.as_str().unwrap_or_default());
        assert!(order(found) >= order(served), "round {round}: {found} after {served}");
    }
    Ok(())
}
