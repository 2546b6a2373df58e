//! The guest `json-schema` on a folder of labelled documents, as a host runs it: `corpus DIR`. Prints what
//! differs, what calls cost, and ends with `agree N/TOTAL`.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use sluice_artifacts::JSON_SCHEMA;
use sluice_core::{Digest, Entry, Revision, State, Verdict};
use sluice_judge::{Binding, Cost, Library, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: corpus DIR")?;
    let folder = Path::new(&folder);
    let library = Library::open(&Settings::default())?;
    println!("compiled in {:?}", library.inspect(JSON_SCHEMA).compile_time);
    let mut bindings: HashMap<String, Binding> = HashMap::new();
    let (mut agreed, mut costs) = (0, Vec::new());
    for line in BufReader::new(fs::File::open(folder.join("documents.jsonl"))?).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let name = text("schema").to_owned();
        if !bindings.contains_key(&name) {
            let schema = fs::read_to_string(folder.join("schemas").join(format!("{name}.json")))?;
            let digest = Digest::of(JSON_SCHEMA);
            let binding = format!(r#"{{"keys": ["**"], "component": "{digest}", "settings": {{"schema": {schema}}}}}"#);
            bindings.insert(name.clone(), Binding::parse(&name, binding.as_bytes()).map_err(|error| error.message)?);
        }
        let field = (Bytes::from(format!("put:doc.{}", text("media"))), Bytes::from(text("text").to_owned()));
        let entry = Entry::read(Revision { ms: 1, seq: 0 }, vec![field]);
        let trial = library.try_out(JSON_SCHEMA, &bindings[&name], &entry, &State::default()).map_err(|e| e.0)?;
        let is_applied = matches!(trial.judgement, Ok(Verdict::Accept(_)));
        match line["valid"].as_bool() == Some(is_applied) {
            true => agreed += 1,
            false => println!("{}: {:?}", text("path"), trial.judgement),
        }
        costs.push((trial.cost, name));
    }
    show("fuel", &mut costs, |cost| cost.fuel);
    show("memory_bytes", &mut costs, |cost| cost.memory_bytes);
    show("time_us", &mut costs, |cost| cost.time.as_micros() as u64);
    println!("agree {agreed}/{}", costs.len());
    Ok(())
}

fn show(what: &str, costs: &mut [(Cost, String)], of: impl Fn(&Cost) -> u64) {
    costs.sort_by_key(|(cost, _)| of(cost));
    let Some((most, schema)) = costs.last() else { return };
    println!("{what}: p50 {}, most {} ({schema})", of(&costs[costs.len() / 2].0), of(most));
}
