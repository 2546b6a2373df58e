//! Verdicts, made of findings.

use crate::{Decision, Finding, Severity, Verdict};

impl Verdict {
    /// Nothing to object to, nothing to say.
    pub fn accept() -> Self {
        Self { decision: Decision::Accept, findings: Vec::new() }
    }

    /// No, for this reason.
    pub fn reject(finding: Finding) -> Self {
        Self { decision: Decision::Reject, findings: vec![finding] }
    }

    /// Yes, but tells these things.
    pub fn accept_with(findings: impl IntoIterator<Item = Finding>) -> Self {
        Self { decision: Decision::Accept, findings: findings.into_iter().collect() }
    }
}

/// Rejects if one of the findings is an error.
impl FromIterator<Finding> for Verdict {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        let findings: Vec<_> = findings.into_iter().collect();
        let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
        Self { decision: if wrong { Decision::Reject } else { Decision::Accept }, findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_among_the_findings_rejects_and_a_warning_does_not() {
        let warning = || Finding::warning("old", "deprecated");
        let verdict: Verdict = [warning()].into_iter().collect();
        assert_eq!(verdict.decision, Decision::Accept);
        let verdict: Verdict = [warning(), Finding::error("wrong", "no")].into_iter().collect();
        assert_eq!(verdict.decision, Decision::Reject);
    }
}
