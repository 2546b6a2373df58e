//! Refuses documents that hold keys, tokens and passwords.
//!
//! Settings, all optional: `{"allow": ["/spec/**/example"], "entropy_min": 3.0, "length_min": 8, "severity":
//! "error"}`. A finding tells the kind of a secret, its place and its length, never the secret.

mod assignment;
mod format;
mod guess;
mod hit;
mod key_block;
mod link;
mod name;
mod settings;
mod walk;

use settings::{Settings, check};
use sluice_documents::parse;
use sluice_guest::{Change, Content, Document, Finding, Verdict, validator};
use walk::{Walk, known};

/// Findings told of one document. A dump of a vault has a hundred secrets; the first few show it.
const FINDINGS_MAX: usize = 20;

validator!(judge, Settings, check);

/// Rejects a change if a document in it holds a secret. Deletes pass.
fn judge(change: &Change, settings: &Settings) -> Verdict {
    let faults = |(key, document)| {
        let found = faults(key, document, settings).into_iter().take(FINDINGS_MAX);
        found.map(move |finding| Finding { severity: settings.severity, ..finding }.on(key))
    };
    change.documents().flat_map(faults).collect()
}

fn faults(key: &str, document: &Document, settings: &Settings) -> Vec<Finding> {
    let text = match &document.body {
        Content::Text(text) => text.as_str(),
        // Key stores and images: what is readable in them is looked at all the same.
        Content::Bytes(bytes) => return in_text(&String::from_utf8_lossy(bytes), Vec::new(), settings),
    };
    // What is no document is text; that it does not parse is for others to refuse.
    let Ok(value) = parse(key, document) else {
        let mut found = in_text(text, Vec::new(), settings);
        if !settings.allows("") {
            let told = known(text);
            let mut more = assignment::assigned(text, settings);
            more.retain(|hit| !told.iter().any(|told| told.text.contains(hit.text)));
            found.extend(more.iter().map(|hit| at_line(hit, text)));
        }
        return found;
    };
    let mut walk = Walk::through(&value, settings);
    // Comments, and names that are there twice, are in the text alone.
    walk.found.extend(in_text(text, walk.seen, settings));
    walk.found
}

/// What is known by its looks in a text, but for what was seen before.
fn in_text(text: &str, mut seen: Vec<&str>, settings: &Settings) -> Vec<Finding> {
    if settings.allows("") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for hit in known(text) {
        match seen.iter().position(|seen| *seen == hit.text) {
            Some(at) => drop(seen.swap_remove(at)),
            None => found.push(at_line(&hit, text)),
        }
    }
    found
}

/// The finding, with the line of the text (the hit is a slice of it) instead of a place in the document.
fn at_line(hit: &hit::Hit, text: &str) -> Finding {
    let before = (hit.text.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let line = 1 + text.as_bytes()[..before.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
    let finding = hit.finding();
    Finding { message: format!("{}, line {line}", finding.message), ..finding }.at("")
}

#[cfg(test)]
mod realistic_tests;
#[cfg(test)]
mod secret_tests;
