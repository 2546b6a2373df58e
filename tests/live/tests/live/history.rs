//! What was before, behind the end of the log, and the way back to it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rustix::process::Signal;
use sluice_live::process::Process;
use sluice_live::{Fleet, Host, wait_for};

/// The pointer to the history.
const HISTORY: &str = "sluice:{shop}:history";

/// A host that writes a snapshot behind so many entries, and keeps no more of the log than live hosts need.
fn keeping(fleet: &Fleet, behind: u64, history: &str) -> Result<Host> {
    let bounds = "look_ms = 100\nage_ms = 0\ntick_ms = 0\nretention_ms = 0\ngrace_ms = 0";
    let lines = format!("[keeper]\n{bounds}\nbehind = {behind}\n[history]\n{history}\n");
    let file = fleet.file("keeping.toml", lines)?;
    fleet.host("edge-1", &["--settings", &file])
}

/// Stores a snapshot and trims the log to its newest entry.
fn cut(fleet: &Fleet) -> Result<()> {
    let kept = fleet.sluice.json(&["snapshot", "write"])?;
    let revision = kept["revision"].as_str().context("it has a revision")?.to_owned();
    fleet.server.cli(&["XTRIM", "sluice:{shop}:log", "MINID", "=", &revision])?;
    anyhow::ensure!(fleet.entries()? == 1, "one entry is left");
    Ok(())
}

fn through(fleet: &Fleet) -> Option<String> {
    fleet.server.cli(&["HGET", HISTORY, "through"]).ok().filter(|through| !through.is_empty())
}

/// Waits until the keeper has done all it will do: a history up to its last snapshot, and less behind that than it waits for.
fn rests(fleet: &Fleet, behind: u64) {
    let field = |key: &str, name: &str| fleet.server.cli(&["HGET", key, name]).ok();
    wait_for("the keeper to have nothing to do", || {
        let index: u64 = field("sluice:{shop}:snapshot", "index")?.parse().ok()?;
        let all = fleet.hosts[0].status().ok()?["index"].as_u64()?;
        let is_whole = through(fleet)? == field("sluice:{shop}:snapshot", "revision")?;
        let is_free = fleet.server.cli(&["EXISTS", "sluice:{shop}:lease:snapshot"]).ok()? == "0";
        (is_whole && is_free && all - index < behind).then_some(())
    });
}

/// The value of a key at a revision; none when it was absent.
fn at(fleet: &Fleet, key: &str, revision: &str) -> Result<Option<String>> {
    let ran = fleet.sluice.run(&["get", key, "--at", revision])?;
    match ran.code {
        0 => Ok(Some(ran.stdout)),
        1 if ran.stderr.contains("is absent at") => Ok(None),
        _ => anyhow::bail!("{ran:?}"),
    }
}

#[test]
fn a_hundred_versions_outlive_the_log_and_a_restart_of_who_keeps_them() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    fleet.hosts.push(keeping(&fleet, 20, "")?);
    let mut revisions = Vec::new();
    for n in 0..120 {
        revisions.push(fleet.xadd(&[
            "put:app/a",
            &format!("version {n}"),
            "author",
            "mei",
            "reason",
            &n.to_string(),
        ])?);
        match n {
            30 => drop(fleet.xadd(&["put:app/b", "b"])?),
            40 => drop(fleet.xadd(&["put:app/a", "no", "base:app/a", "1-1"])?),
            50 => drop(fleet.xadd(&["del:app/b", ""])?),
            60 => {
                wait_for("the log to be trimmed behind a history", || {
                    (through(&fleet).is_some() && fleet.entries().ok()? < 60).then_some(())
                });
                fleet.hosts.remove(0).kill()?;
                fleet.hosts.push(keeping(&fleet, 20, "")?);
            }
            _ => (),
        }
    }
    fleet.converge(&revisions[119]);
    // It is trimmed no further than hosts say that they are, and what they said may be a moment old.
    wait_for("most of the log to be trimmed", || {
        fleet.xadd(&["tick", ""]).ok()?;
        (fleet.entries().ok()? <= 40).then_some(())
    });
    rests(&fleet, 20);
    let listed = fleet.sluice.ok(&["history", "app/a", "--limit", "500"])?;
    let applied = listed.lines().filter(|line| line.contains("applied")).count();
    assert!((100..=120).contains(&applied), "{applied} versions of the hundred that are kept: {listed}");
    for (line, n) in listed.lines().filter(|line| !line.contains("conflict")).zip((0..120_usize).rev()) {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!((columns[0], columns[2], columns[3]), (&*revisions[n], "put", "applied"), "{line}");
        assert_eq!(columns[5..7], ["mei", &n.to_string()], "{line}");
    }
    assert_eq!(listed.lines().filter(|line| line.contains("conflict")).count(), 1, "what was refused is told, too");
    for n in [20, 29, 59, 60, 61, 90, 119] {
        assert_eq!(at(&fleet, "app/a", &revisions[n])?, Some(format!("version {n}")));
    }
    assert_eq!(at(&fleet, "app/b", "5-0")?, None, "before all it was absent");
    assert_eq!(at(&fleet, "app/b", &revisions[30])?, None);
    assert_eq!(at(&fleet, "app/b", &revisions[40])?, Some("b".to_owned()), "between two of its revisions");
    assert_eq!(at(&fleet, "app/b", &revisions[70])?, None);
    let diff = fleet.sluice.run(&["diff", &revisions[20], &revisions[45], "--prefix", "app/"])?;
    assert_eq!(diff.code, 1);
    assert!(diff.stdout.contains("-version 20") && diff.stdout.contains("+version 45"), "{diff:?}");
    assert!(diff.stdout.contains("+++ b/app/b"), "{diff:?}");
    let shown = fleet.sluice.json(&["show", &revisions[7]])?;
    assert_eq!(
        (&shown["outcome"], &shown["author"], &shown["reason"]),
        (&"applied".into(), &"mei".into(), &"7".into())
    );
    assert_eq!(shown["edits"][0]["key"], "app/a");
    fleet.sluice.ok(&["snapshot", "verify"])?;
    Ok(())
}

