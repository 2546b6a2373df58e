//! Changes that begin and end at a time: published in each way, carried out by hosts, listed and called off.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use sluice_live::proxy::End;
use sluice_live::{Fleet, Host, Proxy, Weather, wait_for};

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// So many ms from now.
fn ahead(ms: u64) -> String {
    (wall_ms() + ms).to_string()
}

fn becomes(fleet: &Fleet, key: &str, value: Option<&str>) {
    for host in &fleet.hosts {
        wait_for(&format!("{key} to be {value:?}"), || {
            let found = host.value(key).ok()?;
            (found.as_deref() == value.map(str::as_bytes)).then_some(())
        });
    }
}

#[test]
fn a_change_of_redis_cli_begins_and_ends_by_itself() -> Result<()> {
    let fleet = Fleet::start(3)?;
    fleet.converge(&fleet.xadd(&["put:banner", "every day"])?);
    let (from, until) = (ahead(1_500), ahead(4_000));
    let planned = fleet.xadd(&["put:banner", "sale", "put:extra", "1", "from", &from, "until", &until])?;
    fleet.converge(&planned);
    assert_eq!(fleet.sluice.json(&["show", &planned])?["outcome"], "scheduled");
    becomes(&fleet, "banner", Some("sale"));
    assert_eq!(fleet.sluice.json(&["history", "banner", "--limit", "1"])?["items"][0]["outcome"], "applied");
    becomes(&fleet, "banner", Some("every day"));
    becomes(&fleet, "extra", None);
    wait_for("nothing to be planned any more", || {
        let planned = fleet.sluice.json(&["schedule", "ls"]).ok()?;
        (planned["items"].as_array()?.is_empty()).then_some(())
    });
    let last = fleet.sluice.json(&["history", "banner", "--limit", "1"])?;
    let (last, until): (&str, u64) = (last["items"][0]["revision"].as_str().unwrap(), until.parse()?);
    assert!(last.split('-').next().unwrap().parse::<u64>()? >= until, "{last}, not before {until}");
    fleet.converge(&fleet.xadd(&["put:banner", "on"])?);
    Ok(())
}

#[test]
fn a_planned_change_is_listed_and_called_off() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let put = fleet.sluice.json(&[
        "put",
        "k",
        "v",
        "--from",
        "+2h",
        "--until",
        "2999-01-01T00:00:00Z",
        "--reason",
        "party",
    ])?;
    assert_eq!(put["outcome"], "scheduled");
    let revision = put["revision"].as_str().unwrap();
    let item = &fleet.sluice.json(&["schedule", "ls"])?["items"][0];
    assert_eq!((&item["revision"], &item["turn"], &item["keys"]), (&put["revision"], &"start".into(), &"k".into()));
    assert_eq!(item["reason"], "party");
    assert!(fleet.sluice.ok(&["ls", "_sluice/scheduled/"])?.contains(revision));
    assert!(fleet.sluice.ok(&["schedule", "cancel", revision])?.contains("applied"));
    assert_eq!(fleet.sluice.run(&["schedule", "cancel", revision])?.code, 4, "there is nothing to call off any more");
    assert_eq!(fleet.sluice.json(&["schedule", "ls"])?["items"].as_array().map(Vec::len), Some(0));
    let wrong = fleet.sluice.run(&["put", "k", "v", "--from", "tomorrow"])?;
    assert!(wrong.code == 2 && wrong.stderr.contains("2026-12-01T09:00:00Z"), "{wrong:?}");
    let over = fleet.sluice.run(&["put", "k", "v", "--until", "2020-01-01T00:00:00Z"])?;
    assert!(
        over.code == 1 && over.stdout.contains("malformed") && over.stdout.contains("choose a later time"),
        "{over:?}"
    );
    Ok(())
}

#[test]
fn a_change_whose_host_died_is_begun_by_another() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    let planned = fleet.xadd(&["put:k", "v", "from", &ahead(1_000)])?;
    fleet.converge(&planned);
    fleet.hosts.remove(0).kill()?;
    becomes(&fleet, "k", Some("v"));
    Ok(())
}

#[test]
fn what_was_due_while_redis_was_away_begins_when_it_is_back() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    let line = Proxy::start(fleet.server.port(), 3)?;
    let data = fleet.folder.path().join("far");
    fleet.hosts.push(Host::start(&fleet.sluice.over(&line.url()), "far", data, &[])?);
    let from = wall_ms() + 1_000;
    fleet.converge(&fleet.xadd(&["put:k", "v", "from", &from.to_string()])?);
    line.set(Weather { is_refusing: true, ..Weather::default() });
    line.end(End::Reset);
    wait_for("its time to be over", || {
        let seconds: u64 = fleet.server.cli(&["TIME"]).ok()?.lines().next()?.parse().ok()?;
        (seconds * 1000 > from).then_some(())
    });
    assert_eq!(fleet.hosts[0].value("k")?, None, "nobody could begin it");
    line.set(Weather::default());
    becomes(&fleet, "k", Some("v"));
    Ok(())
}

#[test]
fn it_is_planned_over_http_too() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    let token = fleet.file("token", "0123456789abcdef0123456789abcdef")?;
    let settings = fleet.file("sluice.toml", format!("publish_token_file = \"{token}\"\n"))?;
    fleet.hosts.push(fleet.host("edge-1", &["--settings", &settings])?);
    let host = fleet.hosts[0].url("");
    let through = |args: &[&str]| {
        let ran =
            fleet.sluice.run(&[&["--host", &host, "--publish-token-file", &token, "-o", "json"], args].concat())?;
        anyhow::ensure!(ran.code == 0, "{ran:?}");
        Ok(serde_json::from_str::<serde_json::Value>(&ran.stdout)?)
    };
    let first = through(&["put", "k", "v", "--from", "2999-01-01T00:00:00Z"])?;
    assert_eq!(first["outcome"], "scheduled");
    let dry = through(&["put", "k", "v", "--from", "+1h", "--until", "+2h", "--dry-run"])?;
    assert_eq!(dry["outcome"], "scheduled");
    let planned = fleet.sluice.json(&["schedule", "ls"])?;
    assert_eq!(planned["items"][0]["at"], "2999-01-01T00:00:00.000Z");
    assert_eq!(through(&["schedule", "cancel", first["revision"].as_str().unwrap()])?["outcome"], "applied");
    Ok(())
}
