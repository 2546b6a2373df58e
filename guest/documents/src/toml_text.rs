//! TOML: its dates become strings, as they would stand in JSON.

use serde_json::Value;
use toml::Value as Toml;

pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let table = text.parse::<toml::Table>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..at];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        format!("{} at line {line} column {column}", error.message())
    })?;
    value(Toml::Table(table))
}

fn value(toml: Toml) -> Result<Value, String> {
    Ok(match toml {
        Toml::String(text) => Value::String(text),
        Toml::Integer(number) => number.into(),
        Toml::Float(float) => crate::number(float)?,
        Toml::Boolean(truth) => Value::Bool(truth),
        Toml::Datetime(moment) => Value::String(moment.to_string()),
        Toml::Array(items) => items.into_iter().map(value).collect::<Result<_, _>>()?,
        Toml::Table(table) => {
            Value::Object(table.into_iter().map(|(key, item)| Ok((key, value(item)?))).collect::<Result<_, String>>()?)
        }
    })
}
