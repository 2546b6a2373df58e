//! How a call of a validator ended, in a word.

use std::sync::Arc;

use sluice_core::{Cause, Finding, Verdict};

use crate::told::{finding_line, shown};
use crate::wiring::edges::Trial;

/// How a call ended. A host refuses a change for all but the first two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Accept,
    Warn,
    Reject,
    /// Which limit and how to raise it, in the judge's words.
    Limit(String),
    /// What the author's panic said, or else the rule that was broken.
    Trap(String),
    /// It says that it cannot judge at all: its settings, or itself.
    Unusable(String),
    /// This machine could not tell; a host would try again.
    Fault(String),
}

impl Decision {
    /// How a call ended, and what was found.
    pub fn of(trial: &Trial) -> (Decision, Arc<[Finding]>) {
        let first = |findings: &[Finding]| findings.first().map_or_else(String::new, |one| one.message.to_string());
        match &trial.judgement {
            Ok(Verdict::Accept(findings)) if trial.has_warned => (Decision::Warn, findings.clone()),
            Ok(Verdict::Accept(findings)) => (Decision::Accept, findings.clone()),
            Ok(Verdict::Reject(Cause::Verdict, findings)) if trial.has_failed => {
                (Decision::Unusable(first(findings)), [].into())
            }
            Ok(Verdict::Reject(Cause::Verdict, findings)) => (Decision::Reject, findings.clone()),
            Ok(Verdict::Reject(Cause::Limit, findings)) => (Decision::Limit(first(findings)), [].into()),
            Ok(Verdict::Reject(Cause::Trap, findings)) => (Decision::Trap(first(findings)), [].into()),
            Err((fault, why)) => (Decision::Fault(format!("{fault}: {why}")), [].into()),
        }
    }

    /// What keeps a validator from judging anything, from how it took its settings; none when nothing does.
    pub fn of_settings(trial: &Trial) -> Option<Decision> {
        match Decision::of(trial) {
            (Decision::Accept | Decision::Warn, _) => None,
            (Decision::Reject, findings) => {
                let lines: Vec<String> = findings.iter().map(|finding| finding_line(&shown(finding))).collect();
                Some(Decision::Unusable(format!("hosts would not bind it with these settings: {}", lines.join("; "))))
            }
            (broken, _) => Some(broken),
        }
    }

    /// The word a case expects it by, and a recording has.
    pub fn word(&self) -> &'static str {
        match self {
            Decision::Accept => "accept",
            Decision::Warn => "warn",
            Decision::Reject => "reject",
            Decision::Limit(_) => "limit",
            Decision::Trap(_) => "trap",
            Decision::Unusable(_) => "unusable",
            Decision::Fault(_) => "fault",
        }
    }

    /// Why there is no verdict, if there is none.
    pub fn why(&self) -> Option<&str> {
        match self {
            Decision::Accept | Decision::Warn | Decision::Reject => None,
            Decision::Limit(why) | Decision::Trap(why) | Decision::Unusable(why) | Decision::Fault(why) => Some(why),
        }
    }
}
