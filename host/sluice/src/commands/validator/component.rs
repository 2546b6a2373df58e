//! A component as people name it: a built-in validator, a digest, or a file.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde_json::json;
use sluice_core::key::COMPONENTS;
use sluice_core::{Digest, Key};

use crate::draft::Edit;
use crate::exit::{away, usage};
use crate::space::Space;
use crate::wiring::edges::{BUILT_IN, COMPONENT_BYTES_MAX, Description, library, wrapped};

/// A component, and where it came from.
pub struct Component {
    /// What it was called, for messages and findings.
    pub name: String,
    pub bytes: Bytes,
    pub digest: Digest,
    is_stored: bool,
}

impl Component {
    /// Looks for a built-in validator, then among the blobs, then for a file; a module is made a component.
    /// A file that is called as a built-in is meant by `./bounds`.
    pub async fn find(text: &str, space: &Space) -> Result<Component> {
        if let Ok(digest) = text.parse::<Digest>() {
            let bytes = space.blobs().fetch(digest).await.map_err(|lost| away(lost.0))?;
            if Digest::of(&bytes) != digest {
                bail!("blob {digest} has other bytes than it is named for: push the component again");
            }
            return Ok(Component { name: text[..12].to_owned(), bytes, digest, is_stored: true });
        }
        Component::local(text)
    }

    /// A built-in validator or a file, for those who reach no space.
    pub fn local(text: &str) -> Result<Component> {
        Component::beside(Path::new(""), text)
    }

    /// The same, for a file named from this folder.
    pub fn beside(folder: &Path, text: &str) -> Result<Component> {
        if let Some((name, bytes)) = BUILT_IN.iter().find(|(name, _)| *name == text) {
            return Ok(Component::here(name, Bytes::from_static(bytes)));
        }
        let name =
            Path::new(text).file_stem().map_or_else(|| text.to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(Component::here(&name, read(&folder.join(text))?))
    }

    fn here(name: &str, bytes: Bytes) -> Component {
        Component { name: name.to_owned(), digest: Digest::of(&bytes), bytes, is_stored: false }
    }

    /// Stores it for all hosts, unless they would refuse it.
    pub async fn store(&self, space: &Space) -> Result<()> {
        if self.is_stored {
            return Ok(());
        }
        self.description()?;
        let blob = space.blobs().store(self.bytes.clone()).await.map_err(|lost| away(lost.0))?;
        match blob.digest == self.digest {
            true => Ok(()),
            false => bail!("stored under {}, not {}", blob.digest, self.digest),
        }
    }

    /// What tells all hosts that it is stored: bindings that name it are let in from there on.
    pub fn announcement(&self) -> Result<Edit> {
        let key = Key::parse(format!("{COMPONENTS}{}", self.digest).as_bytes()).map_err(usage)?;
        let value = json!({ "name": self.name, "bytes": self.bytes.len() }).to_string();
        Ok(Edit::Put { key, value: value.into(), media: Some("application/json".to_owned()) })
    }

    /// Whether hosts have it already.
    pub async fn is_stored(&self, space: &Space) -> bool {
        self.is_stored || space.blobs().fetch(self.digest).await.is_ok()
    }

    /// What the validator says of itself; an error if hosts would refuse it.
    pub fn description(&self) -> Result<Description> {
        let library = library()?;
        let inspection = tokio::task::block_in_place(|| library.inspect(&self.bytes));
        match (inspection.description, inspection.refusal) {
            (Some(description), None) => Ok(description),
            (_, why) => bail!("hosts would refuse {}: it {}", self.name, why.unwrap_or_default()),
        }
    }
}

fn read(path: &Path) -> Result<Bytes> {
    let built_in: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    let file = std::fs::metadata(path).map_err(|error| {
        usage(format!("{path:?} is no built-in validator ({}), no digest, and no file: {error}", built_in.join(", ")))
    })?;
    // Read whole it would only be refused after it has filled the memory.
    if file.len() > COMPONENT_BYTES_MAX as u64 {
        bail!("hosts would refuse {path:?}: it has {} bytes, at most {COMPONENT_BYTES_MAX}", file.len());
    }
    let bytes = std::fs::read(path).map_err(|error| usage(format!("cannot read {path:?}: {error}")))?;
    let component = wrapped(&bytes).map_err(|unfit| anyhow::anyhow!(unfit.0)).with_context(|| format!("{path:?}"))?;
    Ok(Bytes::copy_from_slice(&component))
}
