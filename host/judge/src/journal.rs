//! The lines a validator writes in one call.

use std::sync::Arc;

use crate::finding::clean;

/// Bytes of a line.
const LINE_BYTES_MAX: usize = 1024;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is wrong.
    Error,
    /// Doubtful.
    Warn,
    /// Worth knowing.
    Info,
    /// For the author only.
    Debug,
}

/// One line, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: Arc<str>,
}

/// The first lines of a call, and how many more there were.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// In the order they were written.
    pub lines: Vec<Line>,
    /// Lines that found no room.
    pub dropped: u64,
    /// The newest line of level error, room or not: it says why a trap follows.
    pub(crate) last_error: Option<Arc<str>>,
}

impl Journal {
    pub(crate) fn write(&mut self, level: Level, message: &str, lines_max: usize) {
        let text = clean(message.trim_end(), LINE_BYTES_MAX);
        if level == Level::Error {
            self.last_error = Some(text.clone());
        }
        match self.lines.len() < lines_max {
            true => self.lines.push(Line { level, text }),
            false => self.dropped += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_kept_and_the_last_error_too() {
        let mut journal = Journal::default();
        for n in 0..5 {
            journal.write(Level::Info, &format!("line {n}\u{7}\n"), 2);
        }
        journal.write(Level::Error, "panicked", 2);
        assert_eq!((journal.lines.len(), journal.dropped), (2, 4));
        assert_eq!(&*journal.lines[1].text, "line 1\u{fffd}");
        assert_eq!(journal.last_error.as_deref(), Some("panicked"));
    }
}
