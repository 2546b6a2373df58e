//! Publishes real configuration documents, each under its JSON Schema, through a real Redis to a real host,
//! and compares the outcome with the label: `corpus DIR`, DIR holding `documents.jsonl` and `schemas/*.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_live::host::order;
use sluice_live::{Fleet, wait_for};

/// One labelled document.
#[derive(Deserialize)]
struct Document {
    schema: String,
    path: String,
    valid: bool,
    media: String,
    text: String,
}

fn main() -> ExitCode {
    match std::env::args().nth(1).context("usage: corpus DIR").and_then(|folder| run(Path::new(&folder))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(folder: &Path) -> Result<bool> {
    build_binary()?;
    let documents = read(folder)?;
    let fleet = Fleet::start(1)?;
    let schemas: BTreeSet<&str> = documents.iter().map(|document| document.schema.as_str()).collect();
    eprintln!("{} documents, {} schemas", documents.len(), schemas.len());
    let unusable = bind(&fleet, folder, &schemas)?;
    let outcomes = publish(&fleet, &documents)?;
    let mut agree = 0;
    for (document, (outcome, why)) in documents.iter().zip(&outcomes) {
        let wanted = if document.valid { "applied" } else { "rejected" };
        if outcome == wanted {
            agree += 1;
        } else {
            println!("differs: {} {} is {outcome}, not {wanted}: {why}", document.schema, document.path);
        }
    }
    unusable.iter().for_each(|(schema, why)| println!("schema not usable: {schema}: {why}"));
    println!("agree {agree}/{}", documents.len());
    Ok(agree == documents.len())
}

/// `cargo run` builds this program only; the host is another.
fn build_binary() -> Result<()> {
    if std::env::var_os("SLUICE_BIN").is_some() {
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--workspace", "--bin", "sluice"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    ensure!(command.status().context("cannot run cargo")?.success(), "the sluice binary does not build");
    Ok(())
}

fn read(folder: &Path) -> Result<Vec<Document>> {
    let path = folder.join("documents.jsonl");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines().map(|line| serde_json::from_str(line).context("a line is not a labelled document")).collect()
}

/// One binding a schema. A schema that the validator itself refuses is listed, and its documents go unjudged.
fn bind(fleet: &Fleet, folder: &Path, schemas: &BTreeSet<&str>) -> Result<BTreeMap<String, String>> {
    let pushed = fleet.sluice.json(&["validator", "push", "json-schema"])?;
    let component = pushed["digest"].as_str().context("push prints the digest")?.to_owned();
    let mut revisions = BTreeMap::new();
    for schema in schemas {
        let path: PathBuf = folder.join("schemas").join(format!("{schema}.json"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let schema_value: Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        let binding = json!({
            "keys": [format!("{}/**", place(schema))],
            "component": component,
            "settings": { "schema": schema_value },
            "limits": { "fuel": 20_000_000_000_u64, "time_ms": 10_000 },
        });
        let field = format!("put:_sluice/validators/{}", place(schema));
        revisions.insert((*schema).to_owned(), xadd(fleet, &[(&field, binding.to_string().as_bytes())])?);
    }
    let last = revisions.values().max_by_key(|revision| order(revision)).context("there are schemas")?;
    eprintln!("waiting for {} bindings", revisions.len());
    fleet.hosts[0].reaches(last);
    let mut refused = BTreeMap::new();
    for (schema, revision) in &revisions {
        if let Some(why) = outcome(fleet, revision)?.filter(|(class, _)| class != "applied").map(|(_, why)| why) {
            refused.insert(schema.clone(), why);
        }
    }
    Ok(refused)
}

fn publish(fleet: &Fleet, documents: &[Document]) -> Result<Vec<(String, String)>> {
    let mut outcomes = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let field = format!("put:{}/{number}.{}", place(&document.schema), document.media);
        let revision = xadd(fleet, &[(&field, document.text.as_bytes())])?;
        fleet.hosts[0].reaches(&revision);
        outcomes.push(wait_for("an outcome", || outcome(fleet, &revision).ok()?));
        if number % 100 == 99 {
            eprintln!("{} of {}", number + 1, documents.len());
        }
    }
    Ok(outcomes)
}

fn xadd(fleet: &Fleet, fields: &[(&str, &[u8])]) -> Result<String> {
    let mut command = redis::cmd("XADD");
    command.arg("sluice:{shop}:log").arg("*");
    for (name, value) in fields {
        command.arg(name).arg(*value);
    }
    Ok(command.query(&mut fleet.server.connect()?)?)
}

/// What the host says of an entry: its class, and the reason when it was refused.
fn outcome(fleet: &Fleet, revision: &str) -> Result<Option<(String, String)>> {
    let (code, body) = fleet.hosts[0].get(&format!("/v1/entries/{revision}"))?;
    ensure!(code == 200, "GET entry {revision}: {code} {}", String::from_utf8_lossy(&body));
    let entry: Value = serde_json::from_slice(&body)?;
    let class = entry["outcome"].as_str().map(str::to_owned);
    Ok(class.map(|class| (class, entry["findings"].to_string() + &entry["message"].to_string())))
}

/// A schema's name as a segment of a key.
fn place(schema: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' };
    schema.chars().map(kept).collect()
}