#[test]
fn what_is_older_than_is_kept_is_said_to_be_and_never_told_wrong() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    fleet.hosts.push(keeping(&fleet, 1, "versions = 5")?);
    let mut revisions = Vec::new();
    for n in 0..40 {
        revisions.push(fleet.xadd(&["put:app/a", &n.to_string()])?);
        fleet.hosts[0].passes(&revisions[n]);
        if n == 19 {
            wait_for("a history of some of it", || (through(&fleet)? == revisions[19]).then_some(()));
        }
    }
    wait_for("the history to reach the end", || (through(&fleet)? == revisions[39]).then_some(()));
    rests(&fleet, 1);
    let mut known = 0;
    for (n, revision) in revisions.iter().enumerate() {
        let ran = fleet.sluice.run(&["get", "app/a", "--at", revision])?;
        match ran.code {
            0 => {
                assert_eq!(ran.stdout, n.to_string());
                known += 1;
            }
            _ => assert!(ran.code == 1 && ran.stderr.contains("older than what is kept (since "), "{ran:?}"),
        }
    }
    assert!((5..40).contains(&known), "{known} versions are kept of 40");
    let told = fleet.sluice.run(&["history", "app/a"])?;
    assert!(told.stderr.contains("all is kept since"), "{told:?}");
    let mut named = 0;
    for number in fleet.server.cli(&["ZRANGE", "sluice:{shop}:snapshots", "0", "-1"])?.lines() {
        named +=
            fleet.server.cli(&["SCARD", &format!("sluice:{{shop}}:snapshot:{number}:chunks")])?.parse::<usize>()?;
    }
    let blobs = fleet.server.cli(&["KEYS", "sluice:{shop}:blob:*"])?.lines().count();
    assert!(blobs <= named, "{blobs} blobs, of which snapshots that are kept name {named}: merged parts are swept");
    Ok(())
}

/// Keys with a past, and what they were after each entry.
fn grown(fleet: &Fleet) -> Result<Vec<(String, BTreeMap<&'static str, &'static str>)>> {
    let mut keys = BTreeMap::new();
    let mut all = Vec::new();
    let steps: [&[(&str, Option<&str>)]; 6] = [
        &[("app/a", Some("a1")), ("app/b", Some("b1"))],
        &[("app/a", Some("a2"))],
        &[("app/a", Some("a3")), ("app/b", None), ("app/c", Some("c3"))],
        &[("other", Some("o4"))],
        &[("app/d.json", Some("{}"))],
        &[("other", Some("o6"))],
    ];
    for step in steps {
        let mut fields = Vec::new();
        for (key, value) in step {
            fields.push(if value.is_some() { format!("put:{key}") } else { format!("del:{key}") });
            fields.push(value.unwrap_or_default().to_owned());
            match value {
                Some(value) => keys.insert(*key, *value),
                None => keys.remove(key),
            };
        }
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        all.push((fleet.xadd(&fields)?, keys.clone()));
    }
    Ok(all)
}

