//! Publishing and its outcomes.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use sluice_core::{Entry, Lost, Place, PullError, Revision, State};
use sluice_http::Serves;
use sluice_node::ports::Answer;
use sluice_node::{AppendError, Log};
use tokio::io::AsyncReadExt;

use crate::edge::{Edge, SECRET};

#[tokio::test]
async fn a_put_is_applied_and_then_read() {
    let edge = Edge::start().await;
    let notes = [("content-type", "text/plain"), ("sluice-author", "mei"), ("sluice-reason", "because")];
    let reply = edge.publish("PUT", "/v1/keys/a", &notes, "1").await.expect(200);
    assert_eq!(reply.json()["outcome"], "applied");
    let revision = reply.header("sluice-revision").to_owned();
    let read = edge.get("/v1/keys/a").await.expect(200);
    assert_eq!((read.header("sluice-revision"), read.header("content-type")), (revision.as_str(), "text/plain"));
    let entry = edge.get(&format!("/v1/entries/{revision}")).await.json();
    assert_eq!((&entry["author"], &entry["reason"]), (&"mei".into(), &"because".into()));
    edge.publish("DELETE", "/v1/keys/a", &[], "").await.expect(200);
    edge.get("/v1/keys/a").await.expect(404);
}

#[tokio::test]
async fn of_two_publishers_from_one_base_the_second_gets_a_conflict() {
    let edge = Edge::start().await;
    let base = edge.write(&[("put:a", "1")]).await.to_string();
    edge.publish("PUT", "/v1/keys/a", &[("if-match", &base)], "2").await.expect(200);
    let reply = edge.publish("PUT", "/v1/keys/a", &[("if-match", &base)], "3").await;
    let error = reply.json()["errors"][0].take();
    assert_eq!(
        (&error["code"], &error["key"], &error["base"]),
        (&"conflict".into(), &"a".into(), &base.as_str().into())
    );
    assert!(reply.problem(409).contains("read it again"));
    edge.publish("PUT", "/v1/keys/a", &[("if-none-match", "*")], "3").await.problem(409);
    assert_eq!(edge.get("/v1/keys/a").await.body, "2");
}

#[tokio::test]
async fn a_tag_serves_as_a_base_too() {
    let edge = Edge::start().await;
    edge.write(&[("put:a", "1")]).await;
    let tag = edge.get("/v1/keys/a").await.header("etag").to_owned();
    edge.publish("PUT", "/v1/keys/a", &[("if-match", &tag)], "2").await.expect(200);
    edge.publish("DELETE", "/v1/keys/a", &[("if-match", &tag)], "").await.problem(412);
}

#[tokio::test]
async fn what_validators_reject_comes_back_with_their_findings() {
    let edge = Edge::start().await;
    edge.write(&[("put:_sluice/validators/no-bad", "{}")]).await;
    let reply = edge.publish("PUT", "/v1/keys/a", &[], "so bad").await;
    let error = &reply.json()["errors"][0];
    assert_eq!(
        (&error["pointer"], &error["code"], &error["validator"]),
        (&"/limit".into(), &"bad".into(), &"no-bad".into())
    );
    assert_eq!(reply.problem(422), "no-bad: this is bad");
    edge.get("/v1/keys/a").await.expect(404);
}

#[tokio::test]
async fn a_retry_with_the_same_token_is_one_change() {
    let edge = Edge::start().await;
    let token = [("idempotency-key", "\"t-1\"")];
    let first = edge.publish("PUT", "/v1/keys/a", &token, "1").await.expect(200);
    let again = edge.publish("PUT", "/v1/keys/a", &token, "1").await.expect(200);
    assert_eq!(again.json()["revision"], first.json()["revision"]);
    let other = edge.publish("PUT", "/v1/keys/a", &token, "2").await;
    assert_eq!(other.json()["errors"][0]["first"], first.json()["revision"]);
    other.problem(409);
    assert_eq!(edge.get("/v1/keys/a").await.body, "1");
}

#[tokio::test]
async fn a_dry_run_judges_and_appends_nothing() {
    let edge = Edge::start().await;
    let before = edge.write(&[("put:_sluice/validators/no-bad", "{}")]).await;
    let reply = edge.publish("PUT", "/v1/keys/a?dry_run=true", &[], "fine").await.expect(200).json();
    assert_eq!((&reply["outcome"], &reply["dryRun"]), (&"applied".into(), &true.into()));
    edge.publish("PUT", "/v1/keys/a?dry_run=true", &[], "bad").await.problem(422);
    edge.publish("PUT", "/v1/keys/a?dry_run=true", &[("if-match", "1-0")], "fine").await.problem(409);
    let large = "bad".repeat(1 << 20);
    edge.publish("PUT", "/v1/keys/a?dry_run=true", &[], large).await.problem(422);
    assert_eq!(edge.log.read(Revision::ZERO, 9).await.unwrap().last().unwrap().revision, before);
}

