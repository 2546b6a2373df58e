//! Sentinels that name another primary: hosts follow, and serve meanwhile.

use anyhow::Result;
use rustix::process::Signal;
use sluice_live::sentinel::NAME;
use sluice_live::{Host, Sentinels, Server, Sluice, wait_for};
use tempfile::TempDir;

use crate::edge;

fn started() -> Result<(Sentinels, Sluice, TempDir, Host)> {
    let sentinels = Sentinels::start()?;
    let (sluice, folder, host) = edge(&sentinels.url())?;
    Ok((sentinels, sluice, folder, host))
}

/// Publishes until it is taken, as a person would during a failover, and gives the revision.
fn put(sluice: &Sluice, value: &str) -> String {
    wait_for("a change to be taken", || {
        let told = sluice.json(&["put", "k", value, "--durable", "--token", value]).ok()?;
        Some(told["revision"].as_str()?.to_owned())
    })
}

#[test]
fn hosts_and_publishers_follow_a_failover_after_the_primary_died() -> Result<()> {
    let (mut sentinels, sluice, _folder, host) = started()?;
    host.reaches(&put(&sluice, "before"));
    sentinels.servers[0].kill()?;
    wait_for("the host to notice", || (host.status().ok()?["source"]["state"] == "away").then_some(()));
    assert_eq!(host.value("k")?, Some(b"before".to_vec()));
    sentinels.promoted(1);
    let after = wait_for("a change to be taken by the new primary", || {
        Some(sluice.json(&["put", "k", "after"]).ok()?["revision"].as_str()?.to_owned())
    });
    host.reaches(&after);
    assert_eq!((host.value("k")?, &host.status()?["source"]["state"]), (Some(b"after".to_vec()), &"ok".into()));
    let doctor = sluice.run(&["doctor"])?;
    assert!(doctor.stdout.contains(&format!("by 127.0.0.1:{}", sentinels.servers[1].port())), "{doctor:?}");

    sentinels.servers[0].resume()?;
    wait_for("the old primary to follow", || (sentinels.servers[0].role().ok()? == "slave").then_some(()));
    host.reaches(&put(&sluice, "together"));
    Ok(())
}

#[test]
fn a_demoted_primary_that_still_answers_is_left() -> Result<()> {
    let (sentinels, sluice, _folder, host) = started()?;
    host.reaches(&put(&sluice, "before"));
    wait_for("the Sentinels to begin a failover", || {
        sentinels.sentinels[0].cli(&["SENTINEL", "FAILOVER", NAME]).ok().filter(|told| told == "OK")
    });
    sentinels.promoted(1);
    host.reaches(&put(&sluice, "after"));
    assert_eq!(host.value("k")?, Some(b"after".to_vec()));
    Ok(())
}

#[test]
fn a_host_cut_off_together_with_the_old_primary_asks_the_sentinels_again() -> Result<()> {
    let (sentinels, sluice, _folder, host) = started()?;
    host.reaches(&put(&sluice, "before"));
    // What the host is connected to goes on as if nothing had happened: only the Sentinels know.
    sentinels.servers[1].cli(&["REPLICAOF", "NO", "ONE"])?;
    let port = sentinels.servers[1].port().to_string();
    for sentinel in &sentinels.sentinels {
        sentinel.cli(&["SENTINEL", "REMOVE", NAME])?;
        sentinel.cli(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", &port, "2"])?;
    }
    let after = sentinels.servers[1].cli(&["XADD", "sluice:{shop}:log", "*", "put:k", "after"])?;
    host.reaches(&after);
    assert_eq!(sentinels.servers[0].role()?, "master");
    wait_for("the host to say whom it reads from", || {
        let report = sluice.json(&["status", "edge-1"]).ok()?;
        (report["readsFrom"] == format!("127.0.0.1:{port}")).then_some(())
    });
    Ok(())
}

#[test]
fn sentinels_that_stand_still_are_passed_over_and_wrong_names_are_told() -> Result<()> {
    let (sentinels, sluice, _folder, host) = started()?;
    sentinels.sentinels[0].signal(Signal::STOP)?;
    host.reaches(&put(&sluice, "one"));
    sentinels.sentinels[0].signal(Signal::CONT)?;
    let told = |url: &str| sluice.over(url).run(&["get", "k"]);
    let ran = told(&sentinels.url().replace(NAME, "other"))?;
    assert!(ran.code == 3 && ran.stderr.contains("correct the name in the URL"), "{ran:?}");
    let ran = told(&format!("redis+sentinel://127.0.0.1:{}/{NAME}", sentinels.servers[0].port()))?;
    assert!(ran.code == 3 && ran.stderr.contains("this is no Sentinel"), "{ran:?}");

    // A Sentinel that was told nonsense names a replica, which knows better.
    let port = sentinels.servers[1].port().to_string();
    sentinels.sentinels[1].cli(&["SENTINEL", "MONITOR", "odd", "127.0.0.1", &port, "2"])?;
    let ran = told(&format!("redis+sentinel://127.0.0.1:{}/odd", sentinels.sentinels[1].port()))?;
    assert!(ran.code == 3 && ran.stderr.contains(&format!("127.0.0.1:{port}: the Sentinels name it and")), "{ran:?}");
    sentinels.sentinels[1].cli(&["SENTINEL", "REMOVE", "odd"])?;

    for server in &sentinels.servers {
        server.cli(&["CONFIG", "SET", "requirepass", "hunter2"])?;
    }
    let ran = told(&sentinels.url())?;
    assert!(ran.code == 3 && ran.stderr.contains("put user and password into the URL"), "{ran:?}");
    let ran = told(&sentinels.url().replace("://", "://:hunter2@"))?;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "one"), "{ran:?}");
    for sentinel in &sentinels.sentinels {
        sentinel.cli(&["ACL", "SETUSER", "default", "resetpass", ">hunter3"])?;
    }
    let ran = told(&sentinels.url().replace("://", "://:hunter2@"))?;
    assert!(ran.code == 3 && ran.stderr.contains("sentinel_password") && !ran.stderr.contains("hunter"), "{ran:?}");
    let url = sentinels.url().replace("://", "://:hunter2@") + "?sentinel_password=hunter3";
    assert_eq!(told(&url)?.stdout, "one");
    Ok(())
}

