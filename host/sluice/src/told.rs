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
            Outcome::Applied(_) | Outcome::Scheduled(_) | Outcome::Staged => None,
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
                findings: refusal.findings.iter().map(|finding| whole(&json!(finding))).collect(),
            }),
            None if reaches(report, revision) => {
                let remark = report.remarks.iter().find(|remark| remark.revision == revision.to_string());
                let findings = remark.iter().flat_map(|remark| &remark.findings);
                let findings = findings.map(|finding| whole(&json!(finding))).collect();
                Some(Told { class: "applied".to_owned(), message: None, findings })
            }
            None => None,
        }
    }

    /// From a host's answer to a publisher. `None` when it does not know the outcome.
    pub fn from_answer(answer: &Value) -> Option<Told> {
        let class = answer.get("outcome")?.as_str()?;
        if matches!(class, "held" | "pending" | "unknown") {
            return None;
        }
        let message = answer.get("detail").and_then(Value::as_str).map(str::to_owned);
        // What objects other than validators is in the message, as it is wherever else an outcome is told.
        let listed = answer.get("findings").or_else(|| answer.get("errors")).and_then(Value::as_array);
        let findings = listed.into_iter().flatten().filter(|finding| finding.get("validator").is_some());
        Some(Told { class: class.to_owned(), message, findings: findings.map(whole).collect() })
    }

    /// The same of a change that waits for its time: reports of hosts tell only refusals apart.
    pub fn scheduled(self) -> Told {
        let class = if self.class == "applied" { "scheduled".to_owned() } else { self.class };
        Told { class, ..self }
    }

    /// What validators found.
    pub fn findings(&self) -> &[Map<String, Value>] {
        &self.findings
    }

    /// Prints it, findings with their pointers, and picks how the command ends. What was never in the log
    /// has no revision.
    pub fn print(&self, context: &Context, revision: Option<Revision>, remark: &str) -> Result<Ended> {
        let mut fields = Map::new();
        if let Some(revision) = revision {
            fields.insert("revision".to_owned(), revision.to_string().into());
        }
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
            "applied" | "scheduled" | "staged" | "duplicate" => Ended::Yes,
            "conflict" | "fenced" => Ended::Raced,
            _ => Ended::No,
        }
    }
}

fn reaches(report: &HostReport, revision: Revision) -> bool {
    report.refusals_from.parse::<Revision>().is_ok_and(|from| from <= revision)
}

/// A finding as a host tells it, with the members that are left out there.
fn whole(finding: &Value) -> Map<String, Value> {
    let names = ["validator", "severity", "code", "message", "key", "pointer", "help"];
    names.map(|name| (name.to_owned(), finding.get(name).cloned().unwrap_or_default())).into_iter().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_does_not_know_the_outcome_tells_none() {
        let told = |outcome: &str| Told::from_answer(&json!({"outcome": outcome})).map(|told| told.ended());
        assert_eq!([told("held"), told("pending"), told("unknown")], [None; 3]);
        assert_eq!(
            [told("applied"), told("conflict"), told("rejected")],
            [Some(Ended::Yes), Some(Ended::Raced), Some(Ended::No)]
        );
    }

    #[test]
    fn findings_are_the_same_by_every_way() {
        let finding = json!({"validator": "v", "severity": "error", "code": "c", "message": "m", "pointer": "/a"});
        let answer = json!({"outcome": "rejected", "detail": "v: m", "errors": [finding, {"code": "fuel"}]});
        let told = Told::from_answer(&answer).unwrap();
        assert_eq!((told.message.as_deref(), told.findings.len()), (Some("v: m"), 1));
        let names: Vec<&str> = told.findings[0].keys().map(String::as_str).collect();
        assert_eq!(names, ["validator", "severity", "code", "message", "key", "pointer", "help"]);
    }
}
