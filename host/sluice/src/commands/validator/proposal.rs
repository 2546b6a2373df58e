//! A binding as it would be published, for verbs that act as if it were.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::component::Component;
use crate::exit::usage;
use crate::wiring::edges::Binding;

/// What a binding says beside its component.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Proposal {
    pub keys: Vec<String>,
    pub reads: Vec<String>,
    pub settings: Option<Value>,
    /// Those that were said; the rest has the hosts' defaults.
    pub limits: Map<String, Value>,
}

impl Proposal {
    /// The binding that puts this component to work.
    ///
    /// # Errors
    /// What hosts would refuse of it.
    pub fn bind(&self, component: &Component) -> Result<Binding> {
        let Proposal { keys, reads, settings, limits } = self;
        let digest = component.digest.to_string();
        let document =
            json!({"keys": keys, "reads": reads, "component": digest, "settings": settings, "limits": limits});
        Binding::parse(&component.name, document.to_string().as_bytes())
            .map_err(|error| usage(format!("{}: {}", error.pointer, error.message)))
    }
}
