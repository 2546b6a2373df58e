//! Reading values, listings and how the host stands.

use std::sync::Arc;

use bytes::Bytes;
use sluice_core::{Digest, Entry, Lost, Revision, State, Verdict, fold};
use sluice_http::Serves;
use sluice_node::ports::Answer;
use sluice_node::{Heard, Hosts};

use crate::edge::Edge;

#[tokio::test]
async fn a_value_comes_with_its_type_tag_revision_and_age() {
    let edge = Edge::start().await;
    let revision = edge.write(&[("put:app/limits.json", "{\"max\":1}")]).await;
    let reply = edge.get("/v1/keys/app/limits.json").await.expect(200);
    assert_eq!(reply.body, "{\"max\":1}");
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("content-length"), "9");
    assert_eq!(reply.header("etag"), format!("\"{}\"", &Digest::of(b"{\"max\":1}").to_string()[..32]));
    assert_eq!(reply.header("sluice-revision"), revision.to_string());
    assert!(reply.header("sluice-age-ms").parse::<u64>().unwrap() < 60_000);
}

#[tokio::test]
async fn a_value_the_reader_has_is_not_sent_again() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "1")]).await;
    let tag = edge.get("/v1/keys/a").await.header("etag").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), "*".to_owned(), format!("\"x\", {tag}")] {
        let reply = edge.ask("GET", "/v1/keys/a", &[("if-none-match", &known)], "").await.expect(304);
        assert_eq!((reply.header("etag"), reply.body.len()), (tag.as_str(), 0));
    }
    edge.ask("GET", "/v1/keys/a", &[("if-none-match", "\"other\"")], "").await.expect(200);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "12345")]).await;
    let reply = edge.ask("HEAD", "/v1/keys/a", &[], "").await.expect(200);
    assert_eq!((reply.header("content-length"), reply.body.len()), ("5", 0));
    assert!(!reply.header("etag").is_empty());
    edge.ask("HEAD", "/v1/keys/b", &[], "").await.expect(404);
    edge.ask("HEAD", "/v1/events", &[], "").await.expect(200);
}

#[tokio::test]
async fn an_answer_is_never_older_than_the_state() {
    let edge = Edge::start().await;
    edge.get("/v1/keys/a").await.expect(404);
    edge.write(&[("put:a", "1")]).await;
    edge.get("/v1/keys/a").await.expect(200);
    let same = edge.write(&[("put:a", "1"), ("type:a", "text/plain")]).await;
    let reply = edge.get("/v1/keys/a").await.expect(200);
    assert_eq!(
        (reply.header("content-type"), reply.header("sluice-revision")),
        ("text/plain", same.to_string().as_str())
    );
    let other = edge.write(&[("put:a", "2")]).await;
    let reply = edge.get("/v1/keys/%61").await.expect(200);
    assert_eq!((&reply.body[..], reply.header("sluice-revision")), (&b"2"[..], other.to_string().as_str()));
    edge.write(&[("del:a", "")]).await;
    edge.get("/v1/keys/a").await.expect(404);
    edge.get("/v1/keys/%61").await.expect(404);
}

#[tokio::test]
async fn an_empty_value_is_a_value() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "")]).await;
    let reply = edge.get("/v1/keys/a").await.expect(200);
    assert_eq!((reply.header("content-length"), reply.body.len()), ("0", 0));
}

#[tokio::test]
async fn a_missing_key_is_a_problem_that_says_as_of_when() {
    let edge = Edge::start().await;
    let revision = edge.write(&[("put:a", "1")]).await;
    let reply = edge.get("/v1/keys/b").await;
    assert_eq!(reply.header("sluice-revision"), revision.to_string());
    assert_eq!(reply.json()["instance"], "/v1/keys/b");
    assert_eq!(reply.problem(404), format!("key \"b\" is absent at revision {revision}"));
}

#[tokio::test]
async fn keys_in_paths_are_decoded_once() {
    let edge = Edge::start().await;
    edge.write(&[("put:app/db.json", "1")]).await;
    edge.get("/v1/keys/app%2Fdb%2ejson").await.expect(200);
    edge.get("/v1/keys/app%252Fdb.json").await.expect(400);
}

