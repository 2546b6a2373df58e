//! Cases: what lies in a folder of them, and what each expects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use sluice_core::Key;

use super::expectation::Expectation;
use super::ruling::Ruling;
use crate::commands::validator::manifest::FILE;
use crate::commands::validator::scenario::Scenario;
use crate::exit::usage;

/// A change, and what a validator should make of it.
pub struct Case {
    pub name: String,
    pub scenario: Scenario,
    pub expectation: Expectation,
    /// Where the expectation stands, or would.
    path: PathBuf,
    /// A file says its decision by its name.
    is_file: bool,
}

/// What a file in the folder is, by its name.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Case { name: &'a str, decision: &'a str, extension: &'a str },
    Old { name: &'a str, extension: &'a str },
    Expect { name: &'a str },
    Given { name: &'a str },
    Other,
}

/// The files of one name.
#[derive(Default)]
struct Group {
    case: Option<(PathBuf, String, String)>,
    old: Option<(PathBuf, String)>,
    expect: Option<PathBuf>,
    given: Option<PathBuf>,
    folder: Option<PathBuf>,
}

/// All cases of a folder whose names `is_wanted`, by name.
///
/// # Errors
/// A file that is no part of a case: a misspelt name would else be a test that never runs.
pub fn read(folder: &Path, key: &Key, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Case>> {
    let groups = grouped(folder)?;
    groups.into_iter().filter(|(name, _)| is_wanted(name)).map(|(name, group)| group.read(folder, &name, key)).collect()
}

fn grouped(folder: &Path) -> Result<BTreeMap<String, Group>> {
    let cannot = |error: std::io::Error| usage(format!("cannot read {}: {error}", folder.display()));
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for file in std::fs::read_dir(folder).map_err(cannot)? {
        let path = file.map_err(cannot)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(usage(format!("{} has a name that is not UTF-8: rename it", path.display())));
        };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if path.join("change.toml").is_file() {
                groups.entry(name.to_owned()).or_default().folder = Some(path.clone());
            }
            continue;
        }
        match part(name) {
            Part::Case { name, decision, extension } => {
                let found = (path.clone(), decision.to_owned(), extension.to_owned());
                if groups.entry(name.to_owned()).or_default().case.replace(found).is_some() {
                    return Err(usage(format!("two cases are called {name}: rename {}", path.display())));
                }
            }
            Part::Old { name, extension } => {
                groups.entry(name.to_owned()).or_default().old = Some((path.clone(), extension.to_owned()));
            }
            Part::Expect { name } => groups.entry(name.to_owned()).or_default().expect = Some(path.clone()),
            Part::Given { name } => groups.entry(name.to_owned()).or_default().given = Some(path.clone()),
            Part::Other if name.starts_with("README") || name == FILE => (),
            Part::Other => {
                let remedy = "call it NAME.accept.EXT, .warn.EXT, .reject.EXT, .old.EXT, .given.toml or .expect.toml";
                return Err(usage(format!("{} is no part of a case: {remedy}", path.display())));
            }
        }
    }
    Ok(groups)
}

fn part(file: &str) -> Part<'_> {
    if let Some(name) = file.strip_suffix(".expect.toml") {
        return Part::Expect { name };
    }
    if let Some(name) = file.strip_suffix(".given.toml") {
        return Part::Given { name };
    }
    let Some((stem, extension)) = file.rsplit_once('.') else { return Part::Other };
    match stem.rsplit_once('.') {
        Some((name, decision @ ("accept" | "warn" | "reject"))) => Part::Case { name, decision, extension },
        Some((name, "old")) => Part::Old { name, extension },
        Some(_) | None => Part::Other,
    }
}

impl Group {
    fn read(self, folder: &Path, name: &str, key: &Key) -> Result<Case> {
        match (self.case, self.folder) {
            (Some((path, decision, extension)), None) => {
                let old = self.old.map(|(path, _)| bytes(&path)).transpose()?;
                let scenario = Scenario::of_file(key, &extension, bytes(&path)?, old, self.given.as_deref())?;
                let path = folder.join(format!("{name}.expect.toml"));
                let mut expectation = Expectation::read(&path)?.unwrap_or_default();
                match expectation.decision.as_str() {
                    "" => expectation.decision = decision,
                    own if own == decision || decision == "reject" && !["accept", "warn"].contains(&own) => (),
                    own => {
                        return Err(usage(format!(
                            "{}: decision {own:?}, but the case is called {decision}: leave it out",
                            path.display()
                        )));
                    }
                }
                Ok(Case { name: name.to_owned(), scenario, expectation, path, is_file: true })
            }
            (None, Some(folder)) => {
                let path = folder.join("expect.toml");
                let expectation = Expectation::read(&path)?.filter(|read| !read.decision.is_empty());
                let expectation = expectation.ok_or_else(|| {
                    usage(format!("{} does not say what to expect: write decision = \"accept\"", path.display()))
                })?;
                Ok(Case {
                    name: name.to_owned(),
                    scenario: Scenario::of_folder(&folder)?,
                    expectation,
                    path,
                    is_file: false,
                })
            }
            (Some((path, ..)), Some(_)) => {
                Err(usage(format!("two cases are called {name}: rename {}", path.display())))
            }
            (None, None) => {
                let remedy = format!("add {name}.accept.EXT or {name}.reject.EXT, or take it out");
                let part = self.expect.or(self.old.map(|(path, _)| path)).or(self.given).unwrap_or_default();
                Err(usage(format!("{} belongs to no case: {remedy}", part.display())))
            }
        }
    }
}

impl Case {
    /// Makes what was found the expectation. Where nothing was said and there is nothing to say, no file is made.
    /// Gives the file, if it was written.
    pub fn write(&self, ruling: &Ruling) -> Result<Option<&Path>> {
        let mut found = ruling.expectation();
        let is_plain = self.is_file && ["accept", "warn", "reject"].contains(&found.decision.as_str());
        let is_silent = found.findings.as_ref().is_none_or(Vec::is_empty) && self.expectation.findings.is_none();
        if is_silent {
            return Ok(None);
        }
        if is_plain {
            found.decision.clear();
        }
        // A rewrite would take comments away, so what is right already stays as it is.
        if ruling.meets(&self.expectation) && self.expectation.findings.is_some() {
            return Ok(None);
        }
        found.write(&self.path)?;
        Ok(Some(&self.path))
    }
}

fn bytes(path: &Path) -> Result<bytes::Bytes> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(usage(format!("cannot read {}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_by_its_name() {
        let case = Part::Case { name: "a.b", decision: "reject", extension: "json" };
        assert_eq!(part("a.b.reject.json"), case);
        assert_eq!(part("a.warn.json"), Part::Case { name: "a", decision: "warn", extension: "json" });
        assert_eq!(part("a.given.toml"), Part::Given { name: "a" });
        assert_eq!(part("a.old.json"), Part::Old { name: "a", extension: "json" });
        assert_eq!(part("a.expect.toml"), Part::Expect { name: "a" });
        for other in ["a.json", "a.acept.json", "accept.json", "a"] {
            assert_eq!(part(other), Part::Other, "{other}");
        }
    }

    #[test]
    fn a_test_that_would_never_run_is_told() {
        for (files, part) in [
            (&["a.acept.json"][..], "is no part of a case"),
            (&["a.old.json"], "belongs to no case"),
            (&["a.given.toml"], "belongs to no case"),
            (&["a.accept.json", "a.reject.json"], "two cases are called a"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|file| std::fs::write(folder.path().join(file), "1").unwrap());
            let key = Key::parse(b"a").unwrap();
            let error = read(folder.path(), &key, |_| true).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
