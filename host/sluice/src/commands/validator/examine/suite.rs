//! What is tested: `validator.toml`, with flags in its place.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use sluice_core::Key;

use super::case::{self, Case};
use crate::cli::ValidatorTest;
use crate::commands::validator::bind::settings;
use crate::commands::validator::component::Component;
use crate::commands::validator::manifest::{FILE, Manifest};
use crate::commands::validator::proposal::Proposal;
use crate::exit::usage;
use crate::space;
use crate::wiring::edges::{Binding, Glob};

/// A validator as it would be bound, and its cases.
pub struct Suite {
    pub component: Bytes,
    pub binding: Binding,
    /// Where the cases are.
    pub folder: PathBuf,
    /// A source newer than the component, which is then not the one it makes.
    pub newer: Option<PathBuf>,
    key: Key,
}

impl Suite {
    /// Reads the file and the component.
    ///
    /// # Errors
    /// What a host would not bind.
    pub fn read(args: &ValidatorTest) -> Result<Suite> {
        let written = Manifest::read(&args.dir)?;
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
        let mut limits = written.limits;
        limits.extend(args.limits.document());
        let keys = written.keys.unwrap_or_else(|| vec!["**".to_owned()]);
        let proposal = Proposal { keys, reads: written.reads, settings, limits };
        let binding = proposal.bind(&component)?;
        if !binding.names(&key.as_str().split('/').collect::<Vec<_>>()) {
            // No validator is asked about a key it is not bound to, and all cases would pass as accepted.
            return Err(usage(format!(
                "the key {key} of the cases is not among the keys bound, {:?}: name one that is",
                proposal.keys
            )));
        }
        let cases = args.dir.join("cases");
        let folder = if cases.is_dir() { cases } else { args.dir.clone() };
        let named = args.component.is_none().then_some(written.component).flatten();
        let newer = named.and_then(|named| newer(&args.dir, &args.dir.join(named)));
        Ok(Suite { component: component.bytes, binding, folder, newer, key })
    }

    /// What a test may come out otherwise for: the project, and the component wherever it lies.
    pub fn places(args: &ValidatorTest) -> Vec<PathBuf> {
        let named = || Some(args.dir.join(Manifest::read(&args.dir).ok()?.component?));
        let component = args.component.as_ref().map(PathBuf::from).or_else(named);
        let settings = args.settings.as_ref().and_then(|text| text.strip_prefix('@')).map(PathBuf::from);
        [args.dir.clone()].into_iter().chain(component).chain(settings).collect()
    }

    /// The cases, or those that a glob matches.
    pub fn cases(&self, glob: Option<&str>) -> Result<Vec<Case>> {
        let glob = glob.map(Glob::parse).transpose().map_err(usage)?;
        case::read(&self.folder, &self.key, |name| glob.as_ref().is_none_or(|glob| glob.matches(&[name])))
    }
}

/// A file under `src` that was written after the component. A built-in has no sources here, and a time that
/// cannot be read tells nothing.
fn newer(dir: &Path, component: &Path) -> Option<PathBuf> {
    let written = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let built = written(component)?;
    let mut left = vec![dir.join("src")];
    while let Some(folder) = left.pop() {
        for path in std::fs::read_dir(folder).ok()?.flatten().map(|file| file.path()) {
            match path.is_dir() {
                true => left.push(path),
                false if written(&path).is_some_and(|time| time > built) => return Some(path),
                false => (),
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_component_older_than_its_sources_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (source, component) = (folder.path().join("src/a/b.rs"), folder.path().join("a.wasm"));
        std::fs::create_dir_all(source.parent().unwrap()).unwrap();
        let write = |path: &Path, written_s: u64| {
            let file = std::fs::File::create(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(written_s)).unwrap();
        };
        write(&source, 7);
        assert_eq!(newer(folder.path(), &component), None);
        write(&component, 7);
        assert_eq!(newer(folder.path(), &component), None);
        write(&source, 8);
        assert_eq!(newer(folder.path(), &component), Some(source));
    }
}
