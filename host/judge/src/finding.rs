//! Findings of a guest, made fit to be stored, printed and believed.
//!
//! A guest is a stranger: what it says ends in logs, terminals and browsers, and in what every host must
//! hold equal. So lengths are bounded, control characters gone, and a finding is only ever about a key of
//! its change.

use std::sync::Arc;

use sluice_core as core;
use sluice_core::Key;

use crate::guest;

/// Findings kept of one validator on one change.
pub(crate) const FINDINGS_MAX: usize = 100;
const CODE_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 1024;

/// The findings of one validator; the last one says how many were dropped, if any.
pub(crate) fn taken(validator: &Arc<str>, found: Vec<guest::Finding>, keys: &[Key]) -> Vec<core::Finding> {
    let dropped = found.len().saturating_sub(FINDINGS_MAX);
    let mut kept: Vec<_> =
        found.into_iter().take(FINDINGS_MAX).map(|finding| taken_one(validator, finding, keys)).collect();
    if dropped > 0 {
        kept.push(said(validator, core::Severity::Info, "more-findings", format!("{dropped} more findings")));
    }
    kept
}

/// A finding that is about the change as a whole.
pub(crate) fn said(validator: &Arc<str>, severity: core::Severity, code: &str, message: String) -> core::Finding {
    core::Finding {
        validator: validator.clone(),
        severity,
        code: clean(code, CODE_BYTES_MAX),
        message: clean(&message, TEXT_BYTES_MAX),
        key: None,
        pointer: None,
        help: None,
    }
}

fn taken_one(validator: &Arc<str>, finding: guest::Finding, keys: &[Key]) -> core::Finding {
    let severity = match finding.severity {
        guest::Severity::Error => core::Severity::Error,
        guest::Severity::Warning => core::Severity::Warning,
        guest::Severity::Info => core::Severity::Info,
    };
    let is_pointer = |text: &String| (text.is_empty() || text.starts_with('/')) && text.len() <= TEXT_BYTES_MAX;
    core::Finding {
        key: finding.key.and_then(|key| own_key(&key, keys)),
        pointer: finding.pointer.filter(is_pointer).map(|text| clean(&text, TEXT_BYTES_MAX)),
        help: finding.help.map(|text| clean(&text, TEXT_BYTES_MAX)),
        ..said(validator, severity, &finding.code, finding.message)
    }
}

fn own_key(key: &str, keys: &[Key]) -> Option<Key> {
    keys.iter().find(|own| own.as_str() == key).cloned()
}

/// The text without control characters, and not longer than this.
pub(crate) fn clean(text: &str, most: usize) -> Arc<str> {
    let cut = text.floor_char_boundary(most);
    let shown = |c: char| if c.is_control() || is_direction(c) { '\u{fffd}' } else { c };
    let mut clean: String = text[..cut].chars().map(shown).collect();
    if cut < text.len() {
        clean.push('…');
    }
    clean.into()
}

// Characters that turn the direction of writing can make a line say something else.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_stranger_cannot_steer_a_terminal() {
        assert_eq!(&*clean("\u{1b}[2Jhi\u{202e}", 100), "\u{fffd}[2Jhi\u{fffd}");
        assert_eq!(&*clean("ééé", 3), "é…");
    }
}
