//! Binding documents: which keys a validator judges, with which settings and limits.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::glob::Glob;
use crate::limits::Limits;

/// Globs of one binding. A change asks each binding about each of its keys.
const GLOBS_MAX: usize = 256;

/// What `_sluice/validators/<name>` says, read and checked.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The name, which findings carry.
    pub name: Arc<str>,
    /// Which keys.
    pub keys: Vec<Glob>,
    pub reads: Vec<Glob>,
    /// BLAKE3 of the component.
    pub component: Digest,
    /// JSON, as the validator gets it.
    pub settings: String,
    /// What one call may use.
    pub limits: Limits,
    /// What its verdicts do.
    pub mode: Mode,
}

/// What a binding's verdicts do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A change it rejects is refused.
    #[default]
    Enforce,
    /// It is asked and its findings are kept, and it refuses nothing: how a new rule is tried out.
    Monitor,
    /// It is not asked.
    Off,
}

/// What is wrong with a binding document, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingError {
    /// A JSON Pointer into the document.
    pub pointer: String,
    /// For people.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    keys: Vec<String>,
    component: String,
    #[serde(default)]
    reads: Vec<String>,
    #[serde(default)]
    settings: Value,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    mode: Mode,
}

impl Binding {
    /// Reads a binding document.
    ///
    /// # Errors
    /// Names the first thing wrong.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Binding, BindingError> {
        let fault = |pointer: &str, message: String| BindingError { pointer: pointer.into(), message };
        let written: Written = serde_json::from_slice(bytes).map_err(|error| fault("", error.to_string()))?;
        if written.keys.is_empty() || written.keys.len() > GLOBS_MAX {
            return Err(fault("/keys", format!("{} globs: give 1 to {GLOBS_MAX}", written.keys.len())));
        }
        let glob = |(at, text): (usize, &String)| {
            Glob::parse(text).map_err(|error| fault(&format!("/keys/{at}"), error.to_string()))
        };
        let keys = written.keys.iter().enumerate().map(glob).collect::<Result<_, _>>()?;
        let component = written.component.parse().map_err(|_| {
            let message = "not a digest: give the 64 hex digits that pushing the component printed";
            fault("/component", message.into())
        })?;
        written.limits.check().map_err(|message| fault("/limits", message))?;
        let read = |(at, text): (usize, &String)| {
            Glob::parse(text).map_err(|error| fault(&format!("/reads/{at}"), error.to_string()))
        };
        let reads = written.reads.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Binding {
            name: name.into(),
            keys,
            reads,
            component,
            settings: written.settings.to_string(),
            limits: written.limits,
            mode: written.mode,
        })
    }

    /// Whether a key, given by its segments, is judged.
    pub fn names(&self, key: &[&str]) -> bool {
        self.keys.iter().any(|glob| glob.matches(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

    #[test]
    fn what_is_left_out_has_a_default() {
        let text = format!(r#"{{"keys": ["app/**"], "component": "{DIGEST}"}}"#);
        let binding = Binding::parse("v", text.as_bytes()).unwrap();
        assert_eq!((binding.settings.as_str(), binding.limits), ("null", Limits::DEFAULT));
        assert_eq!(binding.mode, Mode::Enforce);
        assert!(binding.names(&["app", "limits"]) && !binding.names(&["web"]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let whole = |rest: &str| format!(r#"{{"keys": ["a"], "component": "{DIGEST}"{rest}}}"#);
        for (text, pointer, part) in [
            (whole(r#", "setings": 1"#), "", "unknown field `setings`"),
            (whole(r#", "mode": "audit""#), "", "unknown variant `audit`, expected one of `enforce`, `monitor`, `off`"),
            (whole(r#", "limits": {"fuel": 0}"#), "/limits", "limits.fuel is 0: give 1 to"),
            (whole(r#", "limits": {"memory_bytes": 1e12}"#), "", "invalid type"),
            (whole(r#", "limits": {"time_ms": 99999999}"#), "/limits", "give 1 to 60000"),
            (r#"{"keys": [], "component": ""}"#.into(), "/keys", "0 globs"),
            (r#"{"keys": ["a", "b//c"], "component": ""}"#.into(), "/keys/1", "empty segment"),
            (r#"{"keys": ["a"], "component": "aa"}"#.into(), "/component", "64 hex digits"),
            ("{".into(), "", "EOF"),
        ] {
            let error = Binding::parse("v", text.as_bytes()).unwrap_err();
            assert_eq!(error.pointer, pointer, "{text}");
            assert!(error.message.contains(part), "{}", error.message);
        }
    }
}
