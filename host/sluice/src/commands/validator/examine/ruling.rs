//! What a validator made of a case, and how that differs from what was expected.

use serde_json::{Map, Value};
use sluice_core::Key;

use super::expectation::{Expectation, Expected};
use crate::commands::validator::decision::Decision;
use crate::told::{finding_line, shown};
use crate::wiring::edges::Trial;

/// What was found.
pub struct Ruling {
    pub decision: Decision,
    /// As told to people and scripts.
    pub findings: Vec<Map<String, Value>>,
    found: Vec<Expected>,
}

impl Ruling {
    pub fn of(trial: &Trial) -> Ruling {
        let (decision, findings) = Decision::of(trial);
        let found = findings.iter().map(|finding| Expected {
            code: finding.code.to_string(),
            key: finding.key.as_ref().map(Key::as_str).map(str::to_owned),
            pointer: finding.pointer.as_deref().map(str::to_owned),
        });
        let mut found: Vec<Expected> = found.collect();
        found.sort();
        Ruling { decision, found, findings: findings.iter().map(shown).collect() }
    }

    /// Of a validator that cannot be asked.
    pub fn unasked(decision: Decision) -> Ruling {
        Ruling { decision, findings: Vec::new(), found: Vec::new() }
    }

    /// It, as the expectation it would meet.
    pub fn expectation(&self) -> Expectation {
        Expectation { decision: self.decision.word().to_owned(), findings: Some(self.found.clone()) }
    }

    /// Whether it is what was expected.
    pub fn meets(&self, expected: &Expectation) -> bool {
        self.faults(expected).is_empty()
    }

    /// How it differs, a line each: `-` was expected and not found, `+` was found and not expected.
    pub fn faults(&self, expected: &Expectation) -> Vec<String> {
        let mut lines = Vec::new();
        let word = self.decision.word();
        if expected.decision != word {
            lines.extend(self.broken());
            lines.extend([format!("- {}", expected.decision), format!("+ {word}")]);
            // What it objects to is what one wants to know, also when no findings were expected.
            if expected.findings.is_none() {
                lines.extend(self.findings.iter().map(|finding| format!("+ {}", finding_line(finding))));
            }
        }
        let Some(wanted) = &expected.findings else { return lines };
        let mut left: Vec<usize> = (0..self.found.len()).collect();
        let mut missing = Vec::new();
        for one in wanted {
            match left.iter().position(|at| one.is(&self.found[*at])) {
                Some(at) => drop(left.remove(at)),
                None => missing.push(format!("- {}", one.line())),
            }
        }
        lines.extend(missing);
        lines.extend(left.into_iter().map(|at| format!("+ {}", self.found[at].line())));
        lines
    }

    /// Why there is no verdict, and what to do about it.
    fn broken(&self) -> Vec<String> {
        let remedy = match &self.decision {
            Decision::Accept | Decision::Warn | Decision::Reject | Decision::Unusable(_) => None,
            Decision::Limit(_) => Some(
                "here: under [limits] of validator.toml, or by a flag such as --fuel, --memory-bytes, --result-bytes",
            ),
            Decision::Trap(why) if why.contains("out of bounds memory") || why.contains("call stack") => {
                Some("the stack is small: if the rule recurses, build it with --stack-bytes 1048576")
            }
            Decision::Trap(_) => {
                Some("where it was is shown with -v; the rule's own tests judge the same change natively")
            }
            Decision::Fault(_) => Some("this machine is at fault: try again, or with a higher --time-ms"),
        };
        self.decision.why().into_iter().chain(remedy).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_core::{Cause, Finding, Severity, Verdict};

    use super::*;
    use crate::wiring::edges::{Cost, Journal};

    fn finding(code: &str, pointer: Option<&str>, message: &str) -> Finding {
        Finding {
            validator: "v".into(),
            severity: Severity::Error,
            code: code.into(),
            message: message.into(),
            key: Some(Key::parse(b"a").unwrap()),
            pointer: pointer.map(Arc::from),
            help: None,
        }
    }

    fn trial(cause: Cause, findings: Vec<Finding>) -> Trial {
        Trial {
            judgement: Ok(Verdict::Reject(cause, findings.into())),
            has_warned: false,
            has_failed: false,
            cost: Cost::default(),
            configured_fuel: 0,
            journal: Journal::default(),
            backtrace: Vec::new(),
        }
    }

    fn faults(cause: Cause, findings: Vec<Finding>, expected: &str) -> Vec<String> {
        let expected = toml::from_str(expected).unwrap();
        Ruling::of(&trial(cause, findings)).faults(&expected)
    }

    #[test]
    fn findings_are_compared_as_a_set_by_code_and_place() {
        let two = || vec![finding("b", Some("/x"), "m"), finding("a", None, "m")];
        let both = "decision = 'reject'\nfindings = [{code = 'a'}, {code = 'b', pointer = '/x', key = 'a'}]";
        assert_eq!(faults(Cause::Verdict, two(), both), [""; 0]);
        assert_eq!(faults(Cause::Verdict, two(), "decision = 'reject'"), [""; 0]);
        let other = "decision = 'reject'\nfindings = [{code = 'a'}, {code = 'b', pointer = '/y'}]";
        assert_eq!(faults(Cause::Verdict, two(), other), ["- b #/y", "+ b a#/x"]);
        let twice = vec![finding("a", None, "m"), finding("a", None, "m")];
        assert_eq!(faults(Cause::Verdict, twice, "decision = 'reject'\nfindings = [{code = 'a'}]"), ["+ a a"]);
    }

    #[test]
    fn a_validator_that_broke_has_not_rejected() {
        let told = faults(Cause::Trap, vec![finding("trap", None, "unreachable")], "decision = 'reject'");
        assert_eq!((told[0].as_str(), &told[2..]), ("unreachable", &["- reject".to_owned(), "+ trap".to_owned()][..]));
        let spent = || vec![finding("limit", None, "used up its fuel of 7: raise it")];
        let told = faults(Cause::Limit, spent(), "decision = 'reject'");
        assert!(told[0] == "used up its fuel of 7: raise it" && told[1].contains("--fuel"), "{told:?}");
        assert_eq!(faults(Cause::Limit, spent(), "decision = 'limit'"), [""; 0]);
    }
}
