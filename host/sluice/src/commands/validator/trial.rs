//! `sluice validator run`: one verdict of one component, with what it wrote and what it cost.

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::{Map, Value, json};
use sluice_core::{Fault, Finding, Verdict};

use super::bind::settings;
use super::component::Component;
use super::decision::Decision;
use super::journal;
use super::proposal::Proposal;
use super::scenario::Scenario;
use crate::cli::{Document, Form, ValidatorRun};
use crate::exit::Ended;
use crate::space::Context;
use crate::told::{finding_line, shown};
use crate::wiring::edges::{Trial, library};

pub async fn run(context: &Context, args: &ValidatorRun) -> Result<Ended> {
    let scenario = Scenario::of_typed(&args.document, &args.value)?;
    let component = Component::find(&args.component, &context.space()?).await?;
    let binding = proposed(&args.document)?.bind(&component)?;
    let library = library()?;
    let (decision, trial) = tokio::task::block_in_place(|| {
        let candidate = library.candidate(&component.bytes, &binding);
        let candidate = candidate.map_err(|unfit| anyhow!("hosts would refuse {}: it {}", component.name, unfit.0))?;
        let configured = candidate.configure();
        if let Some(why) = Decision::of_settings(&configured) {
            return Ok((why, configured));
        }
        let trial = candidate.judge(&scenario.entry, &scenario.before).map_err(|unfit| anyhow!(unfit.0))?;
        anyhow::Ok((Decision::of(&trial).0, trial))
    })?;
    print(context, &decision, &trial)
}

/// The binding that the flags describe, of all keys.
pub fn proposed(document: &Document) -> Result<Proposal> {
    let given = document.given.iter().filter_map(|text| text.split_once('=')).map(|(key, _)| key.to_owned());
    Ok(Proposal {
        keys: vec!["**".to_owned()],
        reads: if document.reads.is_empty() { given.collect() } else { document.reads.clone() },
        settings: document.settings.as_deref().map(settings).transpose()?,
        limits: document.limits.document(),
    })
}

fn print(context: &Context, decision: &Decision, trial: &Trial) -> Result<Ended> {
    let findings = match &trial.judgement {
        Ok(Verdict::Accept(findings) | Verdict::Reject(_, findings)) => findings.clone(),
        Err((Fault::Missing | Fault::Memory | Fault::Time | Fault::Internal, _)) => [].into(),
    };
    let mut fields = head(decision, trial);
    let output = &context.output;
    if matches!(output.form(), Form::Table | Form::Wide) {
        // What an author wants to know first stands first: what the panic said, which limit it was.
        if let Some(why) = decision.why() {
            fields.shift_remove("why");
            fields.shift_insert(0, "why".to_owned(), why.into());
        }
        output.one("Verdict", fields)?;
        // Why it was stopped has been told.
        let findings = if decision.why().is_some() { &[][..] } else { &findings[..] };
        let findings = findings.iter().map(|finding| finding_line(&shown(finding)));
        let lines = findings.chain(journal::lines(&trial.journal)).chain(journal::trace(context, &trial.backtrace));
        lines.into_iter().try_for_each(|line| output.line(&line))?;
    } else {
        let findings = findings.iter().map(|finding: &Finding| Value::Object(shown(finding)));
        fields.insert("findings".to_owned(), findings.collect());
        fields.insert("log".to_owned(), journal::told(&trial.journal));
        if context.verbose > 0 {
            fields.insert("backtrace".to_owned(), json!(trial.backtrace));
        }
        output.one("Verdict", fields)?;
    }
    Ok(match decision {
        Decision::Accept | Decision::Warn => Ended::Yes,
        Decision::Reject | Decision::Limit(_) | Decision::Trap(_) | Decision::Unusable(_) | Decision::Fault(_) => {
            Ended::No
        }
    })
}

fn head(decision: &Decision, trial: &Trial) -> Map<String, Value> {
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let cause = match &trial.judgement {
        Ok(Verdict::Reject(cause, _)) => Some(cause.to_string()),
        Ok(Verdict::Accept(_)) | Err(_) => None,
    };
    let fields = [
        ("verdict", json!(decision.word())),
        ("cause", json!(cause)),
        ("why", json!(decision.why())),
        ("fuel", json!(trial.cost.fuel)),
        ("configureFuel", json!(trial.configured_fuel)),
        ("memoryBytes", json!(trial.cost.memory_bytes)),
        ("timeUs", json!(us(trial.cost.time))),
    ];
    Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value)))
}
