//! The commands that read: each answers from the log itself, and with `--host` from a host.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sluice_live::process::Process;
use sluice_live::{Fleet, wait_for};

/// Four entries, one of them bad, all seen by the host; and their revisions.
fn told() -> Result<(Fleet, Vec<String>)> {
    let fleet = Fleet::start(1)?;
    let entries = [
        &["put:app/a.json", "{\"n\":1}", "author", "mei", "reason", "first"][..],
        &["put:app/a.json", "{\"n\":2}", "put:web/b", "x\n", "author", "tom"],
        &["putt:app/a.json", "{}"],
        &["del:web/b", "", "put:app/c", "\u{1b}[31mred"],
    ];
    let revisions = entries.iter().map(|fields| fleet.xadd(fields)).collect::<Result<Vec<String>>>()?;
    fleet.converge(&revisions[3]);
    Ok((fleet, revisions))
}

#[test]
fn get_prints_the_bytes_and_nothing_else() -> Result<()> {
    let (fleet, at) = told()?;
    let url = fleet.hosts[0].url("");
    for more in [&[][..], &["--host", &url]] {
        let args = [&["get", "app/a.json"], more].concat();
        assert_eq!(fleet.sluice.ok(&args)?, "{\"n\":2}", "{more:?}");
        let shown = fleet.sluice.json(&args)?;
        let (kind, revision, value) = (&shown["kind"], &shown["revision"], &shown["value"]);
        assert_eq!((kind, revision, value), (&"Value".into(), &at[1].as_str().into(), &"{\"n\":2}".into()));
        assert_eq!(shown["apiVersion"], "sluice/v1");
        let absent = fleet.sluice.run(&[&["get", "app/none"], more].concat())?;
        assert_eq!((absent.code, absent.stdout.as_str()), (1, ""), "{absent:?}");
        assert!(absent.stderr.contains("key \"app/none\" is absent at revision"), "{absent:?}");
    }
    assert_eq!(fleet.sluice.ok(&["get", "app/a.json", "--at", &at[0]])?, "{\"n\":1}");
    assert_eq!(fleet.sluice.ok(&["get", "web/b", "--at", &at[2]])?, "x\n");
    Ok(())
}

#[test]
fn ls_lists_keys_in_order_by_prefix() -> Result<()> {
    let (fleet, at) = told()?;
    let url = fleet.hosts[0].url("");
    for more in [&[][..], &["--host", &url]] {
        let listed = fleet.sluice.json(&[&["ls"], more].concat())?;
        let items = listed["items"].as_array().context("items are a list")?;
        let keys: Vec<&Value> = items.iter().map(|item| &item["key"]).collect();
        assert_eq!(keys, ["app/a.json", "app/c"], "{more:?}");
        let first = json!([items[0]["revision"], items[0]["bytes"], items[0]["type"]]);
        assert_eq!(first, json!([at[1], 7, "application/json"]));
        assert_eq!(listed["apiVersion"], "sluice/v1");
        let narrow = fleet.sluice.ok(&[&["ls", "app/c", "-o", "name"], more].concat())?;
        assert_eq!(narrow, "app/c\n");
    }
    let wrong = fleet.sluice.run(&["ls", "app/*"])?;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    Ok(())
}

#[test]
fn history_tells_who_when_why_and_what_came_of_it() -> Result<()> {
    let (fleet, at) = told()?;
    let history = fleet.sluice.json(&["history", "app/a.json"])?;
    let items = history["items"].as_array().context("items are a list")?;
    let rows: Vec<_> = items.iter().map(|item| json!([item["revision"], item["outcome"], item["author"]])).collect();
    assert_eq!(rows[0], json!([at[1], "applied", "tom"]), "{history:#}");
    assert_eq!(rows.last(), Some(&json!([at[0], "applied", "mei"])));
    assert_eq!(items.last().map(|item| &item["reason"]), Some(&"first".into()));
    assert_eq!(fleet.sluice.run(&["history", "no/such"])?.code, 1);
    Ok(())
}

#[test]
fn show_tells_one_entry_with_its_outcome() -> Result<()> {
    let (fleet, at) = told()?;
    let shown = fleet.sluice.ok(&["show", &at[2]])?;
    assert!(shown.contains("outcome\tmalformed\n") && shown.contains("did you mean \"put:\"?"), "{shown}");
    let shown = fleet.sluice.json(&["show", &at[3]])?;
    let status = fleet.hosts[0].status()?;
    for name in ["root", "chain", "index"] {
        assert_eq!(shown[name], status[name], "{name}");
    }
    assert_eq!((&shown["apiVersion"], &shown["outcome"]), (&"sluice/v1".into(), &"applied".into()));
    let wild = fleet.sluice.ok(&["show", &at[3]])?;
    assert!(!wild.contains('\u{1b}'), "a stranger's value controls the terminal: {wild:?}");
    let none = fleet.sluice.run(&["show", "1-1"])?;
    assert_eq!(none.code, 1, "{none:?}");
    Ok(())
}