#[tokio::test]
async fn a_bad_key_is_told_in_the_words_of_the_core() {
    let edge = Edge::start().await;
    let detail = edge.get("/v1/keys/a//b").await.problem(400);
    assert_eq!(detail, "key \"a//b\" has an empty segment: write it as \"a/b\"");
    assert!(edge.get("/v1/keys/").await.problem(400).starts_with("the key is empty"));
    assert!(edge.get("/v1/keys/a%00").await.problem(400).contains("\\x00"));
    assert!(edge.get("/v1/keys/../etc").await.problem(400).contains("only dots"));
}

#[tokio::test]
async fn a_typo_in_a_parameter_or_path_is_told() {
    let edge = Edge::start().await;
    assert!(edge.get("/v1/keys?limt=1").await.problem(400).contains("limt"));
    assert!(edge.get("/v1/keys?limit=0").await.problem(400).contains("1 to 10000"));
    assert!(edge.get("/v1/keys/a?wait=1h&since=0").await.problem(400).contains("30s"));
    edge.get("/v1/kyes").await.problem(404);
    let reply = edge.ask("POST", "/v1/keys/a", &[], "").await;
    assert_eq!(reply.header("allow"), "GET, HEAD, PUT, DELETE");
    reply.problem(405);
}

#[tokio::test]
async fn only_the_present_can_be_read() {
    let edge = Edge::start().await;
    let revision = edge.write(&[("put:a", "1")]).await;
    edge.get(&format!("/v1/keys/a?at={revision}")).await.expect(200);
    assert!(edge.get("/v1/keys/a?at=1-0").await.problem(501).contains("/v1/entries/1-0"));
}

#[tokio::test]
async fn a_listing_goes_page_by_page_in_order() {
    let edge = Edge::start().await;
    for key in ["put:b", "put:app/2", "put:app/10", "put:app/1", "put:c"] {
        edge.write(&[(key, "v")]).await;
    }
    let (mut path, mut keys) = ("/v1/keys?prefix=app/&limit=2".to_owned(), Vec::new());
    loop {
        let page = edge.get(&path).await.expect(200).json();
        assert_eq!(page["began"], page["revision"]);
        keys.extend(page["keys"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/keys?prefix=app/&limit=2&after={next}");
    }
    assert_eq!(keys, ["app/1", "app/10", "app/2"]);
}

#[tokio::test]
async fn a_page_read_later_says_that_things_changed() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "1"), ("put:b", "2")]).await;
    let first = edge.get("/v1/keys?limit=1").await.json();
    edge.write(&[("put:c", "3")]).await;
    let second = edge.get(&format!("/v1/keys?after={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!(second["began"], first["revision"]);
    assert_ne!(second["began"], second["revision"]);
}

#[tokio::test]
async fn a_listing_shows_text_as_text_and_bytes_as_base64() {
    let edge = Edge::start().await;
    edge.write(&[("put:text", "grün")]).await;
    edge.publish("PUT", "/v1/keys/bytes", &[], &b"\xff\x00"[..]).await.expect(200);
    let keys = edge.get("/v1/keys").await.json()["keys"].take();
    assert_eq!((&keys[0]["valueBase64"], &keys[0]["value"]), (&"/wA=".into(), &serde_json::Value::Null));
    assert_eq!((&keys[1]["value"], &keys[1]["bytes"]), (&"grün".into(), &5.into()));
    let bare = edge.get("/v1/keys?keys_only").await.json()["keys"].take();
    assert!(bare[0].get("valueBase64").is_none() && bare[0]["etag"].is_string());
}

#[tokio::test]
async fn the_fleet_is_told_as_its_hosts_report() {
    let edge = Edge::start().await;
    let told = edge.get("/v1/hosts").await.expect(200).json();
    let report = serde_json::json!({ "host": "edge-1", "revision": "5-0" });
    let silent = |host| serde_json::json!({ "host": host, "seenMs": 7000, "report": null });
    let edge_1 = serde_json::json!({ "host": "edge-1", "seenMs": 7000, "report": report });
    assert_eq!(told["hosts"], serde_json::json!([edge_1, silent("gone"), silent("odd")]));
    edge.get("/v1/hosts?watch").await.problem(400);
    edge.ask("POST", "/v1/hosts", &[], "").await.problem(405);
}

/// Nobody tells about hosts.
struct Away;

impl Hosts for Away {
    fn heard(&self) -> Answer<'_, Result<Vec<Heard>, Lost>> {
        Box::pin(async { Err(Lost("no route".to_owned())) })
    }
}

#[tokio::test]
async fn without_the_reports_the_remedy_is_named() {
    let edge = Edge::among(|_| (), Serves::Everything, State::default(), None, Arc::new(Away)).await;
    let reply = edge.get("/v1/hosts").await;
    assert_eq!(reply.header("retry-after"), "1");
    let detail = reply.problem(503);
    assert!(detail.contains("no route") && detail.contains("see that it runs and retry"), "{detail}");
}

