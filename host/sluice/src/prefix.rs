//! Prefixes as typed: what keys start with, and folders that keys are put under.

use anyhow::Result;
use sluice_core::Key;

use crate::exit::usage;

/// A prefix some key could have. One that none could is a mistake, and an empty answer would hide it.
pub fn prefix(text: &str) -> Result<&str> {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    match text.bytes().find(|b| !allowed(b)) {
        None => Ok(text),
        Some(byte) => Err(usage(format!(
            "prefix {text:?} contains \"{}\": no key has it, they are made of A-Z a-z 0-9 . _ - /",
            byte.escape_ascii()
        ))),
    }
}

/// A prefix as a folder: whole segments, so that `app` does not mean `app2/x`. Empty is everything.
pub fn folder(text: &str) -> Result<String> {
    match text.strip_suffix('/').unwrap_or(text) {
        "" if text.is_empty() => Ok(String::new()),
        name => Ok(format!("{}/", Key::parse(name.as_bytes()).map_err(usage)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_no_key_can_have_is_told() {
        assert_eq!(prefix("app/li").unwrap(), "app/li");
        assert!(prefix("app/*").unwrap_err().to_string().contains("contains \"*\""));
    }

    #[test]
    fn a_folder_ends_with_its_slash() {
        for (text, meant) in [("", ""), ("app", "app/"), ("app/", "app/"), ("a/b", "a/b/")] {
            assert_eq!(folder(text).unwrap(), meant);
        }
        for text in ["/", "a//", "a b"] {
            assert!(folder(text).is_err(), "{text:?}");
        }
    }
}
