//! Verdicts, findings and refusals as bytes.

use std::sync::Arc;

use bytes::BufMut;
use sluice_core::decode::Malformed;
use sluice_core::{Cause, Finding, Outcome, Refusal, Refused, Severity, Verdict};

use crate::codec::{Reader, put_bytes, put_list, put_option, put_revision};

pub fn put_verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    match verdict {
        Verdict::Accept(findings) => {
            out.put_u8(0);
            put_findings(out, findings);
        }
        Verdict::Reject(cause, findings) => {
            out.put_u8(1);
            put_rejection(out, *cause, findings);
        }
    }
}

pub fn read_verdict(reader: &mut Reader<'_>) -> Option<Verdict> {
    Some(match reader.u8()? {
        0 => Verdict::Accept(read_findings(reader)?),
        1 => Verdict::Reject(read_cause(reader)?, read_findings(reader)?),
        _ => return None,
    })
}

pub fn put_refused(out: &mut Vec<u8>, refused: &Refused) {
    put_revision(out, refused.revision);
    put_list(out, refused.keys.iter(), |out, key| put_bytes(out, key.as_str().as_bytes()));
    put_option(out, refused.author.as_deref(), put_text);
    put_option(out, refused.reason.as_deref(), put_text);
    put_refusal(out, &refused.refusal);
}

pub fn read_refused(reader: &mut Reader<'_>) -> Option<Refused> {
    Some(Refused {
        revision: reader.revision()?,
        keys: reader.list(Reader::key)?.into(),
        author: reader.option(read_text)?,
        reason: reader.option(read_text)?,
        refusal: read_refusal(reader)?,
    })
}

pub fn put_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Applied(findings) => {
            out.put_u8(0);
            put_findings(out, findings);
        }
        Outcome::Staged => out.put_u8(1),
        Outcome::Scheduled(findings) => {
            out.put_u8(3);
            put_findings(out, findings);
        }
        Outcome::Refused(refusal) => {
            out.put_u8(2);
            put_refusal(out, refusal);
        }
    }
}

pub fn read_outcome(reader: &mut Reader<'_>) -> Option<Outcome> {
    Some(match reader.u8()? {
        0 => Outcome::Applied(read_findings(reader)?),
        1 => Outcome::Staged,
        3 => Outcome::Scheduled(read_findings(reader)?),
        2 => Outcome::Refused(read_refusal(reader)?),
        _ => return None,
    })
}

fn put_refusal(out: &mut Vec<u8>, refusal: &Refusal) {
    match refusal {
        Refusal::Malformed(Malformed { field, why }) => {
            out.put_u8(0);
            put_text(out, field);
            put_text(out, why);
        }
        Refusal::Untrusted(why) => {
            out.put_u8(1);
            put_text(out, why);
        }
        Refusal::Duplicate(first) => {
            out.put_u8(2);
            put_revision(out, *first);
        }
        Refusal::Fenced { resource, token, highest } => {
            out.put_u8(3);
            put_text(out, resource);
            out.put_u64_le(*token);
            out.put_u64_le(*highest);
        }
        Refusal::Conflict { key, base, found } => {
            out.put_u8(4);
            put_text(out, key.as_str());
            put_revision(out, *base);
            put_revision(out, *found);
        }
        Refusal::Guarded(why) => {
            out.put_u8(5);
            put_text(out, why);
        }
        Refusal::Rejected(cause, findings) => {
            out.put_u8(6);
            put_rejection(out, *cause, findings);
        }
    }
}

fn read_refusal(reader: &mut Reader<'_>) -> Option<Refusal> {
    let owned = |reader: &mut Reader<'_>| reader.text().map(str::to_owned);
    Some(match reader.u8()? {
        0 => Refusal::Malformed(Malformed { field: owned(reader)?, why: owned(reader)? }),
        1 => Refusal::Untrusted(owned(reader)?),
        2 => Refusal::Duplicate(reader.revision()?),
        3 => Refusal::Fenced { resource: owned(reader)?, token: reader.u64()?, highest: reader.u64()? },
        4 => Refusal::Conflict { key: reader.key()?, base: reader.revision()?, found: reader.revision()? },
        5 => Refusal::Guarded(owned(reader)?),
        6 => Refusal::Rejected(read_cause(reader)?, read_findings(reader)?),
        _ => return None,
    })
}

fn put_rejection(out: &mut Vec<u8>, cause: Cause, findings: &[Finding]) {
    out.put_u8(match cause {
        Cause::Verdict => 0,
        Cause::Limit => 1,
        Cause::Trap => 2,
    });
    put_findings(out, findings);
}

fn read_cause(reader: &mut Reader<'_>) -> Option<Cause> {
    Some(match reader.u8()? {
        0 => Cause::Verdict,
        1 => Cause::Limit,
        2 => Cause::Trap,
        _ => return None,
    })
}

fn put_findings(out: &mut Vec<u8>, findings: &[Finding]) {
    put_list(out, findings.iter(), |out, finding| {
        put_text(out, &finding.validator);
        out.put_u8(match finding.severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Info => 2,
        });
        put_text(out, &finding.code);
        put_text(out, &finding.message);
        put_option(out, finding.key.as_ref(), |out, key| put_text(out, key.as_str()));
        put_option(out, finding.pointer.as_deref(), put_text);
        put_option(out, finding.help.as_deref(), put_text);
    });
}

fn read_findings(reader: &mut Reader<'_>) -> Option<Arc<[Finding]>> {
    let findings = reader.list(|reader| {
        Some(Finding {
            validator: read_text(reader)?,
            severity: read_severity(reader)?,
            code: read_text(reader)?,
            message: read_text(reader)?,
            key: reader.option(Reader::key)?,
            pointer: reader.option(read_text)?,
            help: reader.option(read_text)?,
        })
    })?;
    Some(findings.into())
}

fn read_severity(reader: &mut Reader<'_>) -> Option<Severity> {
    Some(match reader.u8()? {
        0 => Severity::Error,
        1 => Severity::Warning,
        2 => Severity::Info,
        _ => return None,
    })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

fn read_text(reader: &mut Reader<'_>) -> Option<Arc<str>> {
    reader.text().map(Arc::from)
}
