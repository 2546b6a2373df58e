//! What is tested: `validator.toml`, with flags in its place.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_core::Key;

use super::case::{self, Case};
use crate::cli::ValidatorTest;
use crate::commands::validator::bind::settings;
use crate::commands::validator::component::Component;
use crate::exit::usage;
use crate::space;
use crate::wiring::edges::{Binding, Glob};

/// The file's name.
pub const FILE: &str = "validator.toml";

/// A validator as it would be bound, and its cases.
pub struct Suite {
    pub component: Bytes,
    pub binding: Binding,
    /// Where the cases are.
    pub folder: PathBuf,
    key: Key,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    component: Option<String>,
    /// The binding's globs.
    keys: Option<Vec<String>>,
    /// The key of cases that are files.
    key: Option<String>,
    #[serde(default)]
    settings: Option<Value>,
    #[serde(default)]
    limits: Bounds,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    fuel: Option<u64>,
    memory_bytes: Option<u64>,
    time_ms: Option<u64>,
}

impl Suite {
    /// Reads the file and the component.
    ///
    /// # Errors
    /// What a host would not bind.
    pub fn read(args: &ValidatorTest) -> Result<Suite> {
        let written = Written::read(&args.dir)?;
        let component = match (&args.component, &written.component) {
            (Some(typed), _) => Component::local(typed)?,
            (None, Some(named)) => Component::beside(&args.dir, named).with_context(|| {
                format!("{} names {named}; sluice validator build makes it", args.dir.join(FILE).display())
            })?,
            (None, None) => {
                let remedy =
                    format!("write component = \"FILE\" into {}, or give --component", args.dir.join(FILE).display());
                return Err(usage(format!("there is no validator to test: {remedy}")));
            }
        };
        let key = space::key(args.key.as_ref().or(written.key.as_ref()).map_or("case", String::as_str))?;
        if key.is_reserved() {
            return Err(usage(format!("key {key}: keys under _sluice/ are not left to validators, take another")));
        }
        let settings = args.settings.as_deref().map(settings).transpose()?.or(written.settings);
        let mut limits = serde_json::Map::new();
        for (name, typed, own) in [
            ("fuel", args.fuel, written.limits.fuel),
            ("memory_bytes", args.memory_bytes, written.limits.memory_bytes),
            ("time_ms", args.time_ms, written.limits.time_ms),
        ] {
            limits.extend(typed.or(own).map(|limit| (name.to_owned(), json!(limit))));
        }
        let keys = written.keys.unwrap_or_else(|| vec!["**".to_owned()]);
        let digest = component.digest.to_string();
        let document = json!({"keys": keys, "component": digest, "settings": settings, "limits": limits});
        let binding = Binding::parse(&component.name, document.to_string().as_bytes())
            .map_err(|error| usage(format!("{}: {}", error.pointer, error.message)))?;
        if !binding.names(&key.as_str().split('/').collect::<Vec<_>>()) {
            // No validator is asked about a key it is not bound to, and all cases would pass as accepted.
            return Err(usage(format!(
                "the key {key} of the cases is not among the keys bound, {keys:?}: name one that is"
            )));
        }
        let cases = args.dir.join("cases");
        let folder = if cases.is_dir() { cases } else { args.dir.clone() };
        Ok(Suite { component: component.bytes, binding, folder, key })
    }

    /// The cases, or those that a glob matches.
    pub fn cases(&self, glob: Option<&str>) -> Result<Vec<Case>> {
        let glob = glob.map(Glob::parse).transpose().map_err(usage)?;
        case::read(&self.folder, &self.key, |name| glob.as_ref().is_none_or(|glob| glob.matches(&[name])))
    }
}

impl Written {
    fn read(folder: &Path) -> Result<Written> {
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Written::default()),
            Err(error) => Err(anyhow!("cannot read {}: {error}", path.display())),
        }
    }
}
