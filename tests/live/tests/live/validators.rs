//! Validators at work: what they refuse is refused by every host alike, and those that mean harm do none.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sluice_artifacts::fixtures;
use sluice_live::Fleet;

const SCHEMA: &str = r#"{"schema": {"type": "object", "required": ["max"], "properties": {
    "max": {"type": "integer", "maximum": 100}}, "additionalProperties": false}}"#;

fn bind(fleet: &Fleet, name: &str, component: &str, keys: &str, more: &[&str]) -> Result<()> {
    let args = ["validator", "bind", name, component, "--keys", keys, "--wait=all"];
    fleet.sluice.ok(&[&args, more].concat())?;
    Ok(())
}

#[test]
fn three_hosts_refuse_the_same_change_and_serve_the_old_value_also_after_a_restart() -> Result<()> {
    let mut fleet = Fleet::start(3)?;
    bind(&fleet, "limits", "json-schema", "app/**", &["--settings", SCHEMA])?;
    let good = fleet.xadd(&["put:app/limits.yaml", "max: 80\n"])?;
    assert_eq!(fleet.verdict(&good)?, "applied");
    let bad = [r#"{"max": 250}"#, r#"{"max": "many"}"#, "{}", "max: 1\nmin: 0\n", "{", "\u{1}", ""];
    let mut verdicts = Vec::new();
    for value in bad {
        let revision = fleet.xadd(&["put:app/limits.yaml", value, "author", "mei"])?;
        let verdict = fleet.verdict(&revision)?;
        assert!(verdict.starts_with("rejected: limits: "), "{value:?}: {verdict}");
        verdicts.push((revision, verdict));
    }
    let last = fleet.xadd(&["put:other", "1"])?;
    let before = fleet.converge(&last);
    for at in 0..3 {
        let id = fleet.hosts[at].id.clone();
        fleet.hosts.remove(at).kill()?;
        fleet.hosts.insert(at, fleet.host(&id, &[])?);
    }
    let after = fleet.converge(&last);
    assert_eq!((&after["root"], &after["chain"]), (&before["root"], &before["chain"]));
    assert_eq!(fleet.value("app/limits.yaml", &last)?, Some(b"max: 80\n".to_vec()));
    for (revision, verdict) in verdicts {
        assert_eq!(fleet.verdict(&revision)?, verdict, "hosts forgot why");
    }
    Ok(())
}

#[test]
fn a_rule_that_monitors_tells_the_publisher_what_it_would_have_refused() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let settings = ["--settings", r#"{"/max": [1, 100]}"#, "--mode"];
    bind(&fleet, "limits", "bounds", "app/**", &[&settings[..], &["monitor"]].concat())?;
    let told = fleet.sluice.ok(&["put", "app/a.json", r#"{"max": 900}"#, "-o", "json"])?;
    let told: Value = serde_json::from_str(&told)?;
    assert_eq!(told["outcome"], "applied");
    let codes: Vec<&Value> = told["findings"].as_array().context("findings")?.iter().map(|f| &f["code"]).collect();
    assert_eq!(codes, ["monitored", "out-of-bounds"]);
    bind(&fleet, "limits", "bounds", "app/**", &[&settings[..], &["enforce"]].concat())?;
    let bad = fleet.xadd(&["put:app/a.json", r#"{"max": 901}"#])?;
    assert!(fleet.verdict(&bad)?.starts_with("rejected: limits: "));
    assert_eq!(fleet.value("app/a.json", &bad)?, Some(br#"{"max": 900}"#.to_vec()));
    Ok(())
}

#[test]
fn a_rule_bound_later_judges_what_comes_after_it() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let before = fleet.xadd(&["put:app/a.json", r#"{"max": 900}"#])?;
    assert_eq!(fleet.verdict(&before)?, "applied");
    bind(&fleet, "limits", "bounds", "app/**", &["--settings", r#"{"/max": [1, 100]}"#])?;
    let bad = fleet.xadd(&["put:app/a.json", r#"{"max": 901}"#])?;
    assert_eq!(fleet.verdict(&bad)?, "rejected: limits: 901 is not within 1 to 100");
    assert_eq!(fleet.value("app/a.json", &bad)?, Some(br#"{"max": 900}"#.to_vec()));
    fleet.sluice.ok(&["validator", "unbind", "limits", "--wait=all"])?;
    assert_eq!(fleet.sluice.run(&["validator", "unbind", "limits"])?.code, 1, "it is gone");
    let digest = blake3::hash(sluice_artifacts::BOUNDS).to_hex().to_string();
    let file = tempfile::NamedTempFile::new()?;
    fleet.sluice.ok(&["validator", "pull", &digest, &file.path().display().to_string()])?;
    assert!(std::fs::read(file.path())? == sluice_artifacts::BOUNDS);
    let free = fleet.xadd(&["put:app/a.json", r#"{"max": 901}"#])?;
    assert_eq!(fleet.verdict(&free)?, "applied");
    fleet.converge(&free);
    Ok(())
}

#[test]
fn a_binding_that_cannot_work_is_refused_and_the_old_one_stays() -> Result<()> {
    let fleet = Fleet::start(2)?;
    bind(&fleet, "limits", "json-schema", "app/**", &["--settings", SCHEMA])?;
    let digest = fleet.sluice.ok(&["validator", "push", "json-schema"])?;
    let document = |settings: &str, component: &str| {
        format!(r#"{{"keys": ["app/**"], "component": "{component}", "settings": {settings}}}"#)
    };
    for (binding, part) in [
        ("{".to_owned(), "EOF"),
        (document("{}", "beef"), "64 hex digits"),
        (document("{}", &"beef".repeat(16)), "was not announced"),
        (document("{}", digest.trim()), "schema"),
        (document(r#"{"schema": {"type": 7}}"#, digest.trim()), "schema"),
    ] {
        let revision = fleet.xadd(&["put:_sluice/validators/limits", &binding])?;
        let verdict = fleet.verdict(&revision)?;
        assert!(verdict.starts_with("rejected: limits: ") && verdict.contains(part), "{binding}: {verdict}");
    }
    let none = fleet.sluice.run(&["validator", "bind", "limits", "json-schema", "--keys", "a//b"])?;
    assert_eq!(none.code, 2, "{none:?}");
    let bad = fleet.xadd(&["put:app/a.json", r#"{"max": 900}"#])?;
    assert!(fleet.verdict(&bad)?.starts_with("rejected: limits: "));
    Ok(())
}

#[test]
fn a_rule_and_what_it_judges_cannot_change_places() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let digest = fleet.sluice.ok(&["validator", "push", "bounds"])?;
    let component = digest.trim();
    // All at once, so that a host which judged out of order would show it.
    let mut expected = Vec::new();
    for most in 1..20 {
        let binding = json!({"keys": ["app/*"], "component": component, "settings": {"/max": [0, most]}}).to_string();
        expected.push((fleet.xadd(&["put:_sluice/validators/limits", &binding])?, true));
        for max in [most, most + 1] {
            expected.push((fleet.xadd(&["put:app/a", &format!("{{\"max\": {max}}}")])?, max <= most));
        }
    }
    for (revision, is_applied) in expected {
        let verdict = fleet.verdict(&revision)?;
        assert_eq!(verdict == "applied", is_applied, "{revision}: {verdict}");
    }
    Ok(())
}

#[test]
fn validators_that_mean_harm_refuse_their_own_keys_and_nothing_else() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let hostile: [(&str, &[u8]); 6] = [
        ("never_ends", fixtures::NEVER_ENDS),
        ("eats_memory", fixtures::EATS_MEMORY),
        ("recurses", fixtures::RECURSES),
        ("traps", fixtures::TRAPS),
        ("says_too_much", fixtures::SAYS_TOO_MUCH),
        ("lies", fixtures::LIES),
    ];
    for (name, component) in hostile {
        let file = fleet.file(&format!("{name}.wasm"), component)?;
        bind(&fleet, name, &file, &format!("{name}/**"), &["--fuel", "50000000", "--memory-bytes", "16777216"])?;
    }
    for (name, _) in hostile {
        let revision = fleet.xadd(&[&format!("put:{name}/a"), "1"])?;
        let verdict = fleet.verdict(&revision)?;
        assert!(verdict.starts_with(&format!("rejected: {name}: ")), "{verdict}");
        assert!(verdict.len() < 2000 && verdict.chars().all(|c| !c.is_control()), "{verdict:?}");
        let other = fleet.xadd(&["put:other", name])?;
        assert_eq!(fleet.value("other", &other)?, Some(name.as_bytes().to_vec()));
        assert_eq!(fleet.value(&format!("{name}/a"), &other)?, None);
    }
    fleet.converge(&fleet.xadd(&["put:end", "1"])?);
    Ok(())
}

#[test]
fn the_ready_made_validators_refuse_what_they_are_for() -> Result<()> {
    let fleet = Fleet::start(1)?;
    bind(&fleet, "secrets", "no-secrets", "app/**", &[])?;
    bind(&fleet, "shape", "size-and-shape", "app/**", &["--settings", r#"{"bytes_max": 100, "depth_max": 2}"#])?;
    let windows = r#"{"windows": [{"from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "reason": "audit"}],
        "except": [{"metadata": "x-emergency"}]}"#;
    bind(&fleet, "freeze", "freeze-window", "frozen/**", &["--settings", windows])?;
    let rules = r#"{"rules": [{"expr": "old == null || new.max <= 2 * old.max", "message": "at most doubled"}]}"#;
    bind(&fleet, "rules", "expression", "limits/**", &["--settings", rules])?;
    for (fields, verdict) in [
        (&["put:app/a.yaml", "password: ${DB}"] as &[&str], "applied"),
        (&["put:app/a.yaml", "password: x7Qp9-zKv1"], "rejected: secrets: "),
        (&["put:app/a.yaml", "[[[1]]]"], "rejected: shape: 3 levels"),
        (&["put:frozen/a", "1"], "rejected: freeze: no changes until 2100-01-01T00:00:00Z: audit"),
        (&["put:frozen/a", "1", "x-emergency", "INC-7"], "applied"),
        (&["put:limits/a", r#"{"max": 5}"#], "applied"),
        (&["put:limits/a", r#"{"max": 11}"#], "rejected: rules: at most doubled"),
    ] {
        let found = fleet.verdict(&fleet.xadd(fields)?)?;
        assert!(found.starts_with(verdict) && !found.contains("x7Qp9"), "{fields:?}: {found}");
    }
    Ok(())
}

#[test]
fn a_validator_remembers_nothing_from_one_change_to_the_next() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let file = fleet.file("remembers.wasm", fixtures::REMEMBERS)?;
    bind(&fleet, "remembers", &file, "app/**", &[])?;
    for value in ["1", "2", "3"] {
        let revision = fleet.xadd(&["put:app/a", value])?;
        assert_eq!(fleet.verdict(&revision)?, "applied");
    }
    Ok(())
}

#[test]
fn check_runs_what_the_edge_would_run_and_appends_nothing() -> Result<()> {
    let fleet = Fleet::start(1)?;
    bind(&fleet, "limits", "json-schema", "app/**", &["--settings", SCHEMA])?;
    let before = fleet.entries()?;
    let check = |key: &str, value: &str| fleet.sluice.run(&["check", key, value]);
    assert_eq!(check("app/a.json", r#"{"max": 7}"#)?.code, 0);
    assert_eq!(check("web/a.json", r#"{"max": 700}"#)?.code, 0);
    let bad = check("app/a.json", r#"{"max": 700}"#)?;
    assert_eq!(bad.code, 1, "{bad:?}");
    assert!(bad.stdout.contains("app/a.json#/max"), "{bad:?}");
    assert_eq!(fleet.entries()?, before);
    Ok(())
}

#[test]
fn components_can_be_listed_looked_into_and_tried() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let bounds = ["--settings", r#"{"/max": [1, 100]}"#];
    bind(&fleet, "limits", "bounds", "app/**", &bounds)?;
    let listed = fleet.sluice.json(&["validator", "ls"])?;
    let item = listed["items"].get(0).context("one is bound")?;
    assert_eq!((&item["name"], &item["keys"]), (&"limits".into(), &json!(["app/**"])), "{listed:#}");
    assert_eq!(item["component"], blake3::hash(sluice_artifacts::BOUNDS).to_hex().as_str());

    let digest = fleet.sluice.ok(&["validator", "push", "bounds"])?;
    for component in ["bounds", digest.trim()] {
        let inspected = fleet.sluice.json(&["validator", "inspect", component])?;
        let imports = json!(["sluice:validator/log@1.0.0"]);
        assert_eq!((&inspected["verdict"], &inspected["imports"]), (&"ok".into(), &imports), "{inspected:#}");
    }
    let stranger = fleet.file("stranger.wasm", b"\0asm not")?;
    let refused = fleet.sluice.run(&["validator", "inspect", &stranger])?;
    assert_eq!(refused.code, 1, "{refused:?}");
    let refused = fleet.sluice.run(&["validator", "push", &stranger])?;
    assert_eq!(refused.code, 1, "{refused:?}");

    let tried = |value: &str, code: i32| -> Result<Value> {
        let args = [&["validator", "run", "bounds", value, "--key", "app/a.json"], &bounds[..]].concat();
        assert_eq!(fleet.sluice.run(&args)?.code, code, "{value}");
        fleet.sluice.json(&args)
    };
    assert_eq!(tried(r#"{"max": 7}"#, 0)?["verdict"], "accept");
    let rejected = tried(r#"{"max": 700}"#, 1)?;
    assert_eq!((&rejected["verdict"], &rejected["findings"][0]["pointer"]), (&"reject".into(), &"/max".into()));
    assert!(rejected["fuel"].as_u64().is_some_and(|fuel| fuel > 0), "{rejected:#}");
    Ok(())
}

#[test]
fn a_component_that_is_missing_holds_its_binding_and_not_the_rest() -> Result<()> {
    // What was compiled before needs no component; so nothing was.
    let fleet = Fleet::passing(1)?;
    let digest = blake3::hash(sluice_artifacts::BOUNDS).to_hex().to_string();
    let binding = format!(r#"{{"keys": ["app/**"], "component": "{digest}", "settings": {{"/max": [1, 100]}}}}"#);
    let announcement = format!("put:_sluice/components/{digest}");
    let bound = fleet.xadd(&["put:_sluice/validators/limits", &binding, &announcement, "{}"])?;
    let elsewhere = fleet.xadd(&["put:web/a", "1"])?;
    fleet.hosts[0].passes(&elsewhere);
    assert_eq!(fleet.hosts[0].value("web/a")?, Some(b"1".to_vec()));
    let status = sluice_live::wait_for("the host to miss the component", || {
        let status = fleet.hosts[0].status().ok()?;
        (status["held"][0]["tries"].as_u64()? > 0).then_some(status)
    });
    assert_eq!(status["held"][0]["revision"], bound.as_str(), "{status:#}");
    let component = sluice_artifacts::BOUNDS;
    fleet.server.cli_fed(&["SET", &format!("sluice:{{shop}}:blob:{digest}")], component)?;
    let bad = fleet.xadd(&["put:app/a", r#"{"max": 0}"#])?;
    fleet.converge(&bad);
    assert_eq!(fleet.verdict(&bound)?, "applied");
    assert_eq!(fleet.verdict(&bad)?, "rejected: limits: 0 is not within 1 to 100");
    Ok(())
}

#[test]
fn a_rule_over_two_documents_holds_on_every_host() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let settings = r#"{"references": [{"in": "routes/*", "at": "/upstream", "to": "upstreams/{}"}]}"#;
    let both = ["--keys", "upstreams/*", "--reads", "routes/*", "upstreams/*", "--settings", settings];
    bind(&fleet, "references", "references", "routes/*", &both)?;
    let early = fleet.xadd(&["put:routes/shop", r#"{"upstream": "a"}"#])?;
    let refused = "rejected: references: `a` refers to upstreams/a, which does not exist";
    assert_eq!(fleet.verdict(&early)?, refused);
    fleet.xadd(&["put:upstreams/a", "{}"])?;
    let route = fleet.xadd(&["put:routes/shop", r#"{"upstream": "a"}"#])?;
    assert_eq!(fleet.verdict(&route)?, "applied");
    let delete = fleet.xadd(&["del:upstreams/a", ""])?;
    assert_eq!(fleet.verdict(&delete)?, "rejected: references: routes/shop still refers to it");
    let together = fleet.xadd(&["del:upstreams/a", "", "del:routes/shop", ""])?;
    assert_eq!(fleet.verdict(&together)?, "applied");
    fleet.converge(&together);
    Ok(())
}
