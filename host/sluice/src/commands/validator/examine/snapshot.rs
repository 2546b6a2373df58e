//! When the files a test depends on were written: what `--watch` compares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files looked at; a folder with more is no project, and is watched in part.
const FILES_MAX: usize = 10_000;
/// Folders of things that are made, not written: large, and written by every build.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Time and length of each file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Snapshot {
    /// Of these files, and of those in these folders, but for one that the test itself writes.
    pub fn of(places: &[PathBuf], own: Option<&Path>) -> Snapshot {
        let mut files = BTreeMap::new();
        let mut left: Vec<PathBuf> = places.to_vec();
        while let Some(path) = left.pop() {
            let Ok(found) = path.metadata() else { continue };
            if found.is_dir() {
                left.extend(
                    std::fs::read_dir(&path)
                        .into_iter()
                        .flatten()
                        .flatten()
                        .map(|file| file.path())
                        .filter(|path| is_source(path)),
                );
            } else if own != Some(path.as_path()) && files.len() < FILES_MAX {
                files.insert(path, (found.modified().ok(), found.len()));
            }
        }
        Snapshot(files)
    }
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_made = MADE.contains(&name) && path.is_dir();
    !name.starts_with('.') && !is_made
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_written_is_noticed_and_what_is_made_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        ["src", "target"].iter().for_each(|name| fs::create_dir(at(name)).unwrap());
        fs::write(at("target/a.wasm"), "1").unwrap();
        let report = at("report.xml");
        let look = |places: &[PathBuf]| Snapshot::of(places, Some(&report));
        let (whole, named) = ([folder.path().to_owned()], [folder.path().to_owned(), at("target/a.wasm")]);
        let (before, with) = (look(&whole), look(&named));
        fs::write(at("target/a.wasm"), "12").unwrap();
        fs::write(&report, "12").unwrap();
        assert_eq!(look(&whole), before);
        assert_ne!(look(&named), with);
        fs::write(at("src/lib.rs"), "").unwrap();
        assert_ne!(look(&whole), before);
    }
}
