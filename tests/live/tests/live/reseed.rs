//! A Redis that lost everything, refilled from the hosts that still serve it.

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde_json::Value;
use sluice_live::{Fleet, Host, Server, wait_for};

const LOG: &str = "sluice:{shop}:log";

/// Some keys, tokens, a refusal, and a validator whose component every host has at hand.
fn filled(fleet: &Fleet) -> Result<String> {
    for n in 0..40 {
        fleet.xadd(&[&format!("put:k/{n}"), &"v".repeat(2_000), "token", &format!("token {n}")])?;
    }
    fleet.xadd(&["put:large", &"x".repeat(100_000)])?;
    let settings = r#"{"/max": [1, 100]}"#;
    fleet.sluice.ok(&["validator", "bind", "limits", "bounds", "--keys", "app/**", "--settings", settings])?;
    let bad = fleet.xadd(&["put:app/a.json", r#"{"max": 900}"#])?;
    assert!(fleet.verdict(&bad)?.starts_with("rejected"));
    let component = blake3::hash(sluice_artifacts::BOUNDS).to_hex().to_string();
    for host in &fleet.hosts {
        let kept = host.data.join("components").join(&component);
        wait_for("each host to keep the component", || kept.exists().then_some(()));
    }
    Ok(bad)
}

/// Waits until a host says that its log is odd in this way.
#[track_caller]
fn says(host: &Host, rift: &str) {
    wait_for(&format!("{} to say {rift}", host.id), || (host.status().ok()?["source"]["state"] == rift).then_some(()));
}

/// Waits until all hosts have reported to the Redis there is now.
fn reported(fleet: &Fleet) {
    wait_for("all hosts to report", || {
        let known = fleet.server.cli(&["ZCARD", "sluice:{shop}:hosts"]).ok()?;
        (known == fleet.hosts.len().to_string()).then_some(())
    });
}

#[test]
fn an_emptied_redis_is_refilled_from_the_host_that_is_furthest() -> Result<()> {
    let mut fleet = Fleet::start(3)?;
    let bad = filled(&fleet)?;
    // One host is behind when it happens.
    fleet.hosts[2].process().signal(Signal::STOP)?;
    let last = fleet.xadd(&["put:k/1", "seen by two"])?;
    let before = fleet.hosts[0].reaches(&last);
    fleet.hosts[1].reaches(&last);
    fleet.server.cli(&["FLUSHALL"])?;
    fleet.hosts[2].process().signal(Signal::CONT)?;
    fleet.hosts.iter().for_each(|host| says(host, "reset"));
    reported(&fleet);
    // Publishers go on as if nothing had happened.
    let late = fleet.xadd(&["put:late", "1"])?;

    let asked = fleet.sluice.run(&["reseed", "-o", "json"])?;
    assert!(asked.code == 2 && asked.stderr.contains("give --yes"), "{asked:?}");
    let shown: Value = serde_json::from_str(&asked.stdout)?;
    let chosen = shown["items"].as_array().context("items")?.iter().filter(|host| host["chosen"] == "yes");
    let chosen: Vec<&Value> = chosen.collect();
    assert!(chosen.len() == 1 && chosen[0]["revision"] == last.as_str(), "{shown}");
    assert_eq!(fleet.entries()?, 1, "nothing was changed");

    let done = fleet.sluice.run(&["reseed", "--yes"])?;
    assert!(done.code == 0 && done.stderr.contains("3 hosts, converged"), "{done:?}");
    let after = fleet.converge(&late);
    assert_eq!(after["index"].as_u64(), before["index"].as_u64().map(|index| index + 1));
    assert_eq!(fleet.value("k/1", &late)?, Some(b"seen by two".to_vec()));
    assert_eq!(fleet.value("late", &late)?, Some(b"1".to_vec()));

    // Tokens, refusals and validators are as before, also for a host that had nothing of it.
    fleet.hosts.push(fleet.host("edge-4", &[])?);
    let again = fleet.xadd(&["put:k/1", "again", "token", "token 3"])?;
    assert!(fleet.verdict(&again)?.starts_with("duplicate"));
    let bad_again = fleet.xadd(&["put:app/a.json", r#"{"max": 901}"#])?;
    assert!(fleet.verdict(&bad_again)?.starts_with("rejected: limits"));
    assert!(fleet.hosts[3].verdict(&bad)?.starts_with("rejected: limits"), "an old refusal is remembered");
    let good = fleet.xadd(&["put:app/a.json", r#"{"max": 90}"#])?;
    fleet.converge(&good);
    let component = blake3::hash(sluice_artifacts::BOUNDS).to_hex().to_string();
    let file = fleet.file("component.wasm", "")?;
    fleet.sluice.ok(&["validator", "pull", &component, &file])?;
    assert!(std::fs::read(file)? == sluice_artifacts::BOUNDS);

    let twice = fleet.sluice.run(&["reseed", "--yes"])?;
    assert_eq!(twice.code, 0, "done twice it changes nothing: {twice:?}");
    assert_eq!(fleet.converge(&good)["root"], fleet.hosts[0].status()?["root"]);
    Ok(())
}

#[test]
fn a_log_that_is_none_of_ours_is_set_aside_only_when_told() -> Result<()> {
    let fleet = Fleet::start(2)?;
    for n in 0..5 {
        fleet.xadd(&[&format!("put:k/{n}"), "1"])?;
    }
    let last = fleet.xadd(&["put:k/0", "2"])?;
    let before = fleet.converge(&last);
    let refused = fleet.sluice.run(&["reseed", "--yes"])?;
    assert!(refused.code == 0 && refused.stderr.contains("nothing is to be done"), "{refused:?}");
    assert_eq!(fleet.entries()?, 6, "a log in order is left alone");
    fleet.server.cli(&["FLUSHALL"])?;
    fleet.server.cli(&["XADD", LOG, "5-0", "put:odd", "1"])?;
    reported(&fleet);
    let refused = fleet.sluice.run(&["reseed", "--yes"])?;
    assert!(refused.code == 2 && refused.stderr.contains("from 5-0 to 5-0"), "{refused:?}");
    let urls: Vec<String> = fleet.hosts.iter().map(|host| host.url("")).collect();
    let done = fleet.sluice.run(&["reseed", "--yes", "--force", "--from", &urls[0], "--from", &urls[1]])?;
    assert_eq!(done.code, 0, "{done:?}");
    let next = fleet.xadd(&["put:k/1", "2"])?;
    let after = fleet.converge(&next);
    assert_eq!(after["index"].as_u64(), before["index"].as_u64().map(|index| index + 1));
    assert_eq!(fleet.value("odd", &next)?, None);
    let aside = fleet.server.cli(&["KEYS", "sluice:{shop}:log:aside:*"])?;
    assert_eq!(fleet.server.cli(&["XLEN", aside.trim()])?, "1", "nothing of it is lost");
    Ok(())
}

#[test]
fn a_host_gives_its_snapshot_to_those_who_have_the_token() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let last = fleet.xadd(&["put:a", "1"])?;
    fleet.converge(&last);
    let open = fleet.hosts[0].ask("GET", "/v1/snapshot", &[], &[])?;
    assert_eq!((open.code, open.header("sluice-revision")), (200, last.as_str()));
    let file = fleet.file("state.sluice", &open.body)?;
    let verified = fleet.sluice.json(&["snapshot", "verify", &file])?;
    assert_eq!((&verified["revision"], &verified["keys"]), (&last.as_str().into(), &1.into()));

    let token = fleet.file("token", "a secret of some length\n")?;
    let settings = fleet.file("sluice.toml", format!("publish_token_file = \"{token}\"\n[keeper]\non = false\n"))?;
    fleet.hosts.push(fleet.host("edge-2", &["--settings", &settings])?);
    fleet.hosts[1].reaches(&last);
    assert_eq!(fleet.hosts[1].get("/v1/snapshot")?.0, 401);
    fleet.server.cli(&["FLUSHALL"])?;
    let url = fleet.hosts[1].url("");
    let refused = fleet.sluice.run(&["reseed", "--yes", "--from", &url])?;
    assert!(refused.code == 2 && refused.stderr.contains("--publish-token-file"), "{refused:?}");
    let done = fleet.sluice.run(&["reseed", "--yes", "--from", &url, "--publish-token-file", &token])?;
    assert_eq!(done.code, 0, "{done:?}");
    let next = fleet.xadd(&["put:a", "2"])?;
    fleet.converge(&next);
    Ok(())
}

#[test]
fn hosts_that_have_not_noticed_that_redis_was_replaced_do_not_keep_it_from_being_refilled() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    let newest = fleet.converge(&fleet.xadd(&["put:k", "2"])?)["revision"].as_str().unwrap_or_default().to_owned();
    // Another server at the address, and the host is still connected with the one before.
    let other = Server::start()?;
    other.cli(&["XADD", LOG, "5-0", "put:odd", "1"])?;
    let url = fleet.hosts[0].url("");
    let told = fleet.sluice.over(&other.url()).run(&["reseed", "--yes", "--from", &url])?;
    assert!(told.code == 2 && told.stderr.contains("from 5-0 to 5-0"), "{told:?}");
    let unnoticed = format!("the log lacks {newest}, the newest entry of edge-1, which has not noticed");
    assert!(told.stderr.contains(&unnoticed) && fleet.hosts[0].status()?["source"]["state"] == "ok", "{told:?}");
    Ok(())
}

#[test]
fn an_old_log_beside_a_newer_snapshot_takes_nobody_back() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    fleet.xadd(&["put:k", "old"])?;
    let mut connection = fleet.server.connect()?;
    let dump: Vec<u8> = redis::cmd("DUMP").arg(LOG).query(&mut connection)?;
    let newest = fleet.xadd(&["put:k", "new", "put:more", "1"])?;
    fleet.converge(&newest);
    fleet.sluice.ok(&["snapshot", "write"])?;
    // Nobody is left who remembers, but for the snapshot.
    fleet.hosts.remove(0).kill()?;
    redis::cmd("RESTORE").arg(LOG).arg(0).arg(&dump).arg("REPLACE").query::<()>(&mut connection)?;
    let fresh = fleet.host("edge-2", &[])?;
    says(&fresh, "forked");
    assert_eq!(fresh.value("k")?, Some(b"new".to_vec()));
    wait_for("the host to say what is wrong and what to do", || {
        let why = fresh.status().ok()?["source"]["why"].as_str()?.to_owned();
        let is_told = why.contains("the log ends at") && why.contains(&newest);
        (is_told && why.contains("sluice reseed --force")).then_some(())
    });
    let told = fleet.sluice.run(&["get", "k"])?;
    assert!(told.code != 0 && told.stderr.contains(&format!("the log ends before {newest}")), "{told:?}");
    assert!(told.stdout.is_empty(), "{told:?}");

    fleet.hosts.push(fresh);
    let done = fleet.sluice.run(&["reseed", "--yes", "--force"])?;
    assert_eq!(done.code, 0, "{done:?}");
    let next = fleet.xadd(&["put:next", "1"])?;
    fleet.converge(&next);
    assert_eq!(fleet.sluice.ok(&["get", "k"])?, "new");
    Ok(())
}

#[test]
fn a_change_that_is_held_comes_along_and_is_decided_afterwards() -> Result<()> {
    let fleet = Fleet::start(2)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    let value = "a large value that nobody has stored yet";
    let name = blake3::hash(value.as_bytes()).to_hex().to_string();
    let held = fleet.xadd(&["put-blob:big", &format!("{name} {}", value.len())])?;
    for host in &fleet.hosts {
        host.passes(&held);
    }
    fleet.server.cli(&["FLUSHALL"])?;
    fleet.hosts.iter().for_each(|host| says(host, "reset"));
    reported(&fleet);
    // It waits for hosts that hold nothing, and these do.
    let done = fleet.sluice.run(&["reseed", "--yes", "--timeout", "8s"])?;
    assert!(done.code == 1 && done.stderr.contains("the log goes on behind"), "{done:?}");
    fleet.hosts.iter().for_each(|host| says(host, "ok"));
    let fresh = fleet.host("edge-3", &[])?;
    fresh.passes(&held);
    for host in fleet.hosts.iter().chain([&fresh]) {
        assert_eq!((host.value("big")?, host.value("k")?), (None, Some(b"1".to_vec())), "{} still holds it", host.id);
    }
    fleet.server.cli(&["SET", &format!("sluice:{{shop}}:blob:{name}"), value])?;
    for host in fleet.hosts.iter().chain([&fresh]) {
        wait_for("the change to be decided", || {
            (host.value("big").ok()?.as_deref() == Some(value.as_bytes())).then_some(())
        });
    }
    Ok(())
}
