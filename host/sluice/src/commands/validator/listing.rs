//! `sluice validator ls`: the bindings in force.

use anyhow::Result;
use serde_json::{Value, json};
use sluice_core::key::VALIDATORS;
use sluice_core::{Item, Key};

use crate::cli::Form;
use crate::exit::Ended;
use crate::output::Table;
use crate::space::Context;
use crate::way::Way;
use crate::wiring::edges::Binding;

/// Hex digits of a digest shown to people.
const SHORT_DIGITS: usize = 12;

pub async fn list(context: &Context) -> Result<Ended> {
    let is_short = matches!(context.output.form(), Form::Table);
    let state = Way::of(context)?.state(VALIDATORS).await?;
    let rows: Vec<_> = state.range(VALIDATORS, None).map(|(key, item)| row(key, item, is_short)).collect();
    if rows.is_empty() {
        context.output.remark("no validator is bound");
    }
    let columns = vec!["name", "mode", "keys", "component", "limits", "revision", "settings"];
    context.output.many("Validators", &Table { columns, wide_from: 6, rows })?;
    Ok(Ended::Yes)
}

fn row(key: &Key, item: &Item, is_short: bool) -> Vec<Value> {
    let name = key.as_str().strip_prefix(VALIDATORS).unwrap_or(key.as_str());
    let document: Value = serde_json::from_slice(&item.bytes).unwrap_or_default();
    let field = |name: &str| document.get(name).cloned().unwrap_or_default();
    let revision = json!(item.revision.to_string());
    // A newer version may have let in what this one cannot read: shown as it stands.
    let Ok(binding) = Binding::parse(name, &item.bytes) else {
        return vec![
            json!(name),
            field("mode"),
            field("keys"),
            field("component"),
            field("limits"),
            revision,
            field("settings"),
        ];
    };
    let component = binding.component.to_string();
    let limits = binding.limits;
    let limits = match is_short {
        true => json!(format!("fuel={} memory_bytes={} time_ms={}", limits.fuel, limits.memory_bytes, limits.time_ms)),
        false => json!({"fuel": limits.fuel, "memory_bytes": limits.memory_bytes, "time_ms": limits.time_ms}),
    };
    let component = if is_short { &component[..SHORT_DIGITS] } else { &component };
    let mode = document.get("mode").cloned().unwrap_or_else(|| json!("enforce"));
    vec![json!(name), mode, field("keys"), json!(component), limits, revision, field("settings")]
}
