//! Reading over HTTP: values, listings, waits, health, metrics.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use sluice_live::{Fleet, Host};

fn one() -> Result<(Fleet, String)> {
    let fleet = Fleet::start(1)?;
    let revision = fleet.xadd(&["put:app/limits.json", "{}", "put:app/db", "x", "put:web/a", "1"])?;
    fleet.converge(&revision);
    Ok((fleet, revision))
}

#[test]
fn a_value_comes_with_its_tag_and_is_not_sent_twice() -> Result<()> {
    let (fleet, revision) = one()?;
    let host = &fleet.hosts[0];
    let reply = host.ask("GET", "/v1/keys/app/limits.json", &[], &[])?;
    assert_eq!((reply.code, reply.text().as_str()), (200, "{}"));
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("sluice-revision"), revision);
    assert!(reply.header("sluice-age-ms").parse::<u64>()? < 60_000);
    let tag = reply.header("etag");
    assert_eq!(tag, format!("\"{}\"", &blake3::hash(b"{}").to_hex()[..32]));
    for known in [tag, &format!("\"other\", {tag}"), &format!("W/{tag}"), "*"] {
        let again = host.ask("GET", "/v1/keys/app/limits.json", &[("If-None-Match", known)], &[])?;
        assert_eq!((again.code, again.body.len(), again.header("etag")), (304, 0, tag), "{known}");
    }
    let head = host.ask("HEAD", "/v1/keys/app%2Flimits.json", &[], &[])?;
    assert_eq!((head.code, head.body.len(), head.header("content-length")), (200, 0, "2"));
    let changed = fleet.xadd(&["put:app/limits.json", "[]"])?;
    fleet.converge(&changed);
    let new = host.ask("GET", "/v1/keys/app/limits.json", &[("If-None-Match", tag)], &[])?;
    assert_eq!((new.code, new.text().as_str()), (200, "[]"));
    Ok(())
}

#[test]
fn what_is_not_there_or_makes_no_sense_is_a_problem_document() -> Result<()> {
    let (fleet, revision) = one()?;
    let host = &fleet.hosts[0];
    for (method, path, code, part) in [
        ("GET", "/v1/keys/app/none", 404, format!("key \"app/none\" is absent at revision {revision}")),
        ("GET", "/v1/keys/a//b", 400, "write it as \"a/b\"".to_owned()),
        ("GET", "/v1/keys/%ff", 400, "keys are segments of".to_owned()),
        ("GET", "/v1/nothing", 404, "values are under /v1/keys/".to_owned()),
        ("GET", "/v1/keys?limt=3", 400, "unknown parameter \"limt\"".to_owned()),
        ("GET", "/v1/keys?limit=0", 400, "write a number from 1 to".to_owned()),
        ("GET", "/v1/entries/yesterday", 400, "yesterday".to_owned()),
        ("GET", "/v1/entries/1-1", 404, "the log has no entry 1-1".to_owned()),
        ("POST", "/v1/status", 405, "this path takes GET, HEAD".to_owned()),
    ] {
        let reply = host.ask(method, path, &[], &[])?;
        assert_eq!((reply.code, reply.header("content-type")), (code, "application/problem+json"), "{path}");
        let problem = reply.json();
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(&part)), "{path}: {problem:#}");
        assert_eq!(problem["status"], code);
    }
    Ok(())
}

#[test]
fn a_listing_comes_in_pages_that_know_where_they_began() -> Result<()> {
    let (fleet, _) = one()?;
    let host = &fleet.hosts[0];
    let keys: Vec<String> = (0..25).map(|at| format!("put:list/{at:02}")).collect();
    let fields: Vec<&str> = keys.iter().flat_map(|key| [key.as_str(), "v"]).collect();
    let revision = fleet.xadd(&fields)?;
    fleet.converge(&revision);
    let (mut found, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = host.ask("GET", &format!("/v1/keys?prefix=list/&limit=10{after}"), &[], &[])?;
        let document = page.json();
        assert_eq!((&document["began"], page.header("sluice-revision")), (&json!(revision), revision.as_str()));
        let rows = document["keys"].as_array().context("keys are a list")?;
        found.extend(rows.iter().map(|row| row["key"].as_str().unwrap_or_default().to_owned()));
        assert!(rows.iter().all(|row| row["value"] == "v"));
        pages += 1;
        match document["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!((pages, found.len(), found.is_sorted()), (3, 25, true));
    let bare = host.ask("GET", "/v1/keys?prefix=app/&keys_only", &[], &[])?.json();
    let rows = bare["keys"].as_array().context("keys are a list")?;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.get("value").is_none() && row["bytes"].is_u64()));
    Ok(())
}