fn values(fleet: &Fleet) -> Result<BTreeMap<String, String>> {
    let names = fleet.sluice.ok(&["ls", "-o", "name"])?;
    names.lines().map(|key| Ok((key.to_owned(), fleet.sluice.ok(&["get", key])?))).collect()
}

#[test]
fn a_rollback_is_one_new_change_with_the_old_values() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let past = grown(&fleet)?;
    cut(&fleet)?;
    let dry = fleet.sluice.run(&["rollback", &past[2].0, "--dry-run"])?;
    assert!(dry.code == 0 && dry.stdout.contains("-a3") && dry.stdout.contains("+a2"), "{dry:?}");
    assert_eq!(fleet.entries()?, 1, "a dry run appends nothing");
    let told = fleet.sluice.json(&["rollback", &past[2].0])?;
    assert_eq!((&told["outcome"], fleet.entries()?), (&"applied".into(), 2), "three keys, one entry");
    let mut expected = past[1].1.clone();
    expected.extend([("other", "o6"), ("app/d.json", "{}")]);
    let expected: BTreeMap<String, String> =
        expected.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    assert_eq!(values(&fleet)?, expected, "a deleted key is back, a new one gone");
    let shown = fleet.sluice.json(&["show", told["revision"].as_str().unwrap_or_default()])?;
    let fields = shown["fields"].to_string();
    assert!(fields.contains(&format!("rollback of {}", past[2].0)) && fields.contains("base:app/c"), "{fields}");

    // A key at a time, across the end of the log: undoing the last change of a key, and that once more.
    assert_eq!(fleet.sluice.json(&["rollback", "app/a"])?["outcome"], "applied");
    assert_eq!(fleet.sluice.ok(&["get", "app/a"])?, "a3");
    assert_eq!(fleet.sluice.json(&["rollback", "app/a", "app/b", "--to", &past[0].0])?["outcome"], "applied");
    assert_eq!((fleet.sluice.ok(&["get", "app/a"])?, fleet.sluice.ok(&["get", "app/b"])?), ("a1".into(), "b1".into()));
    let again = fleet.sluice.json(&["rollback", "app/a", "--to", &past[0].0])?;
    assert_eq!(again["outcome"], "unchanged");
    let refused = fleet.sluice.run(&["rollback", &past[1].0])?;
    assert!(refused.code == 1 && refused.stderr.contains("--discard-later"), "{refused:?}");

    // All keys of a prefix, with the media type they had; others stay.
    fleet.xadd(&["put:app/d.json", "text", "type:app/d.json", "text/plain"])?;
    let to = ["rollback", "--to", &past[4].0, "--prefix", "app/"];
    assert_eq!(fleet.sluice.json(&to)?["outcome"], "applied");
    let all: BTreeMap<String, String> = past[4].1.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut now = values(&fleet)?;
    assert_eq!(now.insert("other".to_owned(), "o4".to_owned()), Some("o6".to_owned()));
    assert_eq!(now, all);
    assert_eq!(fleet.sluice.json(&["get", "app/d.json"])?["type"], "application/json");
    let through_host = ["--host", "http://127.0.0.1:1", "rollback", "app/a"];
    assert_eq!(fleet.sluice.run(&through_host)?.code, 2, "no host serves the past");
    Ok(())
}

