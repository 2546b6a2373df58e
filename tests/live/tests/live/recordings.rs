//! Changes that hosts have seen, put before another build.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sluice_artifacts::fixtures;
use sluice_live::{Fleet, Sluice};

/// What was replayed: how it ended, and its rows.
fn replayed(sluice: &Sluice, args: &[&str]) -> Result<(i32, Vec<Value>)> {
    let ran = sluice.run(&[&["validator", "replay", "-o", "json"], args].concat())?;
    let told: Value = serde_json::from_str(&ran.stdout).with_context(|| format!("{ran:?}"))?;
    Ok((ran.code, told["items"].as_array().context("items")?.clone()))
}

fn bind(fleet: &Fleet, most: u64) -> Result<()> {
    let settings = json!({"/max": [1, most]}).to_string();
    let args = ["validator", "bind", "limits", "bounds", "--keys", "app/**", "--settings", &settings, "--wait=all"];
    fleet.sluice.ok(&args)?;
    Ok(())
}

#[test]
fn a_new_build_is_asked_about_what_hosts_have_seen() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let put = |key: &str, max: u64| fleet.xadd(&[&format!("put:{key}"), &format!(r#"{{"max": {max}}}"#)]);
    let unbound = put("app/a.json", 60)?;
    bind(&fleet, 100)?;
    let (passed, refused) = (put("app/a.json", 70)?, put("app/a.json", 700)?);
    put("web/a.json", 700)?;
    bind(&fleet, 50)?;
    assert!(fleet.verdict(&put("app/b.json", 55)?)?.starts_with("rejected: limits"));

    let tape = fleet.file("tape.jsonl", "")?;
    let record = ["validator", "record", "--from-log", "--out", &tape, "--binding", "limits"];
    assert_eq!(fleet.sluice.json(&record)?["changes"], 4);
    // Nothing is needed beside the file: there is no Redis here.
    let alone = fleet.sluice.over("redis://127.0.0.1:1");
    let flips = |settings: &str| -> Result<Vec<String>> {
        let (code, rows) = replayed(&alone, &[&tape, "bounds", "--settings", settings])?;
        assert_eq!(code, i32::from(!rows.is_empty()));
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Ok(rows.iter().map(|row| ["revision", "was", "now", "by"].map(|name| text(row, name)).join(" ")).collect())
    };
    assert_eq!(flips(r#"{"/max": [1, 1000]}"#)?.len(), 2, "700 and 55 pass now");
    let strict = flips(r#"{"/max": [1, 55]}"#)?;
    assert_eq!(
        strict,
        [format!("{unbound} accept reject outcome"), format!("{passed} accept reject binding"), strict[2].clone()]
    );
    assert!(!strict.iter().any(|row| row.contains(&refused)), "it is refused as it was: {strict:?}");
    let (_, rows) = replayed(&fleet.sluice, &[&tape, "bounds", "--binding", "limits"])?;
    assert_eq!(rows.len(), 2, "by the settings of today the first two are refused: {rows:?}");
    assert_eq!(rows[0]["findings"][0]["code"], "out-of-bounds");
    Ok(())
}

#[test]
fn what_a_validator_looked_up_is_recorded_too() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let component = fleet.file("looks_up.wasm", fixtures::LOOKS_UP)?;
    let digest = fleet.sluice.ok(&["validator", "push", &component])?;
    let binding = json!({"keys": ["app/*"], "reads": ["tls/*"], "component": digest.trim()}).to_string();
    fleet.xadd(&["put:_sluice/validators/routes", &binding])?;
    fleet.xadd(&["put:tls/a", "old"])?;
    let seen = fleet.xadd(&["put:app/route", "get tls/a", "x-ticket", "7"])?;
    fleet.xadd(&["put:tls/a", "new"])?;
    fleet.xadd(&["put:app/route", "get tls/a"])?;
    fleet.xadd(&["put:app/other", "get web/a"])?;

    let tape = fleet.file("tape.jsonl", "")?;
    let record = ["validator", "record", "--from-log", "--out", &tape];
    fleet.sluice.ok(&[&record[..], &["--binding", "routes"]].concat())?;
    let lines = std::fs::read_to_string(&tape)?;
    let lines: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let found = |line: &Value| line["recorded"]["findings"][0]["message"].to_string();
    assert_eq!(lines.len(), 4);
    assert!(found(&lines[1]).contains("old") && found(&lines[2]).contains("new"), "{lines:#?}");
    assert_eq!(lines[3]["recorded"]["decision"], "trap", "web/a is not read");
    assert_eq!(replayed(&fleet.sluice, &[&tape, &component])?, (0, Vec::new()));
    let traps = fleet.file("traps.wasm", fixtures::TRAPS)?;
    let (code, rows) = replayed(&fleet.sluice, &[&tape, &traps])?;
    assert!(code == 1 && rows.len() == 2 && rows[0]["why"].to_string().contains("edits are too many"), "{rows:#?}");

    // By keys alone: what became of them is what was.
    fleet.sluice.ok(&[&record[..], &["--keys", "app/*", "--keys", "tls/*", "--limit", "4"]].concat())?;
    fleet.sluice.ok(&[&record[..], &["--keys", "app/*", "--since", &seen]].concat())?;
    assert_eq!(std::fs::read_to_string(&tape)?.lines().count(), 3);
    assert_eq!(fleet.sluice.run(&[&record[..], &["--keys", "nobody"]].concat())?.code, 1);
    assert_eq!(fleet.sluice.run(&[&record[..], &["--binding", "nobody"]].concat())?.code, 2);
    Ok(())
}
