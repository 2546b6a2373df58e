//! `validator.toml`: what a project is written in, and what is tested.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cli::Lang;
use crate::exit::usage;

/// The file's name.
pub const FILE: &str = "validator.toml";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub lang: Option<Lang>,
    /// A file of the project, or a built-in's name.
    pub component: Option<String>,
    /// The binding's globs.
    pub keys: Option<Vec<String>>,
    /// Globs of other keys it may look up.
    #[serde(default)]
    pub reads: Vec<String>,
    /// The key of cases that are files.
    pub key: Option<String>,
    #[serde(default)]
    pub settings: Option<Value>,
    #[serde(default)]
    pub limits: Map<String, Value>,
}

impl Manifest {
    /// That of a folder; without the file all is as nobody said it.
    pub fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Manifest::default()),
            Err(error) => Err(anyhow!("cannot read {}: {error}", path.display())),
        }
    }
}
