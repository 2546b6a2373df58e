//! A log that is not the one the hosts have followed: they serve on, say so, and take nothing of it.

use anyhow::Result;
use rustix::process::Signal;
use serde_json::Value;
use sluice_live::{Fleet, Host, wait_for};

const LOG: &str = "sluice:{shop}:log";

fn fleet() -> Result<Fleet> {
    let fleet = Fleet::gathered(2)?;
    let mut last = String::new();
    for n in 0..20 {
        last = fleet.xadd(&[&format!("put:k/{n}"), "1"])?;
    }
    fleet.converge(&last);
    Ok(fleet)
}

/// Waits until a host says that its log is odd in this way.
#[track_caller]
fn says(host: &Host, rift: &str) -> Value {
    wait_for(&format!("a host to say {rift}"), || {
        let source = host.status().ok()?["source"].clone();
        (source["state"] == rift).then_some(source)
    })
}

#[test]
fn an_emptied_redis_empties_no_host_and_what_comes_after_is_not_taken() -> Result<()> {
    let mut fleet = fleet()?;
    let before = fleet.hosts[0].status()?;
    let dump = fleet
        .server
        .connect()
        .and_then(|mut connection| Ok(redis::cmd("DUMP").arg(LOG).query::<Vec<u8>>(&mut connection)?))?;
    fleet.server.cli(&["FLUSHALL"])?;
    let other = fleet.xadd(&["put:k/3", "of another log", "put:new", "1"])?;
    for host in &fleet.hosts {
        let source = says(host, "reset");
        assert!(source["why"].as_str().is_some_and(|why| why.contains("another log began")), "{source}");
        assert_eq!((host.value("k/3")?, host.value("new")?), (Some(b"1".to_vec()), None));
        assert_eq!(host.get("/readyz")?.0, 200);
        let (_, metrics) = host.get("/metrics")?;
        let metrics = String::from_utf8(metrics)?;
        assert!(metrics.contains("sluice_source_state{state=\"reset\"} 1"), "{metrics}");
        assert!(metrics.contains("sluice_resyncs_total{why=\"reset\"} 1"), "{metrics}");
    }
    wait_for("both hosts to report it", || {
        let ran = fleet.sluice.run(&["status"]).ok()?;
        (ran.stdout.matches("source-odd").count() == 2).then_some(())
    });

    // A restart changes nothing about it: what the folder has tells one log from another.
    let host = fleet.hosts.remove(0);
    let id = host.id.clone();
    host.kill()?;
    let host = fleet.host(&id, &[])?;
    says(&host, "reset");
    assert_eq!(host.value("k/3")?, Some(b"1".to_vec()));
    fleet.hosts.insert(0, host);

    // The log comes back from a backup, and all go on by themselves.
    let mut connection = fleet.server.connect()?;
    redis::cmd("RESTORE").arg(LOG).arg(0).arg(&dump).arg("REPLACE").query::<()>(&mut connection)?;
    let after = fleet.xadd(&["put:new", "2"])?;
    let status = fleet.converge(&after);
    assert_eq!(status["index"], before["index"].as_u64().map_or(0, |index| index + 1));
    assert!(other < after);
    assert_eq!(fleet.value("k/3", &after)?, Some(b"1".to_vec()));
    Ok(())
}

#[test]
fn hosts_that_have_a_lost_end_serve_on_and_say_that_the_log_forked() -> Result<()> {
    let fleet = fleet()?;
    // As after a failover to a replica that had not got the newest entry.
    let last = fleet.hosts[0].status()?["revision"].as_str().unwrap_or_default().to_owned();
    fleet.server.cli(&["XDEL", LOG, &last])?;
    fleet.xadd(&["put:k/19", "of the other history"])?;
    for host in &fleet.hosts {
        let source = says(host, "forked");
        assert!(source["why"].as_str().is_some_and(|why| why.contains(&last)), "{source}");
        assert_eq!(host.value("k/19")?, Some(b"1".to_vec()));
    }
    Ok(())
}

#[test]
fn an_entry_deleted_before_a_host_read_it_is_named_and_filled_in_by_a_host_that_did() -> Result<()> {
    let mut fleet = fleet()?;
    fleet.hosts[1].process().signal(Signal::STOP)?;
    let deleted = fleet.xadd(&["put:k/5", "seen by one"])?;
    let last = fleet.xadd(&["put:k/6", "2"])?;
    let before = fleet.hosts[0].reaches(&last);
    fleet.server.cli(&["XDEL", LOG, &deleted])?;
    // The connection may still hold an answer from before the deletion: a host that starts anew has none.
    let host = fleet.hosts.remove(1);
    let id = host.id.clone();
    host.kill()?;
    fleet.hosts.push(fleet.host(&id, &[])?);
    let source = says(&fleet.hosts[1], "hole");
    assert!(source["why"].as_str().is_some_and(|why| why.contains("snapshot save FILE")), "{source}");
    assert_eq!(fleet.hosts[1].value("k/6")?, Some(b"1".to_vec()), "nothing behind it is taken");

    // As the remedy says.
    let file = fleet.file("state.sluice", "")?;
    fleet.sluice.ok(&["snapshot", "save", &file, "--host", &fleet.hosts[0].url("")])?;
    fleet.sluice.ok(&["snapshot", "restore", &file, "--force"])?;
    let next = fleet.xadd(&["put:k/7", "2"])?;
    let after = fleet.converge(&next);
    assert_eq!(after["index"].as_u64(), before["index"].as_u64().map(|index| index + 1));
    assert_eq!(fleet.value("k/5", &next)?, Some(b"seen by one".to_vec()));
    Ok(())
}
