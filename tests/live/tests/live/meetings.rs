//! Where what is planned, what is kept of the past, what is put back and what is held back meet each other.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sluice_live::{Fleet, wait_for};

const LOG: &str = "sluice:{shop}:log";

/// So many ms from now.
fn ahead(ms: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    (now + ms).to_string()
}

fn becomes(fleet: &Fleet, key: &str, value: Option<&str>) {
    for host in &fleet.hosts {
        wait_for(&format!("{key} to be {value:?}"), || {
            (host.value(key).ok()?.as_deref() == value.map(str::as_bytes)).then_some(())
        });
    }
}

fn planned(fleet: &Fleet) -> Result<usize> {
    Ok(fleet.sluice.json(&["schedule", "ls"])?["items"].as_array().context("items")?.len())
}

fn newest(fleet: &Fleet, key: &str) -> Result<String> {
    let told = fleet.sluice.json(&["history", key, "--limit", "1"])?;
    Ok(told["items"][0]["revision"].as_str().context("it has a newest change")?.to_owned())
}

#[test]
fn what_is_due_while_the_log_is_gone_is_not_begun_in_the_one_that_comes_after() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let due = ahead(4_000);
    let entry = fleet.xadd(&["put:k", "v", "from", &due])?;
    fleet.converge(&entry);
    fleet.server.cli(&["FLUSHALL"])?;
    fleet.xadd(&["put:other", "1"])?;
    for host in &fleet.hosts {
        wait_for("the host to say reset", || (host.status().ok()?["source"]["state"] == "reset").then_some(()));
    }
    wait_for("its time to be over, and time enough for a try", || {
        let seconds: u64 = fleet.server.cli(&["TIME"]).ok()?.lines().next()?.parse().ok()?;
        (seconds * 1000 > due.parse::<u64>().ok()? + 2_000).then_some(())
    });
    let entries = fleet.server.cli(&["XRANGE", LOG, "-", "+"])?;
    assert_eq!(fleet.entries()?, 1, "hosts of another history append nothing: {entries}");
    let urls: Vec<String> = fleet.hosts.iter().map(|host| host.url("")).collect();
    fleet.sluice.ok(&["reseed", "--yes", "--from", &urls[0], "--from", &urls[1]])?;
    becomes(&fleet, "k", Some("v"));
    becomes(&fleet, "other", Some("1"));
    Ok(())
}

#[test]
fn a_rollback_takes_what_a_change_left_for_later_with_it() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.xadd(&["put:k", "old"])?;
    let until = fleet.xadd(&["put:k", "for a while", "until", &ahead(3_600_000)])?;
    fleet.converge(&until);
    assert_eq!(planned(&fleet)?, 1);
    assert_eq!(fleet.sluice.json(&["rollback", &until])?["outcome"], "applied");
    assert_eq!((fleet.sluice.ok(&["get", "k"])?.as_str(), planned(&fleet)?), ("old", 0), "its end goes, too");

    let later = fleet.xadd(&["put:k", "later", "from", &ahead(3_600_000)])?;
    assert_eq!(fleet.sluice.json(&["rollback", &later])?["outcome"], "applied", "what has not begun is called off");
    assert_eq!((fleet.sluice.ok(&["get", "k"])?.as_str(), planned(&fleet)?), ("old", 0));
    let again = fleet.sluice.run(&["rollback", &later])?;
    assert!(again.code == 1 && again.stderr.contains("begun or called off at"), "{again:?}");
    Ok(())
}

#[test]
fn a_start_is_rolled_back_and_not_planned_again() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.xadd(&["put:k", "old"])?;
    let scheduled = fleet.xadd(&["put:k", "sale", "from", &ahead(700), "until", &ahead(3_600_000)])?;
    fleet.converge(&scheduled);
    let item = format!("_sluice/scheduled/{scheduled}");
    becomes(&fleet, "k", Some("sale"));
    let start = newest(&fleet, "k")?;
    assert_eq!((newest(&fleet, &item)?, planned(&fleet)?), (start.clone(), 1));
    // The start deleted the item that kept it, which nobody can put again.
    for command in [&["rollback", &item][..], &["rollback", "--to", &scheduled, "--prefix", "_sluice/scheduled/"]] {
        let told = fleet.sluice.run(command)?;
        assert!(told.code == 2 && told.stderr.contains("schedule"), "{told:?}");
    }
    let told = fleet.sluice.json(&["rollback", &start])?;
    assert_eq!((&told["outcome"], planned(&fleet)?), (&"applied".into(), 0));
    assert_eq!(fleet.sluice.ok(&["get", "k"])?, "old");
    Ok(())
}

