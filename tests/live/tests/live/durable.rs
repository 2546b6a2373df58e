//! `--durable`: what is confirmed, and what is told when it is not.

use anyhow::Result;
use rustix::process::Signal;
use sluice_live::{Fleet, Host, Server, wait_for};

fn with_replica() -> Result<(Fleet, Server)> {
    let server = Server::start()?;
    let (url, replica) = (server.url(), Server::replica_of(&server)?);
    Ok((Fleet::around(server, &url, 0)?, replica))
}

#[test]
fn a_change_that_no_replica_confirms_is_indeterminate() -> Result<()> {
    let (fleet, replica) = with_replica()?;
    assert_eq!(fleet.sluice.run(&["put", "k", "1", "--durable"])?.code, 0);
    // A connection of its own that wrote nothing would be told that nothing is missing.
    replica.signal(Signal::STOP)?;
    let ran = fleet.sluice.run(&["put", "k", "2", "--durable", "--token", "t-1"])?;
    let revision = ran.stdout.split_whitespace().find(|word| word.contains('-')).unwrap_or_default();
    let wanted = format!("indeterminate: appended as {revision}, but only 0 of 1 replicas confirmed it within 2000 ms");
    assert!(ran.code == 5 && ran.stderr.contains(&wanted) && ran.stderr.contains("--token t-1"), "{ran:?}");
    assert_eq!(fleet.sluice.ok(&["get", "k"])?, "2");
    let two = fleet.sluice.run(&["put", "k", "3", "--durable=2"])?;
    assert!(two.code == 5 && two.stderr.contains("0 of 2"), "{two:?}");
    replica.signal(Signal::CONT)?;
    // The first of its token, now confirmed together with the second.
    let again = wait_for("the replica to confirm", || {
        let ran = fleet.sluice.run(&["put", "k", "2", "--durable", "--token", "t-1"]).ok()?;
        (!ran.stderr.contains("indeterminate")).then_some(ran)
    });
    assert!(again.stdout.contains("duplicate"), "{again:?}");
    Ok(())
}

#[test]
fn a_server_that_cannot_wait_for_its_disk_is_told_and_nothing_is_appended() -> Result<()> {
    let (fleet, _replica) = with_replica()?;
    let has_waitaof = !fleet.server.cli(&["COMMAND", "DOCS", "waitaof"])?.is_empty();
    let before = fleet.entries()?;
    let ran = fleet.sluice.run(&["put", "k", "1", "--durable=disk"])?;
    match has_waitaof {
        true => assert_eq!((ran.code, fleet.entries()?), (0, before + 1), "{ran:?}"),
        false => {
            assert!(ran.code == 1 && ran.stderr.contains("no WAITAOF: upgrade to Redis 7.2"), "{ran:?}");
            assert_eq!(fleet.entries()?, before);
        }
    }
    if has_waitaof {
        fleet.server.cli(&["CONFIG", "SET", "appendonly", "no"])?;
        let ran = fleet.sluice.run(&["put", "k", "2", "--durable=disk+1"])?;
        assert!(ran.code == 1 && ran.stderr.contains("config set appendonly yes"), "{ran:?}");
        assert_eq!(fleet.entries()?, before + 1);
    }
    let ran = fleet.sluice.run(&["put", "k", "1", "--durable=all"])?;
    assert!(ran.code == 2 && ran.stderr.contains("disk+N"), "{ran:?}");
    Ok(())
}

#[test]
fn a_host_confirms_as_its_settings_say() -> Result<()> {
    let (fleet, replica) = with_replica()?;
    let token = fleet.file("token", "publish-token-of-this-test")?;
    let settings = fleet.file("sluice.toml", format!("durable = \"1\"\npublish_token_file = \"{token}\"\n"))?;
    let host = Host::start(&fleet.sluice, "edge-1", fleet.folder.path().join("edge-1"), &["--settings", &settings])?;
    let headers = [("authorization", "Bearer publish-token-of-this-test"), ("idempotency-key", "t-1")];
    let put = || host.ask("PUT", "/v1/keys/k", &headers, b"1");
    replica.signal(Signal::STOP)?;
    let reply = put()?;
    let told = reply.json();
    let detail = told["detail"].as_str().unwrap_or_default();
    assert!(reply.code == 503 && detail.contains("indeterminate: appended as"), "{told}");
    assert!(told["type"] == "urn:sluice:problem:indeterminate" && told["revision"].is_string(), "{told}");
    let by_host = ["--host", &host.url(""), "--publish-token-file", &token];
    let ran = fleet.sluice.run(&[&by_host[..], &["put", "other", "1"]].concat())?;
    assert!(ran.code == 5 && ran.stderr.contains("retry with --token"), "{ran:?}");
    replica.signal(Signal::CONT)?;
    let confirmed = wait_for("the replica to confirm", || put().ok().filter(|reply| reply.code != 503));
    assert!(confirmed.code / 100 == 2, "{} {}", confirmed.code, confirmed.json());
    assert_eq!(host.value("k")?, Some(b"1".to_vec()));
    Ok(())
}
