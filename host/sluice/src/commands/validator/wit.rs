//! `sluice validator wit`: the interface a validator speaks, as hosts serve it.

use anyhow::Result;
use serde_json::{Map, json};

use crate::cli::{Form, ValidatorWit};
use crate::exit::{Ended, usage};
use crate::output::Table;
use crate::space::Context;

/// The versions served, the newest first.
const VERSIONS: [(&str, &str); 2] = [
    ("1.0.0", include_str!("../../../../../wit/1.0.0/validator.wit")),
    ("0.1.0", include_str!("../../../../../wit/0.1.0/validator.wit")),
];

pub fn print(context: &Context, args: &ValidatorWit) -> Result<Ended> {
    let output = &context.output;
    if args.list {
        let row = |(version, text): &(&str, &str)| {
            vec![json!(version), json!(format!("sluice:validator@{version}")), json!(text.len())]
        };
        let columns = vec!["version", "package", "bytes"];
        output.many("Wit", &Table { wide_from: 3, columns, rows: VERSIONS.iter().map(row).collect() })?;
        return Ok(Ended::Yes);
    }
    let wanted = args.version.as_deref().unwrap_or(VERSIONS[0].0);
    let Some((version, text)) = VERSIONS.iter().find(|(version, _)| *version == wanted) else {
        let known: Vec<&str> = VERSIONS.iter().map(|(version, _)| *version).collect();
        return Err(usage(format!("version {wanted:?} is not served: take one of {}", known.join(", "))));
    };
    match output.form() {
        Form::Table | Form::Wide => output.raw(text.as_bytes())?,
        Form::Name => output.line(version)?,
        Form::Json | Form::Jsonl | Form::Yaml => {
            let fields = [("version", json!(version)), ("text", json!(text))];
            output.one("Wit", Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))?;
        }
    }
    Ok(Ended::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_of_its_version() {
        for (version, text) in VERSIONS {
            assert!(text.contains(&format!("package sluice:validator@{version};")), "{version}");
        }
    }
}
