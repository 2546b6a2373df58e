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

    /// Yes, and somebody should look at it.
    pub fn warn(findings: impl IntoIterator<Item = Finding>) -> Self {
        Self { decision: Decision::Warn, findings: findings.into_iter().collect() }
    }

    /// Yes, but tells these things.
    pub fn accept_with(findings: impl IntoIterator<Item = Finding>) -> Self {
        Self { decision: Decision::Accept, findings: findings.into_iter().collect() }
    }
}

/// Rejects if one of the findings is an error, warns if one is a warning.
impl FromIterator<Finding> for Verdict {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        let findings: Vec<_> = findings.into_iter().collect();
        let decision = match findings.iter().map(|finding| finding.severity).min() {
            Some(Severity::Error) => Decision::Reject,
            Some(Severity::Warning) => Decision::Warn,
            Some(Severity::Info) | None => Decision::Accept,
        };
        Self { decision, findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let warning = || Finding::warning("old", "deprecated");
        let verdict: Verdict = [Finding::info("note", "seen")].into_iter().collect();
        assert_eq!(verdict.decision, Decision::Accept);
        let verdict: Verdict = [Finding::info("note", "seen"), warning()].into_iter().collect();
        assert_eq!(verdict.decision, Decision::Warn);
        let verdict: Verdict = [warning(), Finding::error("wrong", "no")].into_iter().collect();
        assert_eq!(verdict.decision, Decision::Reject);
    }
}
