//! `sluice validator inspect`: what a component is, and whether hosts would take it.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::component::Component;
use crate::exit::Ended;
use crate::space::Context;
use crate::wiring::edges::library;

pub async fn inspect(context: &Context, text: &str) -> Result<Ended> {
    let component = Component::find(text, &context.space()?).await?;
    let library = library()?;
    let inspection = tokio::task::block_in_place(|| library.inspect(&component.bytes));
    let said = inspection.description.as_ref();
    let compile_ms = inspection.compile_time.as_millis() as u64;
    let is_fit = inspection.refusal.is_none();
    let settings = said.and_then(|said| said.settings_schema.as_deref());
    // As a document where it is one; a validator may say anything.
    let settings = settings.map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)));
    let image = inspection.imageless.as_ref().map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"));
    let fields: [(&str, Value); 15] = [
        ("digest", json!(inspection.digest.to_string())),
        ("bytes", json!(inspection.bytes)),
        ("verdict", json!(if is_fit { "ok" } else { "refused" })),
        ("why", json!(inspection.refusal)),
        ("world", json!(world(&inspection.exports))),
        ("name", json!(said.map(|said| &said.name))),
        ("version", json!(said.map(|said| &said.version))),
        ("summary", json!(said.map(|said| &said.summary))),
        ("imports", json!(inspection.imports)),
        ("exports", json!(inspection.exports)),
        ("keys", json!(said.map(|said| &said.keys))),
        ("reads", json!(said.map(|said| &said.reads))),
        ("settingsSchema", json!(settings)),
        ("image", json!(is_fit.then_some(image))),
        ("compileMs", json!(compile_ms)),
    ];
    context.output.one("Component", Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))?;
    Ok(if is_fit { Ended::Yes } else { Ended::No })
}

/// The version of the contract, from the interface exported: `sluice:validator@0.1.0`.
fn world(exports: &[String]) -> Option<String> {
    exports.iter().find_map(|export| {
        let (interface, version) = export.split_once('@')?;
        let (package, _) = interface.split_once('/')?;
        (package == "sluice:validator").then(|| format!("{package}@{version}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_read_from_the_exports() {
        let world = |exports: &[&str]| world(&exports.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(world(&["memory", "sluice:validator/validator@0.1.0"]).as_deref(), Some("sluice:validator@0.1.0"));
        assert_eq!(world(&["wasi:cli/run@0.2.0"]), None);
    }
}
