//! From what became of an entry to an answer.

use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};
use sluice_core::{Finding, Outcome, Refusal, Revision};
use sluice_node::hub::Fate;

use crate::answer::{self, API_VERSION, REVISION};
use crate::body::Body;
use crate::door::Answer;
use crate::problem::Problem;

/// The answer to a publisher.
pub fn of(fate: &Fate, revision: Revision) -> Answer {
    let open = |outcome: &str, why: String| {
        let document =
            json!({ "apiVersion": API_VERSION, "revision": revision.to_string(), "outcome": outcome, "why": why });
        Ok(numbered(answer::json(StatusCode::ACCEPTED, &document), revision))
    };
    match fate {
        Fate::Settled(outcome) => settled(outcome, Some(revision)),
        Fate::Held(held) => {
            let fault = held.fault.as_ref().map(|(fault, why)| format!("this host could not tell ({fault}): {why}"));
            open("held", fault.unwrap_or_else(|| "it waits behind another change of the same keys".to_owned()))
        }
        Fate::Ahead => open("pending", "appended, and not yet reached by this host".to_owned()),
        Fate::Forgotten => open("unknown", format!("appended; ask /v1/entries/{revision}")),
    }
}

/// The answer to a known outcome; without a revision it was a dry run.
pub fn settled(outcome: &Outcome, revision: Option<Revision>) -> Answer {
    let status = match outcome {
        Outcome::Applied(_) => StatusCode::OK,
        Outcome::Scheduled(_) | Outcome::Staged => StatusCode::ACCEPTED,
        Outcome::Refused(refusal) => return Err(refused(refusal, revision)),
    };
    let mut document = json!({
        "apiVersion": API_VERSION,
        "revision": revision.map(|revision| revision.to_string()),
        "outcome": outcome.class(),
        "findings": outcome.findings().iter().map(finding).collect::<Vec<Value>>(),
    });
    if revision.is_none() {
        document["dryRun"] = Value::Bool(true);
    }
    let response = answer::json(status, &document);
    Ok(match revision {
        Some(revision) => numbered(response, revision),
        None => response,
    })
}

/// The answer to a refusal.
pub fn refused(refusal: &Refusal, revision: Option<Revision>) -> Problem {
    let (status, title) = match refusal {
        Refusal::Malformed(_) => (StatusCode::UNPROCESSABLE_ENTITY, "the change is malformed"),
        Refusal::Untrusted(_) => (StatusCode::FORBIDDEN, "the signature does not count"),
        Refusal::Duplicate(_) => (StatusCode::CONFLICT, "the token was used before"),
        Refusal::Fenced { .. } => (StatusCode::CONFLICT, "the lock was lost"),
        Refusal::Conflict { .. } => (StatusCode::CONFLICT, "somebody was faster"),
        Refusal::Guarded(_) => (StatusCode::UNPROCESSABLE_ENTITY, "the change is too large for the guard"),
        Refusal::Rejected(..) => (StatusCode::UNPROCESSABLE_ENTITY, "the validators reject the change"),
    };
    let mut problem = Problem::new(status, refusal.class(), title, refusal.to_string())
        .with("outcome", refusal.class())
        .with("errors", errors(refusal));
    match revision {
        Some(revision) => {
            problem = problem.with("revision", revision.to_string()).header(REVISION, answer::revision(revision));
        }
        None => problem = problem.with("appended", false),
    }
    problem
}

/// Each thing that is wrong, as one object.
pub fn errors(refusal: &Refusal) -> Vec<Value> {
    let message = refusal.to_string();
    match refusal {
        Refusal::Rejected(cause, findings) if findings.is_empty() => {
            vec![json!({ "code": cause.to_string(), "message": message })]
        }
        Refusal::Rejected(_, findings) => findings.iter().map(finding).collect(),
        Refusal::Malformed(malformed) => {
            vec![json!({ "code": "malformed", "message": malformed.why, "field": malformed.field })]
        }
        Refusal::Conflict { key, base, found } => vec![json!({
            "code": "conflict", "message": message, "key": key.as_str(),
            "base": base.to_string(), "found": found.to_string(),
        })],
        Refusal::Duplicate(first) => {
            vec![json!({ "code": "duplicate", "message": message, "first": first.to_string() })]
        }
        Refusal::Fenced { resource, token, highest } => vec![json!({
            "code": "fenced", "message": message, "resource": resource, "token": token, "highest": highest,
        })],
        Refusal::Untrusted(_) | Refusal::Guarded(_) => vec![json!({ "code": refusal.class(), "message": message })],
    }
}

/// What a validator remarked; members it has not are left out.
pub fn finding(finding: &Finding) -> Value {
    let mut object = Map::new();
    let mut add = |name: &str, value: Option<&str>| {
        value.into_iter().for_each(|value| drop(object.insert(name.to_owned(), value.into())));
    };
    add("pointer", finding.pointer.as_deref());
    add("code", Some(&finding.code));
    add("message", Some(&finding.message));
    add("validator", Some(&finding.validator));
    add("severity", Some(&finding.severity.to_string()));
    add("key", finding.key.as_ref().map(sluice_core::Key::as_str));
    add("help", finding.help.as_deref());
    Value::Object(object)
}

fn numbered(mut response: Response<Body>, revision: Revision) -> Response<Body> {
    response.headers_mut().insert(REVISION, answer::revision(revision));
    response
}
