//! Documents and how to read them.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::{Content, Document, Finding};

impl Document {
    /// The value as text; a finding if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Finding> {
        match &self.body {
            Content::Text(text) => Ok(text),
            Content::Bytes(_) => Err(Finding::error("parse", "the value is not UTF-8 text")),
        }
    }

    /// The value as JSON; a finding with its place if it is not JSON or not of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Finding> {
        typed(self.text()?)
    }
}

/// The text as JSON of this type. Where it does not fit is found out only when it does not.
pub(crate) fn typed<T: DeserializeOwned>(text: &str) -> Result<T, Finding> {
    serde_json::from_str(text).map_err(|error| {
        let finding = Finding::error("parse", error.to_string());
        if !error.is_data() {
            return finding;
        }
        let deserializer = &mut serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(deserializer) {
            Ok(_) => finding,
            Err(error) => finding.at(pointer(error.path())),
        }
    })
}

/// A path as a JSON Pointer (RFC 6901), as far as it is known.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } => continue,
            Segment::Unknown => break,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::{Change, Content};

    #[test]
    fn json_that_does_not_parse_says_where() {
        let change = Change::of("a", "application/json", "{\n \"a\": }");
        let (_, document) = change.documents().next().unwrap();
        let finding = document.json::<serde_json::Value>().unwrap_err();
        assert_eq!((finding.message.as_str(), finding.pointer), ("expected value at line 2 column 7", None));
    }

    #[test]
    fn json_of_another_type_says_where() {
        let change = Change::of("a", "application/json", r#"{"a/b": [1, "two"]}"#);
        let (_, document) = change.documents().next().unwrap();
        let finding = document.json::<BTreeMap<String, Vec<u8>>>().unwrap_err();
        assert_eq!(finding.pointer.as_deref(), Some("/a~1b/1"));
        assert!(finding.message.starts_with("invalid type: string \"two\", expected u8"), "{}", finding.message);
    }

    #[test]
    fn bytes_are_not_text() {
        let mut change = Change::of("a", "application/json", "");
        let document = change.edits[0].new.as_mut().unwrap();
        document.body = Content::Bytes(vec![0xff]);
        assert_eq!(document.text().unwrap_err().code, "parse");
    }
}
