//! `sluice put` and `sluice delete`: what publishers see.

use anyhow::Result;
use sluice_live::Fleet;

const SCHEMA: &str = r#"{"schema": {"type": "object", "required": ["max"], "properties": {
    "max": {"type": "integer", "maximum": 100}, "currencies": {"type": "array", "items": {"type": "string"}}}}}"#;
const BAD: &str = r#"{"max": 250, "currencies": ["EUR", 7]}"#;

fn with_schema(hosts: usize) -> Result<Fleet> {
    let fleet = Fleet::start(hosts)?;
    let schema = ["--keys", "app/*.json", "--settings", SCHEMA];
    fleet.sluice.ok(&[&["validator", "bind", "limits", "json-schema"], &schema[..]].concat())?;
    fleet.sluice.ok(&["put", "app/limits.json", r#"{"max": 80}"#, "--wait"])?;
    Ok(fleet)
}

#[test]
fn a_put_prints_its_revision_and_its_outcome() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let ran = fleet.sluice.run(&["put", "app/a", "1", "--reason", "because", "--as", "mei"])?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let revision = fleet.server.cli(&["--raw", "XREVRANGE", "sluice:{shop}:log", "+", "-", "COUNT", "1"])?;
    let revision = revision.lines().next().unwrap_or_default();
    assert_eq!(ran.stdout, format!("revision\t{revision}\noutcome\tapplied\n"));
    assert_eq!(fleet.hosts[0].value("app/a")?, Some(b"1".to_vec()));
    let ran = fleet.sluice.run(&["delete", "app/a"])?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(fleet.hosts[0].value("app/a")?, None);
    Ok(())
}

#[test]
fn a_refused_put_ends_with_1_and_shows_where_the_value_is_wrong() -> Result<()> {
    let fleet = with_schema(1)?;
    let ran = fleet.sluice.run(&["put", "app/limits.json", BAD])?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("outcome\trejected\n"), "{ran:?}");
    for place in ["app/limits.json#/max", "app/limits.json#/currencies/1"] {
        assert!(ran.stdout.contains(place), "{place}: {ran:?}");
    }
    assert_eq!(fleet.hosts[0].value("app/limits.json")?, Some(br#"{"max": 80}"#.to_vec()));
    Ok(())
}

#[test]
fn a_put_in_json_says_which_form_it_has() -> Result<()> {
    let fleet = with_schema(1)?;
    let good = fleet.sluice.json(&["put", "app/limits.json", r#"{"max": 7}"#])?;
    assert_eq!((&good["apiVersion"], &good["kind"]), (&"sluice/v1".into(), &"Outcome".into()));
    assert_eq!(good["findings"], serde_json::json!([]));
    let bad = fleet.sluice.json(&["put", "app/limits.json", BAD])?;
    assert_eq!((&bad["apiVersion"], &bad["outcome"]), (&"sluice/v1".into(), &"rejected".into()));
    let findings = bad["findings"].as_array().cloned().unwrap_or_default();
    let at = |pointer: &str| findings.iter().any(|finding| finding["pointer"] == pointer);
    assert!(at("/max") && at("/currencies/1"), "{bad:#}");
    Ok(())
}

#[test]
fn a_dry_run_tells_the_same_outcome_and_appends_nothing() -> Result<()> {
    let fleet = with_schema(1)?;
    for (value, code, outcome) in [(BAD, 1, "rejected"), (r#"{"max": 9}"#, 0, "applied")] {
        let before = fleet.entries()?;
        let dry = fleet.sluice.run(&["put", "app/limits.json", value, "--dry-run"])?;
        assert_eq!(dry.code, code, "{dry:?}");
        assert!(dry.stdout.contains(&format!("outcome\t{outcome}\n")), "{dry:?}");
        assert!(dry.stderr.contains("nothing was appended"), "{dry:?}");
        assert_eq!(fleet.entries()?, before);
        let wet = fleet.sluice.run(&["put", "app/limits.json", value])?;
        let after_revision = |text: &str| text.split_once('\n').map(|(_, rest)| rest.to_owned());
        assert_eq!((wet.code, after_revision(&wet.stdout)), (dry.code, after_revision(&dry.stdout)));
        assert_eq!(fleet.entries()?, before + 1);
    }
    let lost = fleet.sluice.run(&["put", "app/limits.json", "{\"max\": 1}", "--base", "7-7", "--dry-run"])?;
    assert_eq!(lost.code, 4, "{lost:?}");
    Ok(())
}

#[test]
fn a_dry_run_judges_a_value_that_would_go_to_a_blob() -> Result<()> {
    let fleet = with_schema(1)?;
    let large = |max: u32| format!(r#"{{"max": {max}, "currencies": ["{}"]}}"#, "x".repeat(2 << 20));
    let (good, bad) = (fleet.file("large/limits.json", large(9))?, fleet.file("bad/limits.json", large(250))?);
    let before = fleet.entries()?;
    for (file, code, place) in [(&good, 0, "outcome\tapplied"), (&bad, 1, "app/limits.json#/max")] {
        let put = fleet.sluice.run(&["put", "app/limits.json", &format!("@{file}"), "--dry-run"])?;
        assert!(put.code == code && put.stdout.contains(place), "{put:?}");
        let apply = fleet.sluice.run(&["apply", "-f", file, "--prefix", "app", "--dry-run"])?;
        assert_eq!((apply.code, apply.stdout), (put.code, put.stdout));
        let check = fleet.sluice.run(&["check", "app/limits.json", &format!("@{file}")])?;
        assert_eq!(check.code, code, "{check:?}");
    }
    assert_eq!(fleet.entries()?, before);
    assert_eq!(fleet.server.cli(&["--raw", "KEYS", "sluice:{shop}:blob:*"])?.lines().count(), 1, "the validator's own");
    let wet = fleet.sluice.run(&["put", "app/limits.json", &format!("@{good}")])?;
    assert_eq!(wet.code, 0, "{wet:?}");
    Ok(())
}

#[test]
fn a_put_that_waits_for_all_returns_when_every_host_has_it() -> Result<()> {
    let fleet = Fleet::start(3)?;
    for round in 0..5 {
        let ran = fleet.sluice.run(&["put", "k", &round.to_string(), "--wait=all"])?;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.contains("3 of 3 hosts have it"), "{ran:?}");
        for host in &fleet.hosts {
            assert_eq!(host.value("k")?, Some(round.to_string().into_bytes()), "{}", host.id);
        }
    }
    Ok(())
}

#[test]
fn a_put_that_waits_for_a_stopped_host_gives_up_in_time_and_says_so() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    fleet.hosts[1].process().signal(rustix::process::Signal::STOP)?;
    let ran = fleet.sluice.run(&["put", "k", "1", "--wait=all", "--timeout", "10s"])?;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("is appended, but only 1 of 2 hosts have it"), "{ran:?}");
    let ran = fleet.sluice.run(&["put", "k", "2", "--wait=50%"])?;
    assert_eq!(ran.code, 0, "{ran:?}");
    fleet.hosts[1].process().signal(rustix::process::Signal::CONT)?;
    Ok(())
}

#[test]
fn without_a_host_the_outcome_is_worked_out_on_the_spot() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let ran = fleet.sluice.run(&["put", "k", "1"])?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("no host is up"), "{ran:?}");
    let ran = fleet.sluice.run(&["put", "k", "2", "--base", "0"])?;
    assert_eq!(ran.code, 4, "{ran:?}");
    Ok(())
}

#[test]
fn values_come_from_stdin_and_from_files_too() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let ran = fleet.sluice.fed(&["put", "a", "-"], b"from\0stdin")?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let file = fleet.file("value", b"from a file")?;
    fleet.sluice.ok(&["put", "b", &format!("@{file}"), "--type", "text/plain"])?;
    fleet.sluice.ok(&["put", "c", "@@home"])?;
    for (key, value) in [("a", "from\0stdin"), ("b", "from a file"), ("c", "@home")] {
        assert_eq!(fleet.hosts[0].value(key)?, Some(value.as_bytes().to_vec()), "{key}");
    }
    assert_eq!(fleet.hosts[0].ask("GET", "/v1/keys/b", &[], &[])?.header("content-type"), "text/plain");
    let ran = fleet.sluice.run(&["put", "d", "@/no/such/file"])?;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("/no/such/file"), "{ran:?}");
    Ok(())
}
