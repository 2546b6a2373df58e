//! Publishing over HTTP: only with the token, and with the outcome as the answer.

use anyhow::Result;
use serde_json::{Value, json};
use sluice_live::Fleet;
use sluice_live::http::Reply;

const TOKEN: &str = "Bearer 0123456789abcdef0123456789abcdef";

/// A host that lets publishers in, and one that does not.
fn open() -> Result<Fleet> {
    let mut fleet = Fleet::start(0)?;
    let token = fleet.file("token", TOKEN.trim_start_matches("Bearer "))?;
    let settings = fleet.file("sluice.toml", format!("publish_token_file = \"{token}\"\n"))?;
    fleet.hosts.push(fleet.host("edge-1", &["--settings", &settings])?);
    fleet.hosts.push(fleet.host("edge-2", &[])?);
    fleet.gather();
    Ok(fleet)
}

fn sent(fleet: &Fleet, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Reply> {
    let headers = [&[("Authorization", TOKEN)], headers].concat();
    fleet.hosts[0].ask(method, path, &headers, body.as_bytes())
}

fn revision(reply: &Reply) -> String {
    reply.json()["revision"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn without_the_token_nothing_is_published() -> Result<()> {
    let fleet = open()?;
    for (method, body) in [("PUT", &b"1"[..]), ("DELETE", b"")] {
        let ask = |at: usize, headers: &[(&str, &str)]| fleet.hosts[at].ask(method, "/v1/keys/k", headers, body);
        let closed = ask(1, &[("Authorization", TOKEN)])?;
        assert_eq!(closed.code, 403, "{}", closed.text());
        let bare = ask(0, &[])?;
        assert_eq!((bare.code, bare.header("www-authenticate")), (401, "Bearer"), "{}", bare.text());
        let wrong = ask(0, &[("Authorization", "Bearer 0123456789abcdef0123456789abcdee")])?;
        assert_eq!(wrong.code, 401, "{}", wrong.text());
        assert!(!wrong.text().contains("0123456789"), "{}", wrong.text());
    }
    assert_eq!(fleet.entries()?, 0);
    Ok(())
}

#[test]
fn a_put_waits_for_its_outcome_and_every_host_has_it() -> Result<()> {
    let fleet = open()?;
    let notes = [("Content-Type", "text/x-note"), ("Sluice-Author", "mei"), ("Sluice-Reason", "because")];
    let put = sent(&fleet, "PUT", "/v1/keys/app/a", &notes, "one")?;
    assert_eq!((put.code, &put.json()["outcome"]), (200, &"applied".into()), "{}", put.text());
    assert_eq!(fleet.hosts[0].value("app/a")?, Some(b"one".to_vec()));
    fleet.converge(&revision(&put));
    let read = fleet.hosts[1].ask("GET", "/v1/keys/app/a", &[], &[])?;
    assert_eq!((read.header("content-type"), read.header("sluice-revision")), ("text/x-note", &*revision(&put)));
    let entry = fleet.hosts[0].ask("GET", &format!("/v1/entries/{}", revision(&put)), &[], &[])?.json();
    assert_eq!((&entry["author"], &entry["reason"]), (&"mei".into(), &"because".into()));
    let gone = sent(&fleet, "DELETE", "/v1/keys/app/a", &[], "")?;
    assert_eq!(gone.code, 200, "{}", gone.text());
    assert_eq!(fleet.hosts[0].value("app/a")?, None);
    Ok(())
}

#[test]
fn a_condition_that_fails_is_409_or_412() -> Result<()> {
    let fleet = open()?;
    let create = || sent(&fleet, "PUT", "/v1/keys/k", &[("If-None-Match", "*")], "1");
    let first = create()?;
    assert_eq!(first.code, 200, "{}", first.text());
    let second = create()?;
    assert_eq!((second.code, &second.json()["outcome"]), (409, &"conflict".into()), "{}", second.text());
    let base = revision(&first);
    let next = sent(&fleet, "PUT", "/v1/keys/k", &[("If-Match", &format!("\"{base}\""))], "2")?;
    assert_eq!(next.code, 200, "{}", next.text());
    let stale = sent(&fleet, "DELETE", "/v1/keys/k", &[("If-Match", &format!("\"{base}\""))], "")?;
    assert_eq!(stale.code, 409, "{}", stale.text());
    assert_eq!(stale.json()["errors"][0]["found"], revision(&next));
    let tag = fleet.hosts[0].ask("GET", "/v1/keys/k", &[], &[])?.header("etag").to_owned();
    let by_tag = sent(&fleet, "PUT", "/v1/keys/k", &[("If-Match", &tag)], "3")?;
    assert_eq!(by_tag.code, 200, "{}", by_tag.text());
    let old_tag = sent(&fleet, "PUT", "/v1/keys/k", &[("If-Match", &tag)], "4")?;
    assert_eq!(old_tag.code, 412, "{}", old_tag.text());
    assert_eq!(fleet.hosts[0].value("k")?, Some(b"3".to_vec()));
    Ok(())
}

#[test]
fn what_the_validators_reject_is_422_with_pointers() -> Result<()> {
    let fleet = open()?;
    let bounds = ["--keys", "app/**", "--settings", r#"{"/max": [1, 100]}"#, "--wait"];
    fleet.sluice.ok(&[&["validator", "bind", "limits", "bounds"], &bounds[..]].concat())?;
    let dry = sent(&fleet, "PUT", "/v1/keys/app/a.json?dry_run", &[], r#"{"max": 101}"#)?;
    let before = fleet.entries()?;
    let bad = sent(&fleet, "PUT", "/v1/keys/app/a.json", &[], r#"{"max": 101}"#)?;
    for reply in [&dry, &bad] {
        let (problem, kind) = (reply.json(), reply.header("content-type"));
        assert_eq!((reply.code, kind), (422, "application/problem+json"), "{problem:#}");
        assert_eq!(problem["outcome"], "rejected");
        let error = json!([problem["errors"][0]["pointer"], problem["errors"][0]["code"]]);
        assert_eq!(error, json!(["/max", "out-of-bounds"]), "{problem:#}");
    }
    assert_eq!(fleet.entries()?, before + 1, "a dry run appends nothing");
    assert_eq!(fleet.hosts[0].value("app/a.json")?, None);
    Ok(())
}

#[test]
fn several_edits_in_one_document_are_one_change() -> Result<()> {
    let fleet = open()?;
    let post = |document: Value| sent(&fleet, "POST", "/v1/changes", &[], &document.to_string());
    let good = post(json!({"author": "mei", "edits": [
        {"key": "a", "value": "1", "base": 0}, {"key": "b", "valueBase64": "/wA=", "type": "application/x-two"}]}))?;
    assert_eq!(good.code, 200, "{}", good.text());
    assert_eq!(fleet.hosts[0].value("b")?, Some(vec![0xff, 0]));
    let lost = post(json!({"edits": [{"key": "a", "value": "2"}, {"key": "b", "delete": true, "base": 0}]}))?;
    assert_eq!(lost.code, 409, "{}", lost.text());
    assert_eq!(fleet.hosts[0].value("a")?, Some(b"1".to_vec()));
    for (document, code) in [
        (json!({"edits": []}), 422),
        (json!({"edits": [{"key": "a b", "value": "1"}]}), 422),
        (json!({"edits": [{"key": "a", "value": "1", "delete": true}]}), 422),
        (json!({"edit": []}), 400),
        (json!(7), 400),
    ] {
        let before = fleet.entries()?;
        let bad = post(document.clone())?;
        assert_eq!((bad.code, fleet.entries()?), (code, before), "{document}: {}", bad.text());
    }
    Ok(())
}

#[test]
fn a_value_has_the_same_names_wherever_it_is_json() -> Result<()> {
    let fleet = open()?;
    let put = sent(&fleet, "PUT", "/v1/keys/b", &[("Content-Type", "application/x-two")], "")?;
    let edit = json!({"key": "b", "valueBase64": "/wA=", "type": "application/x-two", "base": put.json()["revision"]});
    let put = sent(&fleet, "POST", "/v1/changes", &[], &json!({"edits": [edit]}).to_string())?;
    assert_eq!(put.code, 200, "{}", put.text());
    let names = |row: &Value| json!({"key": row["key"], "valueBase64": row["valueBase64"], "type": row["type"]});
    let row = fleet.hosts[0].ask("GET", "/v1/keys", &[], &[])?.json()["keys"][0].clone();
    assert_eq!(names(&row), names(&edit));
    let (here, host) = (fleet.sluice.json(&["get", "b"])?, fleet.hosts[0].url(""));
    assert_eq!((names(&here), &here), (names(&edit), &fleet.sluice.json(&["get", "b", "--host", &host])?));
    let event = fleet.hosts[0].events("/v1/events?snapshot", &[])?.next()?.expect("a snapshot has the key");
    assert_eq!(names(&event.data), names(&edit));
    let line = format!("{}\n", names(&here)).replace("\"b\"", "\"c\"");
    let applied = fleet.sluice.fed(&["apply", "-f", "-"], line.as_bytes())?;
    assert_eq!((applied.code, fleet.sluice.run(&["get", "c"])?.bytes), (0, vec![0xff, 0]), "{applied:?}");
    Ok(())
}

#[test]
fn a_retry_with_the_same_key_is_the_same_change() -> Result<()> {
    let fleet = open()?;
    let put = || sent(&fleet, "PUT", "/v1/keys/k", &[("Idempotency-Key", "\"order-7\"")], "1");
    let (first, again) = (put()?, put()?);
    assert_eq!((first.code, again.code), (200, 200), "{}", again.text());
    assert_eq!(revision(&first), revision(&again));
    let other = sent(&fleet, "PUT", "/v1/keys/k", &[("Idempotency-Key", "\"order-7\"")], "2")?;
    assert_eq!((other.code, &other.json()["outcome"]), (409, &"duplicate".into()), "{}", other.text());
    Ok(())
}

#[test]
fn a_large_value_goes_to_a_blob_by_itself() -> Result<()> {
    let fleet = open()?;
    let large = "x".repeat(3 << 20);
    let put = sent(&fleet, "PUT", "/v1/keys/large", &[], &large)?;
    assert_eq!(put.code, 200, "{}", put.text());
    fleet.converge(&revision(&put));
    assert_eq!(fleet.hosts[1].value("large")?, Some(large.into_bytes()));
    Ok(())
}

#[test]
fn without_redis_a_put_is_503_and_names_the_token_for_the_retry() -> Result<()> {
    let mut fleet = open()?;
    fleet.server.kill()?;
    let put = sent(&fleet, "PUT", "/v1/keys/k", &[("Idempotency-Key", "t-7")], "1")?;
    assert_eq!((put.code, &put.json()["token"]), (503, &"t-7".into()), "{}", put.text());
    assert!(!put.header("retry-after").is_empty());
    Ok(())
}
