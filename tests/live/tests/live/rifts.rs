//! A log that is not the one the hosts have followed: they serve on, say so, and take nothing of it.

use anyhow::Result;
use rustix::process::Signal;
use serde_json::Value;
use sluice_live::{Fleet, Host, wait_for};

const LOG: &str = "sluice:{shop}:log";

fn fleet() -> Result<Fleet> {
    let fleet = Fleet::start(2)?;
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

/// Waits until all hosts follow the log again and are alike; gives what they say.
#[track_caller]
fn together(fleet: &Fleet, key: &str) -> Vec<Value> {
    wait_for("all hosts to follow the log again", || {
        let all: Vec<Value> = fleet.hosts.iter().map(Host::status).collect::<Result<_>>().ok()?;
        for host in &fleet.hosts {
            assert!(host.value(key).is_ok_and(|value| value.is_some()), "{} never goes empty", host.id);
        }
        let is_alike = |one: &Value| one["source"]["state"] == "ok" && one["chain"] == all[0]["chain"];
        let log = fleet.server.cli(&["XINFO", "STREAM", LOG]).ok()?;
        let is_whole = all[0]["revision"].as_str().is_some_and(|at| log.contains(at));
        (is_whole && all.iter().all(is_alike)).then_some(all)
    })
}

#[test]
fn what_a_failover_lost_comes_back_and_does_away_with_nothing_newer() -> Result<()> {
    let mut fleet = fleet()?;
    let mut connection = fleet.server.connect()?;
    let dump: Vec<u8> = redis::cmd("DUMP").arg(LOG).query(&mut connection)?;
    let old = fleet.hosts[0].status()?["revision"].as_str().unwrap_or_default().to_owned();
    let overtaken = fleet.xadd(&["put:k/19", "lost"])?;
    fleet.xadd(&["put:fresh", "1", "token", "its own"])?;
    fleet.xadd(&["put:fresh", "2"])?;
    let refused = fleet.xadd(&["put:k/3", "refused", "base:k/3", "1-0"])?;
    let based = fleet.xadd(&["put:k/4", "based", "base:k/19", &overtaken])?;
    fleet.converge(&based);
    // One entry more that only one of them has.
    fleet.hosts[1].process().signal(Signal::STOP)?;
    let last = fleet.xadd(&["put:only/one", "1"])?;
    fleet.hosts[0].reaches(&last);

    // The new primary had nothing of it, and got other changes.
    redis::cmd("RESTORE").arg(LOG).arg(0).arg(&dump).arg("REPLACE").query::<()>(&mut connection)?;
    fleet.xadd(&["put:k/19", "newer"])?;
    fleet.hosts[1].process().signal(Signal::CONT)?;
    let all = together(&fleet, "k/3");
    assert_eq!(all[0]["root"], all[1]["root"]);
    let at = all[0]["revision"].as_str().unwrap_or_default().to_owned();
    for (key, value) in [("fresh", "2"), ("k/19", "newer"), ("k/3", "1"), ("k/4", "1"), ("only/one", "1")] {
        assert_eq!(fleet.value(key, &at)?, Some(value.as_bytes().to_vec()), "{key}");
    }
    let told = fleet.sluice.json(&["rifts"])?;
    let outcome = |lost: &str| {
        let items = told["items"].as_array().into_iter().flatten();
        let of: Vec<&Value> = items.filter(|item| item["lost"] == lost).map(|item| &item["outcome"]).collect();
        of.into_iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(outcome(&overtaken), ["conflict"], "{told}");
    assert_eq!(outcome(&based), ["conflict"], "what came of it does not stand alone: {told}");
    assert_eq!(outcome(&last), ["applied"], "{told}");
    assert!(outcome(&refused).is_empty(), "what was refused is not tried again: {told}");
    assert_eq!(told["items"].as_array().map(Vec::len), Some(5), "each came once: {told}");
    assert!(old < at);

    // A host that never saw any of it, one that starts again, and the next change.
    fleet.hosts.push(fleet.host("edge-9", &[])?);
    let host = fleet.hosts.remove(0);
    let id = host.id.clone();
    host.kill()?;
    fleet.hosts.push(fleet.host(&id, &[])?);
    let next = fleet.xadd(&["put:fresh", "3"])?;
    fleet.converge(&next);
    let again = fleet.xadd(&["put:fresh", "4", "token", "its own"])?;
    assert!(fleet.verdict(&again)?.starts_with("duplicate"), "a retry of what was lost finds it");
    Ok(())
}

#[test]
fn a_log_without_anything_the_hosts_keep_is_not_joined() -> Result<()> {
    let fleet = fleet()?;
    fleet.server.cli(&["FLUSHALL"])?;
    fleet.server.cli(&["XADD", LOG, "5-0", "put:odd", "1"])?;
    for host in &fleet.hosts {
        wait_for("the host to say why it cannot go on", || {
            host.status().ok()?["source"]["why"].as_str()?.contains("none of the entries").then_some(())
        });
        assert_eq!((host.value("odd")?, host.value("k/3")?), (None, Some(b"1".to_vec())));
    }
    assert_eq!(fleet.entries()?, 1, "nothing is appended to it");
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

#[test]
fn what_ended_while_it_was_lost_is_told_as_over_and_not_as_malformed() -> Result<()> {
    let fleet = fleet()?;
    let mut connection = fleet.server.connect()?;
    let dump: Vec<u8> = redis::cmd("DUMP").arg(LOG).query(&mut connection)?;
    let now: u64 = fleet.server.cli(&["TIME"])?.lines().next().unwrap_or_default().parse()?;
    let until = (now + 5) * 1000;
    let sale = fleet.xadd(&["put:k/1", "sale", "until", &until.to_string(), "author", "mei"])?;
    assert_eq!(fleet.verdict(&sale)?, "applied");
    // Its end is in the log, too, when both are lost.
    for host in &fleet.hosts {
        wait_for("it to end", || (host.value("k/1").ok()?.as_deref() == Some(b"1")).then_some(()));
    }
    redis::cmd("RESTORE").arg(LOG).arg(0).arg(&dump).arg("REPLACE").query::<()>(&mut connection)?;
    fleet.xadd(&["put:k/19", "newer"])?;
    let all = together(&fleet, "k/3");
    let told = fleet.sluice.json(&["rifts"])?;
    let items = told["items"].as_array().into_iter().flatten();
    let rows: Vec<&Value> = items.filter(|item| item["outcome"] != "duplicate").collect();
    let over = rows.iter().find(|item| item["lost"] == sale.as_str()).expect("it is listed");
    assert_eq!(
        (&over["outcome"], &over["keys"], &over["author"]),
        (&"over".into(), &"k/1".into(), &"mei".into()),
        "{told}"
    );
    assert!(over["message"].as_str().is_some_and(|why| why.contains(&until.to_string())), "{told}");
    let turn = rows.iter().find(|item| item["lost"] != sale.as_str()).expect("so is its end");
    assert!(turn["message"].as_str().is_some_and(|why| why.contains(&format!("planned at {sale}"))), "{told}");
    let at = all[0]["revision"].as_str().unwrap_or_default();
    assert_eq!(fleet.value("k/1", at)?, Some(b"1".to_vec()));
    Ok(())
}
