//! What `openapi.json` promises is what is served.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::edge::{Edge, Reply, SECRET};

/// A path as described and its method, the path as asked, headers, body, and the status that is to come.
type Asked<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16);

/// The document as a host serves it.
async fn document(edge: &Edge) -> Value {
    let reply = edge.get("/openapi.json").await.expect(200);
    assert_eq!(reply.header("content-type"), "application/json");
    reply.json()
}

/// All values in a document, each with its place.
fn walk<'d>(value: &'d Value, place: String, see: &mut dyn FnMut(&str, &'d Value)) {
    see(&place, value);
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            walk(member, format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), see);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| walk(item, format!("{place}/{at}"), see));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

/// What a `$ref` leads to, or the value itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(target) => document.pointer(&target[1..]).unwrap_or_else(|| panic!("{target} leads nowhere")),
        None => value,
    }
}

/// A validator of a schema of the document. Objects are closed where they are not declared open, so that a
/// member that is served and not described is found; to clients they stay open.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = json!({ "components": document["components"].clone(), "allOf": [schema] });
    close(&mut whole["components"]["schemas"]);
    jsonschema::validator_for(&whole).unwrap_or_else(|error| panic!("{error}: {schema:#}"))
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_object = members.get("type").is_some_and(|kind| kind == "object");
            if is_object && members.get("properties").is_some_and(Value::is_object) {
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

/// What a reply breaks of what is promised for this path, method and status.
fn broken(document: &Value, (path, method): (&str, &str), reply: &Reply) -> Vec<String> {
    let responses = &document["paths"][path][method.to_lowercase()]["responses"];
    let status = reply.status.as_u16().to_string();
    let Some(response) = responses.get(&status) else { return vec![format!("{status} is not described")] };
    let response = resolved(document, response);
    let mut faults = Vec::new();
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = resolved(document, header);
        match reply.headers.get(name) {
            None if header["required"] == true => faults.push(format!("no header {name}")),
            None => (),
            Some(_) => {
                let fits = validator(document, &header["schema"]).is_valid(&reply.header(name).into());
                faults.extend((!fits).then(|| format!("header {name} is {:?}", reply.header(name))));
            }
        }
    }
    let described = |name: &&str| response["headers"].get(*name).is_some_and(Value::is_object);
    let ours = ["ETag", "Sluice-Revision", "Sluice-Age-Ms", "Retry-After", "Allow", "WWW-Authenticate"];
    let told = ours.into_iter().filter(|name| reply.headers.contains_key(*name));
    faults.extend(told.filter(|name| !described(name)).map(|name| format!("header {name} is not described")));
    let media = reply.header("content-type");
    let content = response["content"].get(media).or_else(|| response["content"].get("*/*"));
    match content {
        Some(content) if media.ends_with("json") && content["schema"].is_object() => {
            let validator = validator(document, &content["schema"]);
            let body = reply.json();
            faults.extend(validator.iter_errors(&body).map(|error| format!("{error} at {}", error.instance_path())));
        }
        Some(_) => (),
        None if reply.body.is_empty() && response.get("content").is_none() => (),
        None => faults.push(format!("{media:?} is not described")),
    }
    faults
}

#[tokio::test]
async fn all_references_lead_somewhere_and_nothing_is_left_over() {
    let document = document(&Edge::start().await).await;
    let mut targets = BTreeSet::new();
    walk(&document, String::new(), &mut |place, value| {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&target[1..]).is_some(), "{place}: {target} leads nowhere");
            targets.insert(target[1..].to_owned());
        }
    });
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(targets.contains(&format!("/components/{kind}/{name}")), "{kind} {name}: nobody refers to it");
        }
    }
}

#[tokio::test]
async fn all_examples_are_what_they_are_examples_of() {
    let document = document(&Edge::start().await).await;
    let mut seen = 0;
    walk(&document, String::new(), &mut |place, value| {
        let (schema, whole) = (value.get("schema"), value.get("example"));
        let own = value.get("examples").and_then(Value::as_array).filter(|_| value.get("type").is_some());
        let pairs = schema.zip(whole).into_iter().chain(own.into_iter().flatten().map(|example| (value, example)));
        for (schema, example) in pairs {
            seen += 1;
            let faults: Vec<String> =
                validator(&document, schema).iter_errors(example).map(|error| error.to_string()).collect();
            assert!(faults.is_empty(), "{place}: {faults:?}");
        }
    });
    assert!(seen > 20, "{seen}");
}

