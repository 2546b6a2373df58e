//! What [`crate::validator!`] puts between the host's calls and the author's function.

use serde::de::DeserializeOwned;

use crate::{Description, Finding, Severity};

/// Begins a call: from here on a panic says its message to the host before it traps.
pub fn begin() {
    #[cfg(target_family = "wasm")]
    {
        static HOOK: std::sync::Once = std::sync::Once::new();
        let say = |panic: &std::panic::PanicHookInfo<'_>| {
            // Its two lines as one: where it is shown, a message has no lines.
            crate::log::error(panic.to_string().replacen(":\n", ": ", 1));
        };
        HOOK.call_once(|| std::panic::set_hook(Box::new(say)));
    }
}

/// The settings of a binding, made ready: their form first, then what the validator itself says of them.
pub fn configured<W: DeserializeOwned, S>(
    text: &str,
    prepare: impl FnOnce(W) -> (Option<S>, Vec<Finding>),
) -> (Option<S>, Vec<Finding>) {
    match written(text) {
        Ok(written) => prepare(written),
        Err(finding) => (None, vec![finding]),
    }
}

/// Settings that were checked: they count if no finding about them is an error.
pub fn checked<S>(settings: S, findings: Vec<Finding>) -> (Option<S>, Vec<Finding>) {
    let is_usable = findings.iter().all(|finding| finding.severity != Severity::Error);
    (is_usable.then_some(settings), findings)
}

/// What `prepare` answered, in the same form.
pub fn prepared<S>(result: Result<S, Vec<Finding>>) -> (Option<S>, Vec<Finding>) {
    match result {
        Ok(settings) => (Some(settings), Vec::new()),
        Err(findings) => (None, findings),
    }
}

/// A validator without settings says so to whoever gives it some.
pub fn unsettled(text: &str) -> Vec<Finding> {
    let is_empty = matches!(text.trim(), "null" | "{}");
    let finding = || Finding::error("settings", "this validator has no settings: leave them out");
    (!is_empty).then(finding).into_iter().collect()
}

/// A binding without settings means all defaults.
fn written<W: DeserializeOwned>(text: &str) -> Result<W, Finding> {
    if text.trim() == "null"
        && let Ok(written) = serde_json::from_str(text)
    {
        return Ok(written);
    }
    let text = if text.trim() == "null" { "{}" } else { text };
    crate::document::typed(text).map_err(|finding| Finding { code: "settings".into(), ..finding })
}

/// Texts, owned.
pub fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl Default for Description {
    /// Says nothing.
    fn default() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            keys: Vec::new(),
            reads: Vec::new(),
            settings_schema: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Settings {
        #[serde(default)]
        most: u8,
    }

    fn read(text: &str) -> Result<Settings, Finding> {
        written(text)
    }

    #[test]
    fn settings_of_another_form_are_refused_with_their_place() {
        let finding = read(r#"{"most": "many"}"#).unwrap_err();
        assert_eq!((finding.code.as_str(), finding.pointer.as_deref()), ("settings", Some("/most")));
        assert_eq!(read(r#"{"most": 3}"#), Ok(Settings { most: 3 }));
    }

    #[test]
    fn no_settings_are_all_defaults() {
        assert_eq!(read("null"), Ok(Settings { most: 0 }));
        assert_eq!(written::<Option<u8>>("null"), Ok(None));
        assert!(written::<u8>("null").is_err());
        assert_eq!((unsettled("null").len(), unsettled(" {} ").len(), unsettled("7").len()), (0, 0, 1));
    }

    #[test]
    fn settings_with_an_error_do_not_count() {
        assert_eq!(checked(7, vec![Finding::warning("odd", "odd")]).0, Some(7));
        assert_eq!(checked(7, vec![Finding::error("odd", "odd")]).0, None);
    }
}
