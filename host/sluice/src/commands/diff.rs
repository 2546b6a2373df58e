//! `sluice diff`: how keys differ from files, or from themselves at another revision.

use std::io;

use anyhow::Result;
use serde_json::json;
use similar::{ChangeTag, TextDiff};
use sluice_core::Revision;

use crate::cli::{Diff, Form};
use crate::exit::{Ended, usage};
use crate::output::{Output, Table};
use crate::past;
use crate::plan::{self, Difference, Side};
use crate::prefix::{folder, prefix};
use crate::space::{Context, Space};
use crate::tree;
use crate::way::Way;

/// Unchanged lines shown around each change.
const AROUND: usize = 3;

pub fn run(context: &Context, args: &Diff) -> Result<Ended> {
    let differences = match (&args.file, args.revisions.as_slice()) {
        (Some(file), _) => {
            let folder = folder(&args.prefix)?;
            if args.prune && folder.is_empty() {
                return Err(usage("--prune compares every key with the files: say under which --prefix"));
            }
            let wanted = tree::read(file, &folder)?;
            let way = Way::of(context)?;
            let state = context.run(way.state(&folder))?;
            plan::to_files(&state, &wanted, args.prune.then_some(&folder))
        }
        (None, &[before, after]) => {
            let prefix = prefix(&args.prefix)?;
            let space = context.space()?;
            context.run(between(&space, before, after, prefix))?
        }
        (None, _) => return Err(usage("give --file FILE, or two revisions")),
    };
    show(&context.output, &differences)?;
    Ok(if differences.is_empty() { Ended::Yes } else { Ended::No })
}

async fn between(space: &Space, before: Revision, after: Revision, prefix: &str) -> Result<Vec<Difference>> {
    let (before, after) = (past::state(space, before, prefix).await?, past::state(space, after, prefix).await?);
    Ok(plan::to_state(&before, &after, prefix))
}

/// Prints differences.
pub fn show(output: &Output, differences: &[Difference]) -> io::Result<()> {
    match output.form() {
        Form::Table | Form::Wide => {
            let paint = Paint { is_on: output.has_colors() };
            differences.iter().try_for_each(|difference| output.raw(text(difference, paint).as_bytes()))
        }
        Form::Json | Form::Jsonl | Form::Yaml | Form::Name => {
            let rows =
                differences.iter().map(|difference| vec![json!(difference.key.as_str()), json!(difference.word())]);
            output.many("Diff", &Table { columns: vec!["key", "change"], wide_from: 2, rows: rows.collect() })
        }
    }
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint {
    is_on: bool,
}

impl Paint {
    fn line(self, code: &str, text: &str) -> String {
        match self.is_on {
            true => format!("\x1b[{code}m{text}\x1b[0m\n"),
            false => format!("{text}\n"),
        }
    }
}

/// One key as a unified diff, in the form `patch` reads.
fn text(difference: &Difference, paint: Paint) -> String {
    let key = &difference.key;
    let name = |side: &Option<Side>, letter: &str| match side {
        Some(_) => format!("{letter}/{key}"),
        None => "/dev/null".to_owned(),
    };
    let mut out = paint.line("1", &format!("--- {}", name(&difference.before, "a")));
    out += &paint.line("1", &format!("+++ {}", name(&difference.after, "b")));
    if let (Some(before), Some(after)) = (&difference.before, &difference.after)
        && before.media != after.media
    {
        out += &paint.line("36", &format!("@@ type {} -> {} @@", before.media, after.media));
    }
    match (readable(&difference.before), readable(&difference.after)) {
        (Some(before), Some(after)) => hunks(before, after, paint, &mut out),
        (_, _) => out += &format!("binary: {} -> {}\n", size(&difference.before), size(&difference.after)),
    }
    out
}

fn hunks(before: &str, after: &str, paint: Paint, out: &mut String) {
    let diff = TextDiff::from_lines(before, after);
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        *out += &paint.line("36", &hunk.header().to_string());
        for change in hunk.iter_changes() {
            let (sign, code) = match change.tag() {
                ChangeTag::Equal => (' ', "0"),
                ChangeTag::Delete => ('-', "31"),
                ChangeTag::Insert => ('+', "32"),
            };
            let line = format!("{sign}{}", change.value().trim_end_matches(['\r', '\n']));
            *out += &if sign == ' ' { format!("{line}\n") } else { paint.line(code, &line) };
            if change.missing_newline() {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
}

/// Text without control characters: some of it was written by strangers, and it goes to a terminal.
fn readable(side: &Option<Side>) -> Option<&str> {
    let Some(side) = side else { return Some("") };
    let text = std::str::from_utf8(&side.bytes).ok()?;
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(is_plain).then_some(text)
}

fn size(side: &Option<Side>) -> String {
    side.as_ref().map_or("absent".to_owned(), |side| format!("{} bytes", side.bytes.len()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sluice_core::{Key, Media};

    use super::*;

    fn side(text: &'static [u8]) -> Option<Side> {
        Some(Side { bytes: Bytes::from_static(text), media: Media::BYTES })
    }

    #[track_caller]
    fn shows(before: Option<Side>, after: Option<Side>, expected: &str) {
        let difference = Difference { key: Key::parse(b"app/a").unwrap(), before, after };
        assert_eq!(text(&difference, Paint { is_on: false }), expected);
    }

    #[test]
    fn lines_are_compared() {
        shows(side(b"1\n2\n3\n"), side(b"1\n4\n3\n"), "--- a/app/a\n+++ b/app/a\n@@ -1,3 +1,3 @@\n 1\n-2\n+4\n 3\n");
        shows(
            side(b"1"),
            side(b"2"),
            "--- a/app/a\n+++ b/app/a\n@@ -1 +1 @@\n-1\n\\ No newline at end of file\n+2\n\\ No newline at end of file\n",
        );
    }

    #[test]
    fn a_key_comes_from_nothing_and_goes_to_nothing() {
        shows(None, side(b"1\n"), "--- /dev/null\n+++ b/app/a\n@@ -0,0 +1 @@\n+1\n");
        shows(side(b"1\n"), None, "--- a/app/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n");
    }

    #[test]
    fn what_is_no_text_is_not_shown() {
        shows(side(b"\xff"), side(b"ok"), "--- a/app/a\n+++ b/app/a\nbinary: 1 bytes -> 2 bytes\n");
        shows(side(b"a\x1b[31m"), None, "--- a/app/a\n+++ /dev/null\nbinary: 6 bytes -> absent\n");
    }

    #[test]
    fn another_media_type_is_shown() {
        let json = Some(Side { bytes: Bytes::from_static(b"1\n"), media: Media::parse("application/json").unwrap() });
        let expected = "--- a/app/a\n+++ b/app/a\n@@ type application/octet-stream -> application/json @@\n";
        shows(side(b"1\n"), json, expected);
    }
}