#[tokio::test]
async fn every_path_takes_the_methods_described_and_no_other() {
    let edge = Edge::start().await;
    let document = document(&edge).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let filled = path.replace("{key}", "a").replace("{rev}", "1-0");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let is_described = item.get(method.to_lowercase()).is_some();
            // An event stream has no end to wait for; a wrong parameter is told at once.
            let reply =
                edge.ask(method, &format!("{filled}?unknown-parameter"), &[("authorization", SECRET)], "").await;
            assert_eq!(reply.status != 405, is_described, "{method} {path}: {}", reply.status);
            assert!(is_described || !reply.header("allow").contains(method), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn answers_are_as_described() {
    let edge = Edge::start().await;
    let document = document(&edge).await;
    let first = edge.write(&[("put:a.json", "1"), ("author", "mei")]).await.to_string();
    edge.write(&[("put:_sluice/validators/no-bad", "{}")]).await;
    let rejected = edge.write(&[("put:a.json", "bad")]).await.to_string();
    let malformed = edge.write(&[("put", "1")]).await.to_string();
    let tag = edge.get("/v1/keys/a.json").await.header("etag").to_owned();
    let change =
        json!({ "edits": [{ "key": "b", "valueBase64": "/wA=", "type": "x/y" }, { "key": "a.json", "base": 0 }] });
    let (change, empty) = (change.to_string(), json!({ "edits": [] }).to_string());
    let same = ("if-none-match", tag.as_str());
    let asked: [Asked<'_>; 26] = [
        ("/v1/keys/{key}", "GET", "/v1/keys/a.json", &[], "", 200),
        ("/v1/keys/{key}", "GET", "/v1/keys/a.json", &[same], "", 304),
        ("/v1/keys/{key}", "GET", "/v1/keys/gone", &[], "", 404),
        ("/v1/keys/{key}", "GET", "/v1/keys/gone?wait=1ms&since=0", &[], "", 304),
        ("/v1/keys/{key}", "GET", "/v1/keys/a.json?at=1-0", &[], "", 501),
        ("/v1/keys/{key}", "GET", "/v1/keys/a.json?x=1", &[], "", 400),
        ("/v1/keys/{key}", "PUT", "/v1/keys/c", &[], "1", 200),
        ("/v1/keys/{key}", "PUT", "/v1/keys/c?dry_run", &[], "1", 200),
        ("/v1/keys/{key}", "PUT", "/v1/keys/c", &[], "bad", 422),
        ("/v1/keys/{key}", "PUT", "/v1/keys/c?dry_run", &[("if-match", "1-0")], "1", 409),
        ("/v1/keys/{key}", "PUT", "/v1/keys/c", &[("authorization", "Bearer no")], "1", 401),
        ("/v1/keys/{key}", "DELETE", "/v1/keys/c", &[("if-match", "\"other\"")], "", 412),
        ("/v1/keys/{key}", "DELETE", "/v1/keys/c", &[], "", 200),
        ("/v1/keys", "GET", "/v1/keys", &[], "", 200),
        ("/v1/keys", "GET", "/v1/keys?prefix=none&wait=1ms&since=99999999999999", &[], "", 304),
        ("/v1/changes", "POST", "/v1/changes", &[], &change, 409),
        ("/v1/changes", "POST", "/v1/changes", &[], &empty, 422),
        ("/v1/changes", "POST", "/v1/changes", &[], "?", 400),
        ("/v1/status", "GET", "/v1/status", &[], "", 200),
        ("/v1/hosts", "GET", "/v1/hosts", &[], "", 200),
        ("/v1/refusals", "GET", "/v1/refusals", &[], "", 200),
        ("/v1/entries/{rev}", "GET", &format!("/v1/entries/{first}"), &[], "", 200),
        ("/v1/entries/{rev}", "GET", &format!("/v1/entries/{rejected}"), &[], "", 200),
        ("/v1/entries/{rev}", "GET", &format!("/v1/entries/{malformed}"), &[], "", 200),
        ("/v1/entries/{rev}", "GET", "/v1/entries/1-0", &[], "", 404),
        ("/readyz", "GET", "/readyz", &[], "", 200),
    ];
    let mut faults = Vec::new();
    for (path, method, asked, headers, body, status) in asked {
        let known = headers.iter().any(|(name, _)| *name == "authorization");
        let bearer: &[(&str, &str)] = if known { &[] } else { &[("authorization", SECRET)] };
        let reply = edge.ask(method, asked, &[headers, bearer].concat(), body.to_owned()).await.expect(status);
        let told = broken(&document, (path, method), &reply);
        faults.extend(told.into_iter().map(|fault| format!("{method} {asked}: {fault}")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn an_answer_that_breaks_a_promise_is_found() {
    let edge = Edge::start().await;
    let mut document = document(&edge).await;
    let reply = edge.get("/v1/status").await.expect(200);
    assert_eq!(broken(&document, ("/v1/status", "GET"), &reply), Vec::<String>::new());
    let status = &mut document["components"]["schemas"]["Status"];
    status["properties"].as_object_mut().unwrap().shift_remove("draining");
    status["properties"]["keys"]["type"] = "string".into();
    document["paths"]["/v1/status"]["get"]["responses"]["200"]["headers"] = json!({ "X": { "required": true } });
    let faults = broken(&document, ("/v1/status", "GET"), &reply).join("; ");
    for what in ["draining", "/keys", "no header X"] {
        assert!(faults.contains(what), "{what}: {faults}");
    }
}