#[test]
fn what_is_planned_outlives_a_rollback_of_all_reserved_keys_and_a_prune() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.xadd(&["put:_sluice/policy", r#"{"guard": {"deletes_max": 20}}"#])?;
    let before = fleet.xadd(&["put:gone", "1", "until", &ahead(3_600_000)])?;
    fleet.xadd(&["put:_sluice/policy", r#"{"guard": {"deletes_max": 30}}"#])?;
    assert_eq!(fleet.sluice.json(&["schedule", "cancel", &before])?["outcome"], "applied");
    let after = fleet.xadd(&["put:kept", "1", "from", &ahead(3_600_000)])?;
    let told = fleet.sluice.json(&["rollback", "--to", &before, "--prefix", "_sluice/"])?;
    assert_eq!(told["outcome"], "applied", "{told}");
    assert!(fleet.sluice.ok(&["get", "_sluice/policy"])?.contains("20"));
    let item = &fleet.sluice.json(&["schedule", "ls"])?["items"];
    assert_eq!((item[0]["revision"].as_str(), planned(&fleet)?), (Some(after.as_str()), 1), "{item}");
    let folder = fleet.folder.path().join("files");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("policy"), "{}")?;
    let folder = folder.to_str().context("the folder's name is UTF-8")?;
    let told = fleet.sluice.json(&["apply", "-f", folder, "--prune", "--prefix", "_sluice"])?;
    assert_eq!((&told["outcome"], planned(&fleet)?), (&"applied".into(), 1), "{told}");
    Ok(())
}

#[test]
fn the_history_of_another_log_is_neither_read_nor_gone_on_with() -> Result<()> {
    let fleet = Fleet::start(1)?;
    for n in 0..3 {
        fleet.xadd(&["put:k", &format!("ours {n}")])?;
    }
    let ours = fleet.xadd(&["put:k", "ours"])?;
    fleet.converge(&ours);
    let url = fleet.hosts[0].url("");
    fleet.server.cli(&["FLUSHALL"])?;
    // Another log, with more entries, a snapshot and a history.
    let others: Vec<String> = (5..17).map(|n| format!("{n}-0")).collect();
    for id in &others {
        fleet.server.cli(&["XADD", LOG, id, "put:k", "theirs"])?;
    }
    fleet.sluice.ok(&["snapshot", "write"])?;
    wait_for("the host to notice", || (fleet.hosts[0].status().ok()?["source"]["state"] != "ok").then_some(()));
    fleet.sluice.ok(&["reseed", "--yes", "--force", "--from", &url])?;
    let next = fleet.xadd(&["put:k", "next"])?;
    fleet.converge(&next);
    let listed = fleet.sluice.ok(&["history", "k"])?;
    assert!(listed.lines().count() == 1 && listed.contains(&next), "of the other log nothing: {listed}");
    let told = fleet.sluice.run(&["get", "k", "--at", &others[3]])?;
    assert!(told.code != 0 && told.stdout.is_empty(), "{told:?}");
    let written = fleet.sluice.run(&["snapshot", "write"])?;
    assert_eq!(written.code, 0, "it begins anew: {written:?}");
    let more = fleet.xadd(&["put:k", "more"])?;
    fleet.sluice.ok(&["snapshot", "write"])?;
    fleet.server.cli(&["XTRIM", LOG, "MINID", "=", &more])?;
    assert_eq!(fleet.sluice.ok(&["get", "k", "--at", &next])?, "next", "and goes on from there");
    assert_eq!(fleet.sluice.json(&["rollback", "k"])?["outcome"], "applied");
    Ok(())
}

#[test]
fn a_trimmed_log_that_lost_its_end_gets_it_back() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let mut connection = fleet.server.connect()?;
    fleet.xadd(&["put:k", "1"])?;
    let common = fleet.xadd(&["put:k", "2"])?;
    fleet.sluice.ok(&["snapshot", "write"])?;
    fleet.server.cli(&["XTRIM", LOG, "MINID", "=", &common])?;
    fleet.hosts[0].reaches(&common);
    let dump: Vec<u8> = redis::cmd("DUMP").arg(LOG).query(&mut connection)?;
    let lost = fleet.xadd(&["put:k", "lost"])?;
    fleet.hosts[0].reaches(&lost);
    fleet.sluice.ok(&["snapshot", "write"])?;
    // The log alone comes back from a backup, without its end; the pointers stay.
    redis::cmd("RESTORE").arg(LOG).arg(0).arg(&dump).arg("REPLACE").query::<()>(&mut connection)?;
    fleet.xadd(&["put:other", "1"])?;
    becomes(&fleet, "other", Some("1"));
    let told = fleet.sluice.run(&["history", "k"])?;
    assert!(!told.stdout.contains(&lost), "what the log does not have is not told of: {told:?}");
    assert_eq!(fleet.value("k", &newest(&fleet, "k")?)?, Some(b"lost".to_vec()), "it is put back");
    let last = fleet.xadd(&["put:k", "3"])?;
    fleet.converge(&last);
    Ok(())
}