#[tokio::test]
async fn a_change_of_many_keys_is_all_or_none() {
    let edge = Edge::start().await;
    edge.write(&[("put:old", "x")]).await;
    let change = json!({
        "author": "mei",
        "edits": [
            { "key": "a", "value": "1", "type": "text/plain", "base": 0 },
            { "key": "b", "valueBase64": "/wA=" },
            { "key": "old", "delete": true },
        ],
    });
    edge.publish("POST", "/v1/changes", &[], change.to_string()).await.expect(200);
    assert_eq!(edge.get("/v1/keys/b").await.body, &b"\xff\x00"[..]);
    edge.get("/v1/keys/old").await.expect(404);
    let again = json!({ "edits": [{ "key": "c", "value": "1" }, { "key": "a", "base": "0" }] });
    edge.publish("POST", "/v1/changes", &[], again.to_string()).await.problem(409);
    edge.get("/v1/keys/c").await.expect(404);
}

#[tokio::test]
async fn a_wrong_change_is_told_where_it_is_wrong() {
    let edge = Edge::start().await;
    let post = |change: serde_json::Value| edge.publish("POST", "/v1/changes", &[], change.to_string());
    assert!(post(json!({ "edits": [], "edit": 1 })).await.problem(400).contains("unknown field `edit`"));
    assert!(post(json!({ "edits": [] })).await.problem(422).contains("changes nothing"));
    assert!(post(json!({ "edits": [{ "key": "a" }] })).await.problem(422).starts_with("/edits/0"));
    assert!(
        post(json!({ "edits": [{ "key": "a", "value": "1", "delete": true }] }))
            .await
            .problem(422)
            .contains("one thing")
    );
    assert!(post(json!({ "edits": [{ "key": "a//b", "value": "1" }] })).await.problem(422).contains("empty segment"));
    assert!(
        post(json!({ "edits": [{ "key": "a", "valueBase64": "?" }] }))
            .await
            .problem(422)
            .contains("/edits/0/valueBase64")
    );
    assert!(
        post(json!({ "edits": [{ "key": "a", "value": "1", "base": "x" }] })).await.problem(422).contains("revision")
    );
    assert!(post(json!("x")).await.problem(400).contains("the change is not what it should be"));
    assert!(edge.log.read(Revision::ZERO, 9).await.unwrap().is_empty(), "nothing was appended");
}

#[tokio::test]
async fn a_value_too_large_for_an_entry_goes_by_blob() {
    let edge = Edge::start().await;
    let value = Bytes::from(vec![7; (1 << 20) + 1]);
    let reply = edge.publish("PUT", "/v1/keys/a", &[], value.clone()).await.expect(200);
    assert_eq!(edge.get("/v1/keys/a").await.body, value);
    let entry = edge.get(&format!("/v1/entries/{}", reply.header("sluice-revision"))).await.json();
    assert_eq!(entry["edits"][0]["blob"], true);
}

#[tokio::test]
async fn a_body_over_the_limit_is_turned_away() {
    let edge = Edge::with(|settings| settings.value_bytes_max = 10).await;
    edge.publish("PUT", "/v1/keys/a", &[], "0123456789").await.expect(200);
    edge.publish("PUT", "/v1/keys/a", &[], "0123456789x").await.problem(413);
    let chunked = format!(
        "PUT /v1/keys/a HTTP/1.1\r\nhost: e\r\nauthorization: {SECRET}\r\ntransfer-encoding: chunked\r\n\r\n\
         8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n"
    );
    let mut answer = [0; 12];
    edge.raw(chunked).await.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(edge.get("/v1/keys/a").await.body, "0123456789");
}

#[tokio::test]
async fn only_the_bearer_of_the_token_publishes() {
    let edge = Edge::start().await;
    let reply = edge.ask("PUT", "/v1/keys/a", &[], "1").await;
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    reply.problem(401);
    edge.ask("PUT", "/v1/keys/a", &[("authorization", "Bearer let-m")], "1").await.problem(401);
    edge.ask("POST", "/v1/changes", &[("authorization", "Basic let-me")], "{}").await.problem(401);
    let closed = Edge::with(|settings| settings.bearer = None).await;
    assert!(closed.publish("DELETE", "/v1/keys/a", &[], "").await.problem(403).contains("publish_token_file"));
}

#[tokio::test]
async fn who_does_not_wait_gets_the_revision() {
    let mut edge = Edge::start().await;
    edge.stop_pulling().await;
    let reply = edge.publish("PUT", "/v1/keys/a", &[("prefer", "wait=0")], "1").await.expect(202);
    assert_eq!(reply.json()["outcome"], "pending");
    assert_eq!(reply.json()["revision"], reply.header("sluice-revision"));
}

/// A log that is out of reach.
struct Away;

