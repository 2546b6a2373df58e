//! From where a host stands to the report it writes.

use sluice_core::key::VALIDATORS;
use sluice_core::state::REFUSED_MAX;
use sluice_core::{Finding, Held, Key, Refusal, Refused, Remark, Revision, Standing};

use crate::report::{
    API_VERSION, FindingReport, HeldReport, HostReport, REPORT_BYTES_MAX, RefusalReport, RemarkReport,
};
use crate::reporter::Identity;

/// Most of a report that refusals may take, in bytes; the rest is for all else.
const REFUSALS_BYTES_MAX: usize = REPORT_BYTES_MAX / 2;
/// Most that held changes may take, in bytes.
const HELD_BYTES_MAX: usize = REPORT_BYTES_MAX / 8;
/// Most that remarks on applied changes may take, in bytes.
const REMARKS_BYTES_MAX: usize = REPORT_BYTES_MAX / 8;
const KEYS_MAX: usize = 16;
const FINDINGS_MAX: usize = 8;
/// Longest text, in characters: an author may write pages, and so may a validator.
const TEXT_CHARS_MAX: usize = 400;

/// The report, but for when it is written. Computes the root digest, which can take a while.
pub(crate) fn report(identity: &Identity, standing: &Standing, reads_from: Option<String>, now_ms: u64) -> HostReport {
    let state = &standing.state;
    let (refusals, refusals_from) = refusals(standing);
    let told = within(HELD_BYTES_MAX, standing.held.iter().map(held));
    let held_others = standing.held.iter().skip(told.len()).map(|held| held.revision.to_string()).collect();
    HostReport {
        api_version: API_VERSION.to_owned(),
        host: identity.host.to_string(),
        revision: state.cursor.to_string(),
        index: state.index,
        root: state.root().to_string(),
        chain: state.chain.to_string(),
        keys: state.len() as u64,
        bytes: state.bytes(),
        bindings: state.range(VALIDATORS, None).count() as u64,
        held: told,
        held_others,
        reads_from,
        source: standing.source.as_ref().map(|lost| clipped(&lost.0)),
        rift: standing.rift.map(|rift| rift.as_str().to_owned()),
        store: standing.store.as_ref().map(|lost| clipped(&lost.0)),
        probation: standing.probation.as_ref().map(|lost| clipped(&lost.0)),
        refusals,
        refusals_from: refusals_from.to_string(),
        remarks: remarks(&standing.remarks),
        address: identity.address.clone(),
        labels: identity.labels.clone(),
        version: identity.version.clone(),
        pid: std::process::id(),
        started_at_ms: identity.started_at_ms,
        reported_at_ms: now_ms,
    }
}

/// The newest refusals that fit, oldest first, and from where on there is none missing.
fn refusals(standing: &Standing) -> (Vec<RefusalReport>, Revision) {
    let refused = &standing.state.refused;
    let mut told = within(REFUSALS_BYTES_MAX, refused.iter().rev().map(|refused| refusal(refused)));
    told.reverse();
    // The state forgets the oldest when it is full, and may have forgotten some by now.
    let is_complete = told.len() == refused.len() && refused.len() < REFUSED_MAX;
    let Revision { ms, seq } = standing.state.cursor;
    let from = match refused.iter().rev().take(told.len()).last() {
        _ if is_complete => Revision::ZERO,
        Some(oldest) => oldest.revision,
        None => Revision { ms, seq: seq.saturating_add(1) },
    };
    (told, from)
}

/// The newest remarks that fit, oldest first.
fn remarks(remarks: &[Remark]) -> Vec<RemarkReport> {
    let told = |remark: &Remark| RemarkReport {
        revision: remark.revision.to_string(),
        findings: remark.findings.iter().take(FINDINGS_MAX).map(finding).collect(),
    };
    let mut fit = within(REMARKS_BYTES_MAX, remarks.iter().rev().map(told));
    fit.reverse();
    fit
}

fn refusal(refused: &Refused) -> RefusalReport {
    let findings = match &refused.refusal {
        Refusal::Rejected(_, findings) => &findings[..],
        Refusal::Malformed(_)
        | Refusal::Untrusted(_)
        | Refusal::Duplicate(_)
        | Refusal::Fenced { .. }
        | Refusal::Conflict { .. }
        | Refusal::Guarded(_) => &[],
    };
    RefusalReport {
        revision: refused.revision.to_string(),
        keys: keys(&refused.keys),
        keys_total: refused.keys.len() as u64,
        class: refused.refusal.class().to_owned(),
        message: clipped(&refused.refusal.to_string()),
        author: refused.author.as_deref().map(clipped),
        reason: refused.reason.as_deref().map(clipped),
        findings: findings.iter().take(FINDINGS_MAX).map(finding).collect(),
    }
}

fn finding(finding: &Finding) -> FindingReport {
    FindingReport {
        validator: clipped(&finding.validator),
        severity: finding.severity.to_string(),
        code: clipped(&finding.code),
        message: clipped(&finding.message),
        key: finding.key.as_ref().map(Key::to_string),
        pointer: finding.pointer.as_deref().map(clipped),
        help: finding.help.as_deref().map(clipped),
    }
}

fn held(held: &Held) -> HeldReport {
    HeldReport {
        revision: held.revision.to_string(),
        keys: keys(&held.keys),
        keys_total: held.keys.len() as u64,
        fault: held.fault.as_ref().map(|(fault, _)| fault.to_string()),
        why: held.fault.as_ref().map(|(_, why)| clipped(why)),
        tries: held.tries,
    }
}

fn keys(keys: &[Key]) -> Vec<String> {
    keys.iter().take(KEYS_MAX).map(Key::to_string).collect()
}

/// As many as fit into so many bytes of JSON.
fn within<T: serde::Serialize>(bytes_max: usize, items: impl Iterator<Item = T>) -> Vec<T> {
    let mut bytes = 0;
    let fits = |item: &T| {
        // Plain structs of strings and numbers always become JSON; if not, they take no part in it.
        bytes += serde_json::to_vec(item).map_or(bytes_max, |text| text.len() + 1);
        bytes <= bytes_max
    };
    items.take_while(fits).collect()
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
