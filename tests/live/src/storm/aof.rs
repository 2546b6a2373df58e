//! Every entry the log ever had, from the append-only file of the server: the log itself is trimmed meanwhile.

use std::path::Path;

use anyhow::{Context, Result};

use crate::storm::model::Fields;

/// Reads all `XADD`s of a stream, oldest first. The server must keep one file, never rewritten.
pub fn entries(folder: &Path, stream: &str) -> Result<Vec<(String, Fields)>> {
    let path = folder.join("appendonlydir/appendonly.aof.1.incr.aof");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut rest, mut found) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let command =
            command(&mut rest).with_context(|| format!("at {} of {}", bytes.len() - rest.len(), path.display()))?;
        if let [name, key, id, fields @ ..] = &command[..]
            && name.eq_ignore_ascii_case("XADD")
            && key == stream
        {
            let pairs = fields.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            found.push((id.clone(), pairs.collect()));
        }
    }
    Ok(found)
}

/// The next command: `*2`, then `$3` and three bytes for each word.
fn command(rest: &mut &[u8]) -> Result<Vec<String>> {
    let words = number(rest, b'*')?;
    (0..words)
        .map(|_| {
            let length = number(rest, b'$')?;
            let (word, behind) = rest.split_at_checked(length).context("it ends within a word")?;
            *rest = behind.strip_prefix(b"\r\n").context("a word has no end")?;
            Ok(String::from_utf8_lossy(word).into_owned())
        })
        .collect()
}

fn number(rest: &mut &[u8], kind: u8) -> Result<usize> {
    let end = rest.iter().position(|byte| *byte == b'\n').context("it ends within a line")?;
    let (line, behind) = rest.split_at(end + 1);
    *rest = behind;
    let text = std::str::from_utf8(line)?.trim();
    let text = text.strip_prefix(char::from(kind)).with_context(|| format!("{text:?} is no number of a command"))?;
    Ok(text.parse()?)
}
