//! The golden vectors of `docs/PROTOCOL.md`, against this implementation and against another.
//!
//! `UPDATE_EXPECT=1` works out again what each entry comes to; what goes in (note, id, fields, blobs,
//! verdict) is written by hand in the file itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluice_core::{Cause, Change, Digest, Entry, Outcome, Refusal, Revision, State, Verdict, fold};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file() -> PathBuf {
    root().join("docs/vectors/protocol.jsonl")
}

/// A text as it is, `{"hex": …}` for what is not UTF-8, `{"repeat": …, "times": …}` for what is long.
fn bytes(form: &Value) -> Bytes {
    match form {
        Value::String(text) => Bytes::copy_from_slice(text.as_bytes()),
        form => match (form["hex"].as_str(), form["repeat"].as_str()) {
            (Some(hex), _) => hex.as_bytes().chunks(2).map(byte).collect(),
            (_, Some(text)) => Bytes::from(text.repeat(form["times"].as_u64().unwrap() as usize)),
            (None, None) => panic!("not a form of bytes: {form}"),
        },
    }
}

fn byte(pair: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()
}

fn read(vector: &Value) -> Entry {
    let revision: Revision = vector["id"].as_str().unwrap().parse().unwrap();
    let fields = vector["fields"].as_array().unwrap().iter().map(|field| (bytes(&field[0]), bytes(&field[1])));
    let mut entry = Entry::read(revision, fields.collect());
    let blobs: Vec<Bytes> = vector["blobs"].as_array().iter().copied().flatten().map(bytes).collect();
    if let Ok(change) = &mut entry.content {
        for missing in change.missing().collect::<Vec<_>>() {
            let blob = blobs.iter().find(|blob| Digest::of(blob) == missing.digest).expect("the vector has its blobs");
            change.fill(missing, blob);
        }
    }
    entry
}

/// Folds one entry with the verdict its vector gives, which must be there exactly when one is asked for.
fn folded(state: &mut State, entry: &Entry, verdict: Option<&str>) -> Outcome {
    let mut is_asked = false;
    let outcome = fold::fold(state, entry, |_: &State, _: &Change| {
        is_asked = true;
        match verdict {
            Some("accept") => Verdict::accept(),
            Some("reject") => Verdict::Reject(Cause::Verdict, Arc::new([])),
            other => panic!("{}: a verdict is asked for, the vector says {other:?}", entry.revision),
        }
    });
    assert_eq!(is_asked, verdict.is_some(), "{}: a verdict nobody asks for", entry.revision);
    outcome
}

fn detail(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged => json!({}),
        Outcome::Refused(refusal) => match refusal {
            Refusal::Malformed(malformed) => json!({ "field": malformed.field }),
            Refusal::Duplicate(first) => json!({ "first": first.to_string() }),
            Refusal::Conflict { key, base, found } => {
                json!({ "key": key.as_str(), "base": base.to_string(), "found": found.to_string() })
            }
            Refusal::Rejected(cause, _) => json!({ "cause": cause.to_string() }),
            Refusal::Guarded(_) => json!({}),
            Refusal::Fenced { resource, token, highest } => {
                json!({ "resource": resource, "token": token, "highest": highest })
            }
            Refusal::Untrusted(_) => panic!("this version knows no such refusal"),
        },
    }
}

/// The partition of every key that is edited, and its digest afterwards.
fn partitions(state: &State, entry: &Entry, outcome: &Outcome) -> Value {
    let Outcome::Applied(_) = outcome else { return json!({}) };
    let keys = entry.content.iter().flat_map(|change| &change.edits).map(|edit| &edit.key);
    let shown = |partition: u16| json!([partition, state.partition(partition).to_string()]);
    Value::Object(keys.map(|key| (key.to_string(), shown(key.partition()))).collect())
}

/// A vector with all that follows from its inputs, in the order in which they are read.
fn worked_out(vector: &Value, state: &mut State) -> Value {
    let entry = read(vector);
    let outcome = folded(state, &entry, vector["verdict"].as_str());
    let mut line = Map::new();
    for name in ["note", "id", "fields", "blobs", "verdict"] {
        if let Some(value) = vector.get(name) {
            line.insert(name.to_owned(), value.clone());
        }
    }
    let follows = [
        ("outcome", json!(outcome.class())),
        ("detail", detail(&outcome)),
        ("entry", json!(entry.digest.to_string())),
        ("chain", json!(state.chain.to_string())),
        ("root", json!(state.root().to_string())),
        ("keys", json!(state.len())),
        ("partitions", partitions(state, &entry, &outcome)),
    ];
    line.extend(follows.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(line)
}

#[test]
fn every_vector_comes_to_what_it_says() {
    let text = std::fs::read_to_string(file()).unwrap();
    let mut state = State::default();
    let mut again = String::new();
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        again += &format!("{}\n", worked_out(&vector, &mut state));
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return std::fs::write(file(), &again).unwrap();
    }
    for (number, (found, expected)) in text.lines().zip(again.lines()).enumerate() {
        assert_eq!(found, expected, "vector {}", number + 1);
    }
}

#[test]
fn another_implementation_comes_to_the_same() {
    let python = |args: &[&str]| Command::new("python3").args(args).current_dir(root()).output();
    if !python(&["-c", "import blake3"]).is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 has no module blake3; pip install blake3");
        return;
    }
    let output = python(&["tests/sim/vectors.py", "docs/vectors/protocol.jsonl"]).unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    println!("{told}");
}