impl Log for Away {
    fn pull(&self, _: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>> {
        Box::pin(async { Err(PullError::Away(Lost("no route".to_owned()))) })
    }

    fn append(&self, _: Vec<(Bytes, Bytes)>) -> Answer<'_, Result<Revision, AppendError>> {
        Box::pin(async { Err(AppendError::Away("no route".to_owned())) })
    }

    fn read(&self, _: Revision, _: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>> {
        Box::pin(async { Err(Lost("no route".to_owned())) })
    }
}

#[tokio::test]
async fn without_the_log_publishing_says_how_to_retry() {
    let edge = Edge::build(|_| (), Serves::Everything, State::default(), Some(Arc::new(Away))).await;
    let reply = edge.publish("PUT", "/v1/keys/a", &[("idempotency-key", "t-1")], "1").await;
    assert_eq!((&reply.json()["token"], reply.header("retry-after")), (&"t-1".into(), "1"));
    assert!(reply.problem(503).contains("no route"));
    edge.get("/v1/entries/1-0").await.problem(503);
}

/// A log that takes an entry, and whose answer is lost: at once, or behind its revision.
struct Mute(Option<Revision>);

impl Log for Mute {
    fn pull(&self, _: Place) -> Answer<'_, Result<Vec<Arc<Entry>>, PullError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn append(&self, _: Vec<(Bytes, Bytes)>) -> Answer<'_, Result<Revision, AppendError>> {
        Box::pin(async { Err(AppendError::Indeterminate { revision: self.0, why: "no replica has it".to_owned() }) })
    }

    fn read(&self, _: Revision, _: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, Lost>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[tokio::test]
async fn a_change_that_may_have_been_taken_is_told_apart_from_one_that_was_not() {
    let revision = Revision { ms: 7, seq: 1 };
    for (known, words) in [(None, "may have taken it, or not"), (Some(revision), "appended as 7-1, but")] {
        let edge = Edge::build(|_| (), Serves::Everything, State::default(), Some(Arc::new(Mute(known)))).await;
        let reply = edge.publish("PUT", "/v1/keys/a", &[("idempotency-key", "t-1")], "1").await;
        let told = reply.json();
        assert_eq!((&told["type"], &told["token"]), (&"urn:sluice:problem:indeterminate".into(), &"t-1".into()));
        assert_eq!(told["revision"].as_str().map(str::to_owned), known.map(|known| known.to_string()));
        assert_eq!(reply.header("retry-after"), "1");
        let detail = reply.problem(503);
        assert!(detail.contains(words) && detail.contains("retry with the same token"), "{detail}");
    }
}

#[tokio::test]
async fn what_the_guard_stops_goes_through_when_somebody_means_it() {
    let edge = Edge::start().await;
    let names: Vec<String> = (0..12).map(|n| format!("put:app/{n}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    edge.write(&fields).await;
    let edits: Vec<_> = (0..12).map(|n| json!({"key": format!("app/{n}"), "delete": true})).collect();
    let post = |document: serde_json::Value| edge.publish("POST", "/v1/changes", &[], document.to_string());
    let reply = post(json!({"edits": edits.clone()})).await;
    assert_eq!(reply.json()["errors"][0]["code"], "guarded");
    assert!(reply.problem(422).contains("it deletes 12 of 12 keys, more than 50 %; if it is meant"));
    let reply = post(json!({"edits": edits.clone(), "override": "guard"})).await;
    assert!(reply.problem(422).contains("add author and reason"));
    edge.get("/v1/keys/app/3").await.expect(200);
    post(json!({"edits": edits, "override": "guard", "author": "mei", "reason": "moved"})).await.expect(200);
    edge.get("/v1/keys/app/3").await.expect(404);
}

#[tokio::test]
async fn a_change_with_a_time_is_scheduled_and_not_applied() {
    let edge = Edge::start().await;
    let at = "2999-01-01T00:00:00Z";
    let document = json!({"edits": [{"key": "a", "value": "1"}], "from": at}).to_string();
    let reply = edge.publish("POST", "/v1/changes", &[], document).await.expect(202);
    assert_eq!(reply.json()["outcome"], "scheduled");
    let reply =
        edge.publish("PUT", "/v1/keys/b", &[("Sluice-From", at), ("Sluice-Until", "3000-01-01T00:00:00Z")], "1").await;
    assert_eq!(reply.expect(202).json()["outcome"], "scheduled");
    edge.get("/v1/keys/a").await.problem(404);
    edge.get("/v1/keys/b").await.problem(404);
    let planned = edge.get("/v1/keys?prefix=_sluice/scheduled/&keys_only=true").await.expect(200).json();
    assert_eq!(planned["keys"].as_array().unwrap().len(), 2);
    let wrong = edge.publish("PUT", "/v1/keys/a", &[("Sluice-From", "tomorrow")], "1").await;
    assert!(wrong.problem(422).contains("2026-12-01T09:00:00Z"));
}
