//! Findings, said in one line.

use crate::{Finding, Severity};

impl Finding {
    /// The document is wrong.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code.into(), message.into())
    }

    /// The document is probably not what was meant.
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code.into(), message.into())
    }

    /// Worth knowing.
    pub fn info(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code.into(), message.into())
    }

    fn new(severity: Severity, code: String, message: String) -> Self {
        Self { severity, code, message, key: None, pointer: None, help: None }
    }

    /// Where in the document: a JSON Pointer (RFC 6901).
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Which key it is about. [`crate::Change::judge`] fills it in.
    pub fn on(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
