//! Values in JSON: as text when they are text, else in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

/// A field that holds a value: `value` for text, `valueBase64` for all else.
pub fn field(bytes: &[u8]) -> (String, Value) {
    match std::str::from_utf8(bytes) {
        Ok(text) => ("value".to_owned(), text.into()),
        Err(_) => ("valueBase64".to_owned(), STANDARD.encode(bytes).into()),
    }
}

/// The other way round: exactly one of the two must be given.
///
/// # Errors
/// Both or neither, or base64 that is none.
pub fn read(text: Option<String>, base64: Option<String>) -> Result<Bytes, String> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into()),
        (None, Some(base64)) => match STANDARD.decode(&base64) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => Err(format!("valueBase64 is no base64 (RFC 4648 §4): {error}")),
        },
        (None, None) => Err("there is no value: write \"value\" or \"valueBase64\"".to_owned()),
        (Some(_), Some(_)) => Err("there are two values: write \"value\" or \"valueBase64\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_went() {
        for bytes in [&b""[..], b"text\n", b"\0\xff\xfe"] {
            let (name, value) = field(bytes);
            let text = value.as_str().map(str::to_owned);
            let (text, base64) = if name == "value" { (text, None) } else { (None, text) };
            assert_eq!(read(text, base64).unwrap(), bytes);
        }
    }

    #[test]
    fn a_value_is_given_once() {
        assert!(read(None, None).is_err());
        assert!(read(Some(String::new()), Some(String::new())).is_err());
        assert!(read(None, Some("a".to_owned())).is_err());
    }
}
