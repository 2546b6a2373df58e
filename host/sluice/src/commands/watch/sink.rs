//! Where watched edits go: to stdout, or to a command.

use std::process::Stdio;

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::cli::{Form, Watch};
use crate::exit::usage;
use crate::output::{Output, printable};

/// One key that got or lost its value.
pub struct Seen {
    pub key: String,
    pub revision: String,
    /// Its new value; none for a delete.
    pub value: Option<Bytes>,
    pub author: Option<String>,
    pub reason: Option<String>,
}

/// Prints or runs, and counts.
pub struct Sink<'a> {
    output: &'a Output,
    exec: &'a [String],
    left: Option<u64>,
}

impl Seen {
    fn operation(&self) -> &'static str {
        if self.value.is_some() { "put" } else { "delete" }
    }
}

impl<'a> Sink<'a> {
    pub fn new(output: &'a Output, args: &'a Watch) -> Sink<'a> {
        Sink { output, exec: &args.exec, left: args.count }
    }

    /// Whether all the edits asked for have been seen.
    pub fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// A remark for people.
    pub fn remark(&self, text: impl std::fmt::Display) {
        self.output.remark(text);
    }

    /// Takes an edit, unless there were enough.
    pub async fn take(&mut self, seen: &Seen) -> Result<()> {
        if self.is_full() {
            return Ok(());
        }
        match self.exec {
            [] => self.print(seen)?,
            // Its output is the answer then, so nothing else is printed.
            [program, arguments @ ..] => self.execute(program, arguments, seen).await?,
        }
        self.left = self.left.map(|left| left - 1);
        Ok(())
    }

    fn print(&self, seen: &Seen) -> Result<()> {
        let note = |note: &Option<String>| note.as_deref().map(printable).unwrap_or_default();
        match self.output.form() {
            Form::Table | Form::Wide => {
                let (author, reason) = (note(&seen.author), note(&seen.reason));
                let row = [seen.key.as_str(), &seen.revision, seen.operation(), &author, &reason];
                self.output.line(row.join("\t").trim_end_matches('\t'))?;
            }
            Form::Yaml => {
                self.output.line("---")?;
                self.output.one("Edit", fields(seen))?;
            }
            Form::Json | Form::Jsonl | Form::Name => self.output.one("Edit", fields(seen))?,
        }
        Ok(())
    }

    async fn execute(&self, program: &str, arguments: &[String], seen: &Seen) -> Result<()> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).kill_on_drop(true);
        command.env("SLUICE_KEY", &seen.key).env("SLUICE_REVISION", &seen.revision);
        command.env("SLUICE_OPERATION", seen.operation());
        let mut child = command.spawn().map_err(|error| {
            usage(format!("cannot run {program:?}: {error}: give the program and its arguments as separate words"))
        })?;
        let stdin = child.stdin.take();
        let value = seen.value.clone().unwrap_or_default();
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // A command that does not read its stdin closes it early, which is its right.
                drop(stdin.write_all(&value).await);
            }
        };
        let (ended, ()) = tokio::join!(child.wait(), feed);
        let ended = ended?;
        if !ended.success() {
            self.output.remark(format_args!("{program} ended with {ended} for {} at {}", seen.key, seen.revision));
        }
        Ok(())
    }
}

fn fields(seen: &Seen) -> Map<String, Value> {
    let field = |name: &str, value: Value| (name.to_owned(), value);
    Map::from_iter([
        field("key", json!(seen.key)),
        field("revision", json!(seen.revision)),
        field("operation", json!(seen.operation())),
        field("bytes", json!(seen.value.as_ref().map(Bytes::len))),
        field("author", json!(seen.author)),
        field("reason", json!(seen.reason)),
    ])
}
