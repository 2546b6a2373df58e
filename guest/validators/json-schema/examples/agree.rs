//! Compares this validator with labels somebody else gave: `agree DIR` reads `DIR/documents.jsonl`, whose
//! lines hold `schema`, `path`, `valid`, `media`, `text` and `json` (the text as the other side parsed it),
//! and `DIR/schemas/NAME.json`; it lists every difference and ends with `agree N/TOTAL`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::{env, error::Error, fs, process::ExitCode};

use json_schema::{Rules, Settings};
use serde::Deserialize;
use serde_json::Value;
use sluice_documents::parse;
use sluice_guest::Change;

#[derive(Deserialize)]
struct Line {
    schema: String,
    path: String,
    valid: bool,
    media: String,
    text: String,
    json: Value,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("usage: agree DIR")?;
    let folder = Path::new(&folder);
    let mut schemas = HashMap::new();
    let (mut agreed, mut total) = (0, 0);
    for line in BufReader::new(fs::File::open(folder.join("documents.jsonl"))?).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        if !schemas.contains_key(&line.schema) {
            let schema = fs::read_to_string(folder.join("schemas").join(format!("{}.json", line.schema)))?;
            let settings = Settings { schema: serde_json::from_str(&schema)?, formats: false };
            schemas.insert(line.schema.clone(), settings.rules().map_err(|finding| finding.message));
        }
        total += 1;
        match difference(&line, &schemas[&line.schema]) {
            None => agreed += 1,
            Some(why) => println!("{} ({}): {why}", line.path, line.schema),
        }
    }
    println!("agree {agreed}/{total}");
    Ok(if agreed == total { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How our answer differs from the label, if it does, and whether reading or judging is the cause.
fn difference(line: &Line, rules: &Result<Rules, String>) -> Option<String> {
    let rules = match rules {
        Ok(rules) => rules,
        Err(why) => return Some(why.clone()),
    };
    let change = Change::of(&format!("document.{}", line.media), "", &line.text);
    let (key, document) = change.documents().next()?;
    let value = match parse(key, document) {
        Ok(value) => value,
        Err(finding) if line.valid => return Some(finding.message),
        Err(_) => return None,
    };
    let ours = rules.validate(&value);
    if ours.is_ok() == line.valid {
        return None;
    }
    let cause = if rules.is_valid(&line.json) == line.valid { "read differently" } else { "judged differently" };
    Some(match ours {
        Ok(()) => format!("{cause}: accepted"),
        Err(error) => format!("{cause}: {} at `{}`", error.masked(), error.instance_path()),
    })
}
