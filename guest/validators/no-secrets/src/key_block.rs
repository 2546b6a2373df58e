//! Private keys as PEM files write them, whole or within a longer text.

use crate::hit::Hit;

const BEGIN: &str = "-----BEGIN ";
/// The longest label there is, `OPENSSH PRIVATE KEY`, and room for longer ones.
const LABEL_MAX: usize = 48;
/// Where the key itself begins: after the label, and in old files after two lines that say how it is encrypted.
const HEADER_MAX: usize = 256;
/// Characters of Base64 in one piece. Every key has a longer line, and no placeholder has.
const LINE_MIN: usize = 32;

/// Every private key in a text. What is told of one is its first line only.
pub(crate) fn key_blocks(text: &str) -> Vec<Hit<'_>> {
    let blocks = text.match_indices(BEGIN).filter_map(|(at, _)| {
        let label = &text[at + BEGIN.len()..];
        let length = label.find("-----").filter(|length| *length <= LABEL_MAX)?;
        let (label, rest) = label.split_at(length);
        let rest = rest.trim_start_matches('-');
        let rest = &rest[..rest.find("-----").unwrap_or(rest.len())];
        let is_key = label.contains("PRIVATE KEY") && has_line(rest.as_bytes());
        is_key.then_some(Hit {
            code: "private-key",
            kind: "a private key",
            prefix: "",
            text: &text[at..][..BEGIN.len() + length],
        })
    });
    blocks.collect()
}

fn has_line(rest: &[u8]) -> bool {
    let mut run = 0;
    rest.iter().take(HEADER_MAX).any(|byte| {
        let is_base64 = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        run = if is_base64 { run + 1 } else { 0 };
        run >= LINE_MIN
    })
}