#[test]
fn a_long_poll_answers_at_the_change() -> Result<()> {
    let (fleet, revision) = one()?;
    let url = fleet.hosts[0].url("");
    for path in [
        format!("/v1/keys/app/db?wait=50s&since={revision}"),
        format!("/v1/keys?prefix=app/&wait=50s&since={revision}"),
    ] {
        let base = fleet.hosts[0].status()?["revision"].as_str().unwrap_or_default().to_owned();
        let path = path.replace(&revision, &base);
        let begun = Instant::now();
        let reply = std::thread::scope(|scope| {
            let poll = scope.spawn(|| sluice_live::http::ask("GET", &format!("{url}{path}"), &[], &[]));
            watched(&fleet.hosts[0], 1);
            fleet.xadd(&["put:web/a", "not this one"])?;
            fleet.xadd(&["put:app/db", "new"])?;
            poll.join().expect("the poll does not panic")
        })?;
        assert_eq!(reply.code, 200, "{}", reply.text());
        assert!(reply.text().contains("new") && begun.elapsed().as_secs() < 30, "{}", reply.text());
    }
    Ok(())
}

#[test]
fn a_long_poll_without_news_ends_with_304() -> Result<()> {
    let (fleet, revision) = one()?;
    let host = &fleet.hosts[0];
    for path in ["/v1/keys/app/db?wait=300ms&since=", "/v1/keys?prefix=app/&wait=300ms&since="] {
        let reply = host.ask("GET", &format!("{path}{revision}"), &[], &[])?;
        assert_eq!((reply.code, reply.body.len()), (304, 0), "{path}");
        assert_eq!(reply.header("sluice-revision"), revision);
    }
    let lost = host.ask("GET", "/v1/keys/app/db?wait=1s", &[], &[])?;
    assert_eq!(lost.code, 400, "{}", lost.text());
    Ok(())
}

#[test]
fn health_tells_living_from_ready() -> Result<()> {
    let (fleet, _) = one()?;
    for path in ["/livez", "/readyz", "/healthz"] {
        let reply = fleet.hosts[0].ask("GET", path, &[], &[])?;
        assert_eq!((reply.code, reply.text().as_str()), (200, "ok\n"), "{path}");
    }
    Ok(())
}

#[test]
fn metrics_tell_what_was_done_and_name_no_key() -> Result<()> {
    let (fleet, _) = one()?;
    let bounds = ["--keys", "app/**", "--settings", r#"{"/max": [1, 100]}"#, "--wait"];
    fleet.sluice.ok(&[&["validator", "bind", "limits", "bounds"], &bounds[..]].concat())?;
    let host = &fleet.hosts[0];
    for value in [r#"{"max": 7}"#, r#"{"max": 700}"#] {
        fleet.verdict(&fleet.xadd(&["put:app/limits.json", value])?)?;
    }
    host.value("app/limits.json")?;
    let text = host.ask("GET", "/metrics", &[], &[])?;
    assert!(text.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = text.text();
    for name in [
        "sluice_build_info",
        "sluice_revision_timestamp_seconds",
        "sluice_entries_total{outcome=\"applied\"}",
        "sluice_entries_total{outcome=\"rejected\"}",
        "sluice_propagation_seconds_count",
        "sluice_fold_seconds_count",
        "sluice_validator_seconds_count{validator=\"limits\"",
        "sluice_validator_verdicts_total{validator=\"limits\"",
        "sluice_validator_fuel_total{validator=\"limits\"",
        "sluice_config_age_seconds",
        "sluice_http_requests_total{route=\"/v1/keys/{key}\",code=\"200\"}",
        "sluice_watchers{surface=\"http\"}",
    ] {
        assert!(text.contains(name), "{name} is missing:\n{text}");
    }
    assert!(!text.contains("app/limits"), "a key is a label");
    let described = |name: &str| text.contains(&format!("# HELP {name} ")) && text.contains(&format!("# TYPE {name} "));
    assert!(described("sluice_entries_total") && described("sluice_fold_seconds"), "{text}");
    Ok(())
}

/// Waits until so many streams and polls are open at a host.
pub fn watched(host: &Host, count: usize) {
    let line = format!("sluice_watchers{{surface=\"http\"}} {count}");
    sluice_live::wait_for(&format!("{count} watchers"), || {
        let reply = host.ask("GET", "/metrics", &[], &[]).ok()?;
        reply.text().lines().any(|found| found == line).then_some(())
    });
}

#[test]
fn every_host_tells_about_the_fleet_and_without_redis_how_to_go_on() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    let revision = fleet.sluice.json(&["put", "k", "1", "--wait=all"])?["revision"].clone();
    for host in &fleet.hosts {
        let told = host.ask("GET", "/v1/hosts", &[], &[])?.json();
        let rows = told["hosts"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = rows.iter().filter_map(|row| row["host"].as_str()).collect();
        assert_eq!(names, ["edge-1", "edge-2"], "{told:#}");
        assert!(rows.iter().all(|row| row["report"]["revision"] == revision && row["seenMs"].is_u64()), "{told:#}");
        assert_eq!(rows[0]["report"]["address"], fleet.hosts[0].url(""));
    }
    fleet.server.kill()?;
    let away = fleet.hosts[0].ask("GET", "/v1/hosts", &[], &[])?;
    assert_eq!((away.code, away.header("content-type")), (503, "application/problem+json"), "{}", away.text());
    assert!(away.text().contains("see that it runs and retry"), "{}", away.text());
    Ok(())
}