#[test]
fn diff_of_two_revisions_ends_with_1_when_they_differ() -> Result<()> {
    let (fleet, at) = told()?;
    let same = fleet.sluice.run(&["diff", &at[1], &at[2]])?;
    assert_eq!((same.code, same.stdout.as_str()), (0, ""), "{same:?}");
    let differs = fleet.sluice.run(&["diff", &at[0], &at[1]])?;
    assert_eq!(differs.code, 1, "{differs:?}");
    for line in ["--- a/app/a.json", "-{\"n\":1}", "+{\"n\":2}", "--- /dev/null", "+++ b/web/b", "+x"] {
        assert!(differs.stdout.lines().any(|found| found == line), "{line}: {differs:?}");
    }
    let listed = fleet.sluice.json(&["diff", &at[1], &at[3]])?;
    let items = json!([{"key": "app/c", "change": "added"}, {"key": "web/b", "change": "removed"}]);
    assert_eq!(listed["items"], items);
    Ok(())
}

#[test]
fn status_and_hosts_tell_whether_the_fleet_agrees() -> Result<()> {
    let fleet = Fleet::start(3)?;
    fleet.sluice.ok(&["put", "k", "1", "--wait=all"])?;
    let root = fleet.hosts[0].status()?["root"].clone();
    let status = fleet.sluice.json(&["status"])?;
    let items = status["items"].as_array().context("items are a list")?;
    assert_eq!(items.len(), 3, "{status:#}");
    assert!(items.iter().all(|item| item["root"] == root), "{status:#}");
    assert_eq!(fleet.sluice.run(&["status"])?.code, 0);
    let hosts = fleet.sluice.json(&["hosts"])?;
    assert_eq!((&hosts["apiVersion"], &hosts["items"][1]["host"]), (&"sluice/v1".into(), &"edge-2".into()));
    assert_eq!(hosts["items"][2]["address"], fleet.hosts[2].url(""));
    let one = fleet.sluice.ok(&["status", "edge-2"])?;
    assert!(one.contains("edge-2") && one.contains(root.as_str().unwrap_or("no root")), "{one}");
    let through = fleet.sluice.json(&["status", "--host", &fleet.hosts[1].url("")])?;
    assert_eq!(through["root"], root);
    assert_eq!(fleet.sluice.run(&["status", "edge-9"])?.code, 1);
    Ok(())
}

#[test]
fn a_watch_sees_each_change_in_order_and_ends_after_as_many_as_asked() -> Result<()> {
    let (fleet, at) = told()?;
    let url = fleet.hosts[0].url("");
    let from_log = fleet.sluice.ok(&["watch", "--from", &at[0], "--count", "4", "-o", "jsonl"])?;
    let seen: Vec<Value> = from_log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let seen: Vec<_> = seen.iter().map(|seen| json!([seen["key"], seen["operation"]])).collect();
    let expected = json!([["app/a.json", "put"], ["web/b", "put"], ["web/b", "delete"], ["app/c", "put"]]);
    assert_eq!(Value::from(seen), expected);
    for more in [&[][..], &["--host", &url]] {
        watches(&fleet, more)?;
    }
    Ok(())
}

/// A watch that begins now sees what comes, and runs a command for it.
fn watches(fleet: &Fleet, more: &[&str]) -> Result<()> {
    let program = "echo $SLUICE_OPERATION $SLUICE_KEY $(cat)";
    let args = [&["watch", "live/", "--count", "2"], more, &["--exec", "sh", "-c", program, ";"]].concat();
    let mut watch = Process::start(fleet.sluice.command(&args)?.stdout(Stdio::piped()))?;
    let lines = BufReader::new(watch.child().stdout.take().context("stdout is piped")?).lines();
    let ended = wait_for("the watch to see two changes", || {
        // It says nothing when it is ready, so changes are made until it has seen enough.
        fleet.xadd(&["put:live/k", "1", "put:other", "1"]).ok()?;
        watch.ended().transpose()
    })?;
    assert!(ended.success(), "{ended}");
    let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
    assert_eq!(lines, ["put live/k 1", "put live/k 1"], "{more:?}");
    Ok(())
}
