//! Documents and how to read them.

use serde::de::DeserializeOwned;

use crate::{Content, Document, Finding};

impl Document {
    /// The value as text; a finding if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Finding> {
        match &self.body {
            Content::Text(text) => Ok(text),
            Content::Bytes(_) => Err(Finding::error("parse", "the value is not UTF-8 text")),
        }
    }

    /// The value as JSON; a finding with line and column if it is not JSON or not of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Finding> {
        serde_json::from_str(self.text()?).map_err(|error| Finding::error("parse", error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Change, Content};

    #[test]
    fn json_that_does_not_parse_says_where() {
        let change = Change::of("a", "application/json", "{\n \"a\": }");
        let (_, document) = change.documents().next().unwrap();
        let finding = document.json::<serde_json::Value>().unwrap_err();
        assert_eq!(finding.message, "expected value at line 2 column 7");
    }

    #[test]
    fn bytes_are_not_text() {
        let mut change = Change::of("a", "application/json", "");
        let document = change.edits[0].new.as_mut().unwrap();
        document.body = Content::Bytes(vec![0xff]);
        assert_eq!(document.text().unwrap_err().code, "parse");
    }
}
