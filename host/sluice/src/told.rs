//! An outcome as it is told to people and scripts.

use anyhow::Result;
use serde_json::{Map, Value, json};
use sluice_core::{Finding, Key, Outcome, Revision};

use crate::cli::Form;
use crate::exit::Ended;
use crate::output::printable;
use crate::space::Context;
use crate::wiring::edges::HostReport;

/// An outcome, from wherever it was learnt.
pub struct Told {
    class: String,
    message: Option<String>,
    findings: Vec<Map<String, Value>>,
}

impl Told {
    /// From an outcome worked out here.
    pub fn of(outcome: &Outcome) -> Told {
        let message = match outcome {
            Outcome::Applied(_) | Outcome::Staged => None,
            Outcome::Refused(refusal) => Some(refusal.to_string()),
        };
        let findings = outcome.findings().iter().map(shown).collect();
        Told { class: outcome.class().to_owned(), message, findings }
    }

    /// From the report of a host that has the revision. `None` when its list of refusals does not reach
    /// back that far.
    pub fn from_report(report: &HostReport, revision: Revision) -> Option<Told> {
        let refusal = report.refusals.iter().find(|refusal| refusal.revision == revision.to_string());
        match refusal {
            Some(refusal) => Some(Told {
                class: refusal.class.clone(),
                message: Some(refusal.message.clone()),
                findings: refusal.findings.iter().filter_map(|finding| object(json!(finding))).collect(),
            }),
            None if reaches(report, revision) => {
                Some(Told { class: "applied".to_owned(), message: None, findings: Vec::new() })
            }
            None => None,
        }
    }

    /// Prints it, findings with their pointers, and picks how the command ends.
    pub fn print(&self, context: &Context, revision: Revision, remark: &str) -> Result<Ended> {
        let mut fields = Map::new();
        fields.insert("revision".to_owned(), revision.to_string().into());
        fields.insert("outcome".to_owned(), self.class.clone().into());
        if let Some(message) = &self.message {
            fields.insert("message".to_owned(), message.clone().into());
        }
        if matches!(context.output.form(), Form::Table | Form::Wide) {
            context.output.one("Outcome", fields)?;
            for finding in &self.findings {
                context.output.line(&finding_line(finding))?;
            }
        } else {
            fields.insert("findings".to_owned(), self.findings.iter().cloned().map(Value::Object).collect());
            context.output.one("Outcome", fields)?;
        }
        context.output.remark(remark);
        Ok(self.ended())
    }

    fn ended(&self) -> Ended {
        match self.class.as_str() {
            "applied" | "staged" | "duplicate" => Ended::Yes,
            "conflict" | "fenced" => Ended::Raced,
            _ => Ended::No,
        }
    }
}

fn reaches(report: &HostReport, revision: Revision) -> bool {
    report.refusals_from.parse::<Revision>().is_ok_and(|from| from <= revision)
}

/// A finding as JSON, as hosts report it.
pub fn shown(finding: &Finding) -> Map<String, Value> {
    let optional = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    Map::from_iter([
        ("validator".to_owned(), Value::from(&*finding.validator)),
        ("severity".to_owned(), finding.severity.to_string().into()),
        ("code".to_owned(), Value::from(&*finding.code)),
        ("message".to_owned(), Value::from(&*finding.message)),
        ("key".to_owned(), optional(finding.key.as_ref().map(Key::as_str))),
        ("pointer".to_owned(), optional(finding.pointer.as_deref())),
        ("help".to_owned(), optional(finding.help.as_deref())),
    ])
}

/// `error  json-schema  app/limits.json#/max  250 is greater than the maximum of 100  (maximum)`.
pub fn finding_line(finding: &Map<String, Value>) -> String {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).map(printable).unwrap_or_default();
    let place = match (text("key"), text("pointer")) {
        (key, pointer) if pointer.is_empty() => key,
        (key, pointer) => format!("{key}#{pointer}"),
    };
    let parts = [text("severity"), text("validator"), place, text("message"), format!("({})", text("code"))];
    parts.into_iter().filter(|part| !part.is_empty() && part != "()").collect::<Vec<_>>().join("  ")
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}