#[test]
fn a_rollback_is_judged_and_loses_races() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.xadd(&["put:app/a", r#"{"max": 200}"#, "put:app/b", "{}"])?;
    let second = fleet.xadd(&["put:app/a", r#"{"max": 50}"#, "put:app/b", r#"{"max": 1}"#])?;
    let args = ["validator", "bind", "limits", "bounds", "--keys", "app/**", "--settings", r#"{"/max": [1, 100]}"#];
    fleet.sluice.ok(&args)?;
    cut(&fleet)?;
    let before = fleet.sluice.json(&["get", "app/b"])?;
    let told = fleet.sluice.run(&["rollback", &second])?;
    assert!(told.code == 1 && told.stdout.contains("rejected"), "{told:?}");
    assert_eq!(fleet.sluice.json(&["get", "app/b"])?, before, "nothing of it applied");
    let history = fleet.sluice.ok(&["history", "app/a"])?;
    assert!(history.lines().next().is_some_and(|line| line.contains("rejected")), "{history}");

    // While somebody publishes all the time, one that comes between reading and appending is told as a race.
    wait_for("a rollback to lose a race", || {
        let mut command = fleet.sluice.command(&["--timeout", "4m", "rollback", "app/b", "--to", &second]).ok()?;
        fleet.xadd(&["put:app/b", r#"{"max": 2}"#]).ok()?;
        let mut racing = Process::start(&mut command).ok()?;
        loop {
            if let Some(ended) = racing.ended().ok()? {
                return (ended.code() == Some(4)).then_some(());
            }
            fleet.xadd(&["put:app/b", r#"{"max": 3}"#]).ok()?;
        }
    });
    let history = fleet.sluice.ok(&["history", "app/b", "--limit", "10000"])?;
    assert!(history.contains("conflict"), "{history}");
    Ok(())
}

#[test]
fn a_writer_killed_between_snapshot_and_history_loses_nothing() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let mut revisions = vec![fleet.xadd(&["put:app/a", "0"])?];
    cut(&fleet)?;
    for n in 1..4 {
        revisions.push(fleet.xadd(&["put:app/a", &n.to_string()])?);
        // What is left by one that was killed when the snapshot had been pointed to and the history had not.
        fleet.server.cli(&["COPY", HISTORY, "sluice:{shop}:before", "REPLACE"])?;
        fleet.sluice.ok(&["snapshot", "write"])?;
        fleet.server.cli(&["COPY", "sluice:{shop}:before", HISTORY, "REPLACE"])?;
        revisions.push(fleet.xadd(&["put:app/a", &format!("{n} again")])?);
        let listed = fleet.sluice.ok(&["history", "app/a"])?;
        assert_eq!(listed.lines().filter(|line| line.contains("applied")).count(), revisions.len(), "{listed}");
        assert_eq!(at(&fleet, "app/a", &revisions[revisions.len() - 2])?, Some(n.to_string()));
    }
    for _ in 0..3 {
        revisions.push(fleet.xadd(&["put:app/a", "killed"])?);
        let mut writer = Process::start(&mut fleet.sluice.command(&["--timeout", "4m", "snapshot", "write"])?)?;
        wait_for("it to hold the lease, or to be done", || {
            let held = fleet.server.cli(&["EXISTS", "sluice:{shop}:lease:snapshot"]).ok()?;
            (held == "1" || writer.ended().ok()?.is_some()).then_some(())
        });
        // It may have ended by itself.
        drop(writer.signal(Signal::KILL));
        wait_for("it to be gone", || writer.ended().transpose())?;
        fleet.server.cli(&["DEL", "sluice:{shop}:lease:snapshot"])?;
        fleet.sluice.ok(&["snapshot", "verify"])?;
    }
    cut(&fleet)?;
    let listed = fleet.sluice.ok(&["history", "app/a"])?;
    assert_eq!(listed.lines().count(), revisions.len(), "{listed}");
    assert_eq!(at(&fleet, "app/a", &revisions[0])?, Some("0".to_owned()));
    assert_eq!(at(&fleet, "app/a", &revisions[3])?, Some("2".to_owned()));
    Ok(())
}

#[test]
fn history_goes_through_a_file_into_an_empty_redis_and_goes_on_there() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let large = "x".repeat((1 << 20) + 1);
    let file = fleet.file("large", &large)?;
    fleet.sluice.ok(&["put", "app/large", &format!("@{file}")])?;
    fleet.xadd(&["put:app/large", "small"])?;
    let past = grown(&fleet)?;
    cut(&fleet)?;
    let newer = fleet.xadd(&["put:app/a", "newer"])?;
    let saved = fleet.file("shop.snapshot", "")?;
    fleet.sluice.ok(&["snapshot", "save", &saved])?;
    fleet.sluice.ok(&["snapshot", "verify", &saved])?;
    fleet.server.cli(&["FLUSHALL"])?;
    fleet.sluice.ok(&["snapshot", "restore", &saved])?;
    fleet.sluice.ok(&["snapshot", "verify"])?;
    assert_eq!(through(&fleet), Some(newer.clone()), "also of what was behind the last snapshot");
    assert_eq!(at(&fleet, "app/a", &past[1].0)?.as_deref(), Some("a2"));
    assert_eq!(at(&fleet, "app/a", &newer)?.as_deref(), Some("newer"));
    assert_eq!(fleet.sluice.json(&["rollback", "app/large"])?["outcome"], "applied");
    assert_eq!(fleet.sluice.ok(&["get", "app/large"])?, large, "a value that stands in a blob is in the file");
    cut(&fleet)?;
    let listed = fleet.sluice.ok(&["history", "app/large"])?;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    Ok(())
}

#[test]
fn damage_is_named_keeps_the_log_and_is_given_up_on_order() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let past = grown(&fleet)?;
    cut(&fleet)?;
    let index = fleet.server.cli(&["HGET", HISTORY, "index"])?;
    fleet.server.cli(&["SETRANGE", &format!("sluice:{{shop}}:blob:{index}"), "40", "damage"])?;
    fleet.xadd(&["put:app/a", "goes on"])?;
    for command in [&["history", "app/a"][..], &["get", "app/a", "--at", &past[0].0], &["snapshot", "verify"]] {
        let told = fleet.sluice.run(command)?;
        assert!(told.code != 0 && told.stderr.contains(&index), "{command:?}: {told:?}");
    }
    assert_eq!(fleet.sluice.ok(&["get", "app/a"])?, "goes on", "what is now is not touched by it");
    let told = fleet.sluice.run(&["snapshot", "write"])?;
    assert!(told.code != 0 && told.stderr.contains("delete the key sluice:{shop}:history"), "{told:?}");
    fleet.server.cli(&["DEL", HISTORY])?;
    let told = fleet.sluice.run(&["snapshot", "write"])?;
    assert!(told.code == 0 && told.stderr.contains("the history begins anew"), "{told:?}");
    let told = fleet.sluice.run(&["get", "app/a", "--at", &past[0].0])?;
    assert!(told.code == 1 && told.stderr.contains("older than what is kept"), "{told:?}");
    assert_eq!(at(&fleet, "app/c", &past[5].0)?, Some("c3".to_owned()), "what stood since is known");
    Ok(())
}

#[test]
fn history_keeps_to_its_bytes_and_the_newest_longest() -> Result<()> {
    const BYTES: u64 = 400_000;
    let mut fleet = Fleet::start(0)?;
    fleet.hosts.push(keeping(&fleet, 60, &format!("bytes = {BYTES}"))?);
    let args = ["validator", "bind", "limits", "bounds", "--keys", "app/**", "--settings", r#"{"/max": [1, 100]}"#];
    fleet.sluice.ok(&args)?;
    let deleted = fleet.xadd(&["put:app/deleted", r#"{"max": 7}"#]).and_then(|put| {
        fleet.xadd(&["del:app/deleted", ""])?;
        Ok(put)
    })?;
    let mut state: u64 = 1;
    let mut noise = || {
        // Digits that do not pack well (xorshift, Marsaglia 2003).
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            format!("{state:016x}")
        };
        (0..500).map(next).collect::<String>()
    };
    let mut all = Vec::new();
    for n in 0..180_usize {
        let (key, value) = (format!("app/{}", n % 3), format!(r#"{{"max": {}, "n": "{}"}}"#, n % 90 + 1, noise()));
        all.push((fleet.xadd(&[&format!("put:{key}"), &value])?, key, value));
        if n % 20 == 19 {
            fleet.xadd(&["put:app/0", r#"{"max": 1000}"#])?;
            fleet.hosts[0].passes(&all[n].0);
        }
    }
    fleet.hosts[0].passes(&all[179].0);
    rests(&fleet, 60);
    let stored: u64 = fleet.server.cli(&["HGET", HISTORY, "stored_bytes"])?.parse()?;
    assert!(stored <= BYTES, "{stored} bytes are kept");
    let mut known = Vec::new();
    for n in (0..180).step_by(6) {
        let (revision, key, value) = &all[n];
        let ran = fleet.sluice.run(&["get", key, "--at", revision])?;
        match ran.code {
            0 => assert_eq!(&ran.stdout, value, "{key} at {revision}"),
            _ => assert!(ran.code == 1 && ran.stderr.contains("older than what is kept"), "{ran:?}"),
        }
        known.push(ran.code == 0);
    }
    assert!(!known[0] && known.is_sorted() && known.last() == Some(&true), "the oldest go first: {known:?}");
    assert_eq!(at(&fleet, "app/deleted", &deleted)?.as_deref(), Some(r#"{"max": 7}"#), "the newest of each key stays");
    assert_eq!(fleet.sluice.json(&["rollback", "app/deleted"])?["outcome"], "applied");
    fleet.sluice.ok(&["snapshot", "verify"])?;
    Ok(())
}
