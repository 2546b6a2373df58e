//! A minute of bad weather: publishers never pause, and hosts are killed at any moment.

mod load;
mod model;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use sluice_live::process::Process;
use sluice_live::{Fleet, Host};

use load::Load;
use model::Model;
use watch::Watch;

const HOSTS: usize = 3;
/// How long it lasts when `SLUICE_STORM_SECONDS` says nothing.
const SECONDS: u64 = 60;
/// Refusals a host remembers.
const REFUSALS: usize = 128;

#[test]
fn kill_9_at_random_moments_loses_no_entry_and_applies_none_twice() -> Result<()> {
    let mut fleet = Fleet::gathered(HOSTS)?;
    let bounds = ["--keys", "checked/**", "--settings", r#"{"/max": [0, 100]}"#, "--wait=all"];
    fleet.sluice.ok(&[&["validator", "bind", "limits", "bounds"], &bounds[..]].concat())?;
    let seed = fastrand::u64(..);
    let is_over = &AtomicBool::new(false);
    let appended = std::thread::scope(|scope| -> Result<Vec<String>> {
        let publishers: Vec<Load> = (0..2).map(|who| Load::new(&fleet.server, who, seed)).collect::<Result<_>>()?;
        let publishers: Vec<_> =
            publishers.into_iter().map(|load| scope.spawn(move || load.publish_until(is_over))).collect();
        let raged = rage(&mut fleet, seed);
        is_over.store(true, Relaxed);
        let appended: Vec<Vec<String>> =
            publishers.into_iter().map(|one| one.join().expect("a publisher does not panic")).collect::<Result<_>>()?;
        let kills = raged?;
        eprintln!("{kills} kills, {} entries, seed {seed}", appended.iter().map(Vec::len).sum::<usize>());
        Ok(appended.concat())
    })?;
    settle(&mut fleet, &appended)
}

/// Kills hosts and starts them again, and watches all of them meanwhile. Answers with the number of kills.
fn rage(fleet: &mut Fleet, seed: u64) -> Result<u64> {
    let seconds = std::env::var("SLUICE_STORM_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let length = Duration::from_secs(seconds);
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut pause = move |most_ms: u64| Duration::from_millis(chance.u64(0..most_ms));
    let mut chance = fastrand::Rng::with_seed(!seed);
    let mut watch = Watch::default();
    let (begun, mut kills) = (Instant::now(), 0);
    while begun.elapsed() < length {
        watch.over(fleet, pause(1500))?;
        let mut killed = vec![fleet.hosts.remove(chance.usize(..HOSTS))];
        if chance.u8(..) < 64 {
            killed.push(fleet.hosts.remove(chance.usize(..HOSTS - 1)));
        }
        for host in killed {
            let id = host.id.clone();
            host.kill()?;
            kills += 1;
            watch.over(fleet, pause(600))?;
            if chance.u8(..) < 64 {
                kill_while_it_starts(fleet, &id, &mut watch, pause(150))?;
                kills += 1;
            }
            fleet.hosts.push(fleet.host(&id, &[])?);
        }
    }
    watch.over(fleet, Duration::ZERO)?;
    Ok(kills)
}

/// A host that is killed again before, or just after, it is up.
fn kill_while_it_starts(fleet: &Fleet, id: &str, watch: &mut Watch, pause: Duration) -> Result<()> {
    let mut early = Process::start(&mut Host::command(&fleet.sluice, id, &fleet.folder.path().join(id), &[])?)?;
    watch.over(fleet, pause)?;
    early.kill()
}

/// All that was appended is there, once, on every host alike; also for one who reads the log afresh.
fn settle(fleet: &mut Fleet, appended: &[String]) -> Result<()> {
    let last = fleet.xadd(&["put:end", "1"])?;
    let status = fleet.converge(&last);
    let entries = load::log(&fleet.server)?;
    let mut model = Model::default();
    entries.iter().for_each(|(revision, fields)| model.fold(revision, fields));
    assert_eq!(entries.len(), appended.len() + 2, "the log has other entries than were appended");
    assert_eq!(status["index"], entries.len(), "entries were lost or applied twice");
    for host in &fleet.hosts {
        let listed = host.ask("GET", "/v1/keys?limit=10000", &[], &[])?.json();
        let rows = listed["keys"].as_array().context("keys are a list")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = rows.iter().map(|row| (text(&row["key"]), (text(&row["revision"]), text(&row["value"])))).collect();
        assert_eq!(model.keys, found, "{} serves another state", host.id);
        let refusals = host.ask("GET", "/v1/refusals", &[], &[])?.json();
        let refusals = refusals["refusals"].as_array().context("refusals are a list")?;
        let refusals: Vec<_> = refusals.iter().map(|one| (text(&one["revision"]), text(&one["outcome"]))).collect();
        let expected: Vec<_> = model.refused.iter().rev().take(REFUSALS).cloned().collect();
        assert_eq!(refusals, expected, "{} refused other entries", host.id);
        anyhow::ensure!(!host.logged().contains("panicked"), "{} panicked: {}", host.id, host.logged());
    }
    let afresh = fleet.sluice.json(&["show", &last])?;
    for name in ["root", "chain", "index"] {
        assert_eq!(afresh[name], status[name], "{name} differs when the log is read afresh");
    }
    assert!(model.refused.iter().any(|(_, class)| class == "rejected"), "no validator ever spoke");
    Ok(())
}