#[tokio::test]
async fn a_listener_serves_what_it_is_for() {
    let data = Edge::build(|_| (), Serves::Data, State::default(), None).await;
    let administration = Edge::build(|_| (), Serves::Administration, State::default(), None).await;
    data.get("/v1/keys").await.expect(200);
    data.get("/livez").await.expect(200);
    assert!(data.get("/v1/status").await.problem(404).contains("other listener"));
    administration.get("/v1/status").await.expect(200);
    administration.get("/v1/hosts").await.expect(200);
    administration.get("/livez").await.expect(200);
    administration.get("/v1/keys/a").await.problem(404);
}

#[tokio::test]
async fn the_host_says_how_it_stands_and_what_it_refused() {
    let edge = Edge::start().await;
    edge.write(&[("put:_sluice/validators/no-bad", "{}")]).await;
    let refused = edge.write(&[("put:a", "bad"), ("author", "mei")]).await;
    let status = edge.get("/v1/status").await.expect(200).json();
    assert_eq!((&status["apiVersion"], &status["host"]), (&"sluice/v1".into(), &"edge-1".into()));
    assert_eq!((&status["keys"], &status["refused"], &status["index"]), (&1.into(), &1.into(), &2.into()));
    assert_eq!(status["root"], edge.hub.view().state.root().to_string());
    let refusals = edge.get("/v1/refusals").await.expect(200).json();
    let first = &refusals["refusals"][0];
    assert_eq!((&first["outcome"], &first["author"]), (&"rejected".into(), &"mei".into()));
    assert_eq!(first["errors"][0]["pointer"], "/limit");
    let entry = edge.get(&format!("/v1/entries/{refused}")).await.expect(200).json();
    assert_eq!((&entry["outcome"], &entry["edits"][0]["key"]), (&"rejected".into(), &"a".into()));
    edge.get("/v1/entries/1-0").await.problem(404);
    edge.get("/v1/entries/x").await.problem(400);
    edge.get("/metrics").await.problem(404);
}

/// The state of a host that was started again long after it last heard of its log.
fn old_state(policy: &str) -> State {
    let mut state = State::default();
    let fields = [("put:_sluice/policy", policy), ("put:prices/a", "1"), ("put:flags/a", "1"), ("put:web/a", "1")];
    let fields =
        fields.map(|(name, value)| (Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value.as_bytes())));
    fold::fold(&mut state, &Entry::read(Revision { ms: 1, seq: 0 }, fields.to_vec()), |_, _| Verdict::accept());
    state
}

#[tokio::test]
async fn keys_whose_age_matters_are_refused_or_marked_until_the_log_is_heard_of_again() {
    let policy = r#"{"freshness": [
        {"keys": ["prices/**"], "stale_after_ms": 600000, "reads": "refuse"},
        {"keys": ["flags/**"], "stale_after_ms": 600000, "reads": "warn"}]}"#;
    let edge = Edge::build(|_| (), Serves::Everything, old_state(policy), None).await;
    let refused = edge.get("/v1/keys/prices/a").await;
    assert!(refused.header("sluice-stale").parse::<u64>().unwrap() > 600_000);
    assert!(refused.problem(503).contains("the policy allows 600000"));
    edge.get("/v1/keys/prices/none").await.problem(503);
    edge.get("/v1/keys?prefix=prices/").await.problem(503);
    assert!(edge.get("/v1/keys/flags/a").await.expect(200).header("sluice-stale").parse::<u64>().unwrap() > 600_000);
    assert!(!edge.get("/v1/keys?prefix=flags/").await.expect(200).header("sluice-stale").is_empty());
    assert_eq!(edge.get("/v1/keys/web/a").await.expect(200).header("sluice-stale"), "");
    assert_eq!(edge.get("/v1/status").await.json()["stale"], true);

    let mut events = edge.watch("/v1/events", "").await;
    events.until("event: stale").await;

    edge.write(&[("tick", "")]).await;
    assert_eq!(edge.get("/v1/keys/prices/a").await.expect(200).body, "1");
    assert_eq!(edge.get("/v1/keys/flags/a").await.expect(200).header("sluice-stale"), "");
    assert_eq!(edge.get("/v1/status").await.json()["stale"], false);
    events.until("event: fresh").await;
}