#[test]
fn a_host_started_before_everything_else_finds_it_all_later() -> Result<()> {
    let mut sentinels = Sentinels::start()?;
    let before = sentinels.servers[0].cli(&["XADD", "sluice:{shop}:log", "*", "put:k", "1"])?;
    wait_for("the replica to have it", || {
        (sentinels.servers[1].cli(&["EXISTS", "sluice:{shop}:log"]).ok()? == "1").then_some(())
    });
    sentinels.sentinels.iter_mut().chain(&mut sentinels.servers).try_for_each(Server::kill)?;
    let (_sluice, _folder, host) = edge(&sentinels.url())?;
    let why = wait_for("the host to say what is missing", || {
        let source = host.status().ok()?["source"].clone();
        (source["state"] == "away").then(|| source["why"].to_string())
    });
    assert!(why.contains("no Sentinel names the primary") && why.contains("connection refused"), "{why}");
    assert_eq!((host.get("/livez")?.0, host.get("/readyz")?.0), (200, 503));
    sentinels.servers.iter_mut().chain(&mut sentinels.sentinels).try_for_each(Server::resume)?;
    host.reaches(&before);
    assert_eq!(host.get("/readyz")?.0, 200);
    Ok(())
}

#[test]
fn a_failover_that_loses_the_end_of_the_log_loses_no_change() -> Result<()> {
    let (mut sentinels, sluice, folder, host) = started()?;
    host.reaches(&put(&sluice, "before"));
    // From here on the replica gets nothing.
    sentinels.servers[1].cli(&["REPLICAOF", "NO", "ONE"])?;
    let xadd = |server: &Server, fields: &[&str]| server.cli(&[&["XADD", "sluice:{shop}:log", "*"], fields].concat());
    xadd(&sentinels.servers[0], &["put:k", "lost"])?;
    let lost = xadd(&sentinels.servers[0], &["put:other", "lost"])?;
    host.reaches(&lost);
    xadd(&sentinels.servers[1], &["put:k", "theirs"])?;
    let port = sentinels.servers[1].port().to_string();
    for sentinel in &sentinels.sentinels {
        sentinel.cli(&["SENTINEL", "REMOVE", NAME])?;
        sentinel.cli(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", &port, "2"])?;
    }
    sentinels.servers[0].kill()?;
    wait_for("the host to follow the log that is left", || {
        assert!(host.value("k").is_ok_and(|value| value.is_some()), "it never goes empty");
        let is_there =
            host.status().ok()?["source"]["state"] == "ok" && host.value("k").ok()? == Some(b"theirs".to_vec());
        is_there.then_some(())
    });
    assert_eq!(host.value("other")?, Some(b"lost".to_vec()), "nobody else changed it, so it stands");
    let other = Host::start(&sluice, "edge-2", folder.path().join("edge-2"), &[])?;
    let next = xadd(&sentinels.servers[1], &["put:k", "next"])?;
    assert_eq!(host.reaches(&next)["root"], other.reaches(&next)["root"]);
    let told = sluice.run(&["rifts"])?;
    assert!(told.code == 1 && told.stdout.contains("conflict") && told.stdout.contains("applied"), "{told:?}");
    Ok(())
}
