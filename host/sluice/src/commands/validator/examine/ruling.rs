//! What a validator made of a case, and how that differs from what was expected.

use serde_json::{Map, Value};
use sluice_core::{Cause, Fault, Finding, Key, Verdict};

use super::expectation::{Expectation, Expected};
use crate::told::{finding_line, shown};
use crate::wiring::edges::{Cost, Limits};

/// What was found.
pub struct Ruling {
    pub decision: Decision,
    /// As told to people and scripts.
    pub findings: Vec<Map<String, Value>>,
    found: Vec<Expected>,
}

/// How a call ended.
pub enum Decision {
    Accept,
    Reject,
    /// Which limit, in the judge's words.
    Limit(String),
    Trap(String),
    /// It says that it cannot judge at all: its settings, or itself.
    Unusable(String),
    /// This machine could not tell; a host would try again.
    Fault(String),
}

impl Decision {
    /// The word a case expects it by.
    pub fn word(&self) -> &'static str {
        match self {
            Decision::Accept => "accept",
            Decision::Reject => "reject",
            Decision::Limit(_) => "limit",
            Decision::Trap(_) => "trap",
            Decision::Unusable(_) => "unusable",
            Decision::Fault(_) => "fault",
        }
    }
}

impl Ruling {
    pub fn of(judgement: Result<Verdict, (Fault, String)>) -> Ruling {
        let first = |findings: &[Finding]| findings.first().map_or_else(String::new, |one| one.message.to_string());
        let (decision, findings) = match judgement {
            Ok(Verdict::Accept(findings)) => (Decision::Accept, findings),
            Ok(Verdict::Reject(Cause::Verdict, findings)) if is_fault(&findings) => {
                (Decision::Unusable(first(&findings)), [].into())
            }
            Ok(Verdict::Reject(Cause::Verdict, findings)) => (Decision::Reject, findings),
            Ok(Verdict::Reject(Cause::Limit, findings)) => (Decision::Limit(first(&findings)), [].into()),
            Ok(Verdict::Reject(Cause::Trap, findings)) => (Decision::Trap(first(&findings)), [].into()),
            Err((fault, why)) => (Decision::Fault(format!("{fault}: {why}")), [].into()),
        };
        let found = findings.iter().map(|finding| Expected {
            code: finding.code.to_string(),
            key: finding.key.as_ref().map(Key::as_str).map(str::to_owned),
            pointer: finding.pointer.as_deref().map(str::to_owned),
        });
        let mut found: Vec<Expected> = found.collect();
        found.sort();
        Ruling { decision, found, findings: findings.iter().map(shown).collect() }
    }

    /// It, as the expectation it would meet.
    pub fn expectation(&self) -> Expectation {
        Expectation { decision: self.decision.word().to_owned(), findings: Some(self.found.clone()) }
    }

    /// Whether it is what was expected.
    pub fn meets(&self, expected: &Expectation) -> bool {
        self.faults(expected, &Cost::default(), &Limits::DEFAULT).is_empty()
    }

    /// How it differs, a line each: `-` was expected and not found, `+` was found and not expected.
    pub fn faults(&self, expected: &Expectation, cost: &Cost, limits: &Limits) -> Vec<String> {
        let mut lines = Vec::new();
        let word = self.decision.word();
        if expected.decision != word {
            lines.extend(self.broken(cost, limits));
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
    fn broken(&self, cost: &Cost, limits: &Limits) -> Vec<String> {
        match &self.decision {
            Decision::Accept | Decision::Reject => Vec::new(),
            Decision::Limit(why) => {
                let raise = |name: &str, unit: &str, used: u64, limit: u64, most: u64| {
                    let flag = name.replace('_', "-");
                    let remedy = format!("raise it by {name} under [limits] of validator.toml or --{flag}, to {most}");
                    vec![format!("{why}: used {used} of {limit} {unit}"), format!("{remedy} at most")]
                };
                match why {
                    why if why.contains("fuel") => raise("fuel", "units", cost.fuel, limits.fuel, Limits::MAX.fuel),
                    why if why.contains("of memory") => {
                        let most = Limits::MAX.memory_bytes;
                        raise("memory_bytes", "bytes", cost.memory_bytes, limits.memory_bytes, most)
                    }
                    why => vec![format!("{why}: that is fixed, report fewer or shorter findings")],
                }
            }
            // A validator imports nothing, so there is no way out of the sandbox for a message.
            Decision::Trap(why) => {
                let panic = "a panic's message stays in the sandbox: judge the case natively with cargo test";
                let stack = "the stack is small: if the rule recurses, build it with --stack-bytes 1048576";
                let is_stack = why.contains("out of bounds memory") || why.contains("call stack");
                vec![why.clone(), (if is_stack { stack } else { panic }).to_owned()]
            }
            Decision::Unusable(why) => vec![why.clone()],
            Decision::Fault(why) => {
                vec![why.clone(), "this machine is at fault: try again, or with a higher --time-ms".to_owned()]
            }
        }
    }
}

/// Whether the guest gave a fault instead of a verdict. A host rejects then too, with the judge's own words
/// and about no key; a guest's findings say something else.
fn is_fault(findings: &[Finding]) -> bool {
    let words = [("settings", "cannot use its settings: "), ("internal", "the validator failed: ")];
    let [only] = findings else { return false };
    only.key.is_none() && words.iter().any(|(code, start)| &*only.code == *code && only.message.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_core::Severity;

    use super::*;

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

    fn faults(cause: Cause, findings: Vec<Finding>, expected: &str) -> Vec<String> {
        let expected = toml::from_str(expected).unwrap();
        let cost = Cost { fuel: 7, memory_bytes: 9, ..Cost::default() };
        Ruling::of(Ok(Verdict::Reject(cause, findings.into()))).faults(&expected, &cost, &Limits::DEFAULT)
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
        let spent = || vec![finding("limit", None, "used up its fuel of 7")];
        let told = faults(Cause::Limit, spent(), "decision = 'reject'");
        assert_eq!(told[0], "used up its fuel of 7: used 7 of 2000000000 units");
        assert!(told[1].contains("--fuel, to 50000000000 at most"), "{told:?}");
        assert_eq!(faults(Cause::Limit, spent(), "decision = 'limit'"), [""; 0]);
    }
}
