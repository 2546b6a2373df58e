//! What a validator wrote in a call, and where it was stopped, as they are told.

use serde_json::{Value, json};

use crate::output::printable;
use crate::space::Context;
use crate::wiring::edges::{Journal, Level};

/// A line each: `log warn: 3 of 5 are old`.
pub fn lines(journal: &Journal) -> Vec<String> {
    let lines = journal.lines.iter().map(|line| format!("log {}: {}", word(line.level), printable(&line.text)));
    let dropped = (journal.dropped > 0).then(|| {
        let remedy = "keep more with --log-lines, 1000 at most";
        format!("log: {} more lines were dropped: {remedy}", journal.dropped)
    });
    lines.chain(dropped).collect()
}

/// The same for scripts: `{lines: [{level, text}], dropped}`.
pub fn told(journal: &Journal) -> Value {
    let lines = journal.lines.iter().map(|line| json!({"level": word(line.level), "text": &*line.text}));
    json!({"lines": lines.collect::<Value>(), "dropped": journal.dropped})
}

/// Where it was stopped, with `-v` only: nearly always its panic says more.
pub fn trace(context: &Context, backtrace: &[String]) -> Vec<String> {
    match context.verbose {
        0 => Vec::new(),
        _ => backtrace.iter().map(|name| format!("in {}", printable(name))).collect(),
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    }
}
