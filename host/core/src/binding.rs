//! Binding documents: which keys a validator judges, with which settings and limits.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::glob::{Glob, Globs};
use crate::limits::Limits;

/// Globs of each of the two lists of one binding. A change asks each binding about each of its keys.
const GLOBS_MAX: usize = 256;

/// What `_sluice/validators/<name>` says, read and checked.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The name, which findings carry.
    pub name: Arc<str>,
    /// Which keys.
    pub keys: Globs,
    /// Which other keys it may look up. An entry it judges is not judged before these stand as they did just
    /// before the entry.
    pub reads: Globs,
    /// BLAKE3 of the component.
    pub component: Digest,
    /// JSON, as the validator gets it.
    pub settings: String,
    /// BLAKE3 of the settings.
    pub settings_digest: Digest,
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
    #[serde(default)]
    reads: Vec<String>,
    component: String,
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
        if written.reads.len() > GLOBS_MAX {
            return Err(fault("/reads", format!("{} globs: give at most {GLOBS_MAX}", written.reads.len())));
        }
        let keys = globs("/keys", &written.keys)?;
        let reads = globs("/reads", &written.reads)?;
        if let Some(at) = reads.iter().position(Glob::is_reserved) {
            let message = format!("glob \"{}\" names keys of the system itself: they cannot be looked up", reads[at]);
            return Err(fault(&format!("/reads/{at}"), message));
        }
        let component = written.component.parse().map_err(|_| {
            let message = "not a digest: give the 64 hex digits that pushing the component printed";
            fault("/component", message.into())
        })?;
        written.limits.check().map_err(|message| fault("/limits", message))?;
        let settings = written.settings.to_string();
        Ok(Binding {
            name: name.into(),
            keys,
            reads,
            component,
            settings_digest: Digest::of(settings.as_bytes()),
            settings,
            limits: written.limits,
            mode: written.mode,
        })
    }

    /// Whether a key, given by its segments, is judged.
    pub fn names(&self, key: &[&str]) -> bool {
        self.keys.matches(key)
    }

    /// Whether it is asked at all.
    pub fn is_on(&self) -> bool {
        match self.mode {
            Mode::Enforce | Mode::Monitor => true,
            Mode::Off => false,
        }
    }
}

fn globs(pointer: &str, texts: &[String]) -> Result<Globs, BindingError> {
    let glob = |(at, text): (usize, &String)| {
        let fault = |message: String| BindingError { pointer: format!("{pointer}/{at}"), message };
        Glob::parse(text).map_err(|error| fault(error.to_string()))
    };
    texts.iter().enumerate().map(glob).collect()
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
        assert_eq!((binding.mode, binding.reads.len()), (Mode::Enforce, 0));
        assert!(binding.names(&["app", "limits"]) && !binding.names(&["web"]));
    }

    #[test]
    fn what_may_be_looked_up_is_declared() {
        let text = format!(
            r#"{{"keys": ["app/*"], "reads": ["tls/*", "regions"], "component": "{DIGEST}",
                "limits": {{"log_lines": 0}}}}"#
        );
        let binding = Binding::parse("v", text.as_bytes()).unwrap();
        assert!(binding.reads.matches(&["tls", "a"]) && !binding.reads.matches(&["app", "a"]));
        assert_eq!(binding.limits.log_lines, 0);
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
            (whole(r#", "limits": {"log_lines": 1001}"#), "/limits", "give 0 to 1000"),
            (whole(r#", "limits": {"instances": 65}"#), "/limits", "limits.instances is 65: give 1 to 64"),
            (whole(r#", "reads": ["b", "_sluice/validators/*"]"#), "/reads/1", "cannot be looked up"),
            (whole(r#", "reads": ["b", "c", "d/"]"#), "/reads/2", "empty segment"),
            (whole(&format!(r#", "reads": [{}"b"]"#, r#""a", "#.repeat(256))), "/reads", "give at most 256"),
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
