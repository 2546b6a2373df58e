//! `sluice validator run`: one verdict of one component, with what it cost.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value, json};
use sluice_core::{Finding, Revision, State, Verdict};
use sluice_node::hub::wall_ms;

use super::bind::settings;
use super::component::Component;
use crate::cli::{Form, PublishArgs, ValidatorRun};
use crate::draft::{Draft, Edit};
use crate::exit::{Ended, usage};
use crate::space::{Context, key, value};
use crate::told::{finding_line, shown};
use crate::wiring::edges::{Binding, Cost, library};

pub async fn run(context: &Context, args: &ValidatorRun) -> Result<Ended> {
    let (key, value) = (key(&args.key)?, value(&args.value)?);
    if key.is_reserved() {
        return Err(usage(format!("--key {key}: keys under _sluice/ are not left to validators, take another")));
    }
    let settings = args.settings.as_deref().map(settings).transpose()?;
    let component = Component::find(&args.component, &context.space()?).await?;
    let document = json!({"keys": ["**"], "component": component.digest.to_string(), "settings": settings});
    let binding =
        Binding::parse(&component.name, document.to_string().as_bytes()).map_err(|error| anyhow!(error.message))?;
    let now = Revision { ms: wall_ms(), seq: 0 };
    let edit = Edit::Put { key, value, media: args.media.clone() };
    let entry = Draft::new(&[edit], &[], &PublishArgs::default())?.entry(now);
    if let Err(malformed) = &entry.content {
        return Err(usage(malformed));
    }
    let library = library()?;
    let tried = tokio::task::block_in_place(|| library.try_out(&component.bytes, &binding, &entry, &State::default()));
    let trial = tried.map_err(|unfit| anyhow!("hosts would refuse {}: it {}", component.name, unfit.0))?;
    match trial.judgement {
        Ok(verdict) => print(context, &verdict, &trial.cost),
        Err((fault, why)) => bail!("no verdict ({fault}): {why}"),
    }
}

fn print(context: &Context, verdict: &Verdict, cost: &Cost) -> Result<Ended> {
    let (word, cause, findings, ended) = match verdict {
        Verdict::Accept(findings) => ("accept", None, findings, Ended::Yes),
        Verdict::Reject(cause, findings) => ("reject", Some(cause.to_string()), findings, Ended::No),
    };
    let mut fields = head(word, cause, cost);
    let output = &context.output;
    if matches!(output.form(), Form::Table | Form::Wide) {
        output.one("Verdict", fields)?;
        findings.iter().try_for_each(|finding: &Finding| output.line(&finding_line(&shown(finding))))?;
    } else {
        let findings = findings.iter().map(|finding: &Finding| Value::Object(shown(finding)));
        fields.insert("findings".to_owned(), findings.collect());
        output.one("Verdict", fields)?;
    }
    Ok(ended)
}

fn head(word: &str, cause: Option<String>, cost: &Cost) -> Map<String, Value> {
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let fields = [
        ("verdict", json!(word)),
        ("cause", json!(cause)),
        ("fuel", json!(cost.fuel)),
        ("memoryBytes", json!(cost.memory_bytes)),
        ("timeUs", json!(us(cost.time))),
    ];
    Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value)))
}
