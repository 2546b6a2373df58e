//! From files to the keys they stand for: a folder, one file, or JSON Lines on stdin.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::Path;

use anyhow::Result;
use bytes::Bytes;
use serde::Deserialize;
use sluice_core::decode::BLOB_BYTES_MAX;
use sluice_core::{Key, Media};

use crate::exit::usage;
use crate::payload;

/// Most faults listed: a folder full of them is a wrong folder.
const FAULTS_MAX: usize = 50;

/// What files want keys to be.
pub type Wanted = BTreeMap<Key, Value>;

/// A value as files give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub bytes: Bytes,
    pub media: Media,
}

/// One line of stdin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    value: Option<String>,
    #[serde(rename = "valueBase64")]
    base64: Option<String>,
    #[serde(rename = "type")]
    media: Option<String>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    wanted: Wanted,
    faults: Vec<String>,
}

/// Reads a folder, a file, or stdin for `-`; `folder` goes in front of each key.
///
/// # Errors
/// Every file or line that cannot be a key, all at once, and a source without any.
pub fn read(source: &Path, folder: &str) -> Result<Wanted> {
    let mut found = Found::default();
    let cannot = |error: io::Error| usage(format!("cannot read {}: {error}", source.display()));
    if source.as_os_str() == "-" {
        found.lines(io::stdin().lock(), folder).map_err(cannot)?;
    } else if std::fs::metadata(source).map_err(cannot)?.is_dir() {
        found.folder(source, folder, "");
    } else {
        found.path(source, folder, source.file_name().and_then(|name| name.to_str()).unwrap_or_default());
    }
    found.finish(source)
}

impl Found {
    fn folder(&mut self, path: &Path, folder: &str, within: &str) {
        let listed = std::fs::read_dir(path).and_then(|listed| listed.collect::<io::Result<Vec<_>>>());
        match listed {
            Err(error) => self.fault(path, format_args!("cannot be read: {error}")),
            Ok(mut listed) => {
                listed.sort_by_key(std::fs::DirEntry::file_name);
                for entry in listed {
                    match entry.file_name().to_str() {
                        Some(name) => self.path(&entry.path(), folder, &format!("{within}{name}")),
                        None => self.fault(&entry.path(), format_args!("has a name that is not UTF-8: rename it")),
                    }
                }
            }
        }
    }

    /// One file, or a folder within; `name` is the path from the top, with `/` between segments.
    fn path(&mut self, path: &Path, folder: &str, name: &str) {
        if name.rsplit('/').next().is_some_and(|last| last.starts_with('.')) {
            return self.fault(path, format_args!("is hidden: move it out of the folder, or rename it"));
        }
        match (std::fs::symlink_metadata(path), std::fs::metadata(path)) {
            (Err(error), _) | (_, Err(error)) => self.fault(path, format_args!("cannot be read: {error}")),
            // Followed, it could lead in a circle or out of what was meant.
            (Ok(own), Ok(target)) if own.is_symlink() && target.is_dir() => {
                self.fault(path, format_args!("is a link to a folder: put the files themselves here"));
            }
            (Ok(_), Ok(target)) if target.is_dir() => self.folder(path, folder, &format!("{name}/")),
            (Ok(_), Ok(target)) if !target.is_file() => {
                self.fault(path, format_args!("is no file: move it out of the folder"))
            }
            (Ok(_), Ok(target)) if target.len() > BLOB_BYTES_MAX => {
                self.fault(path, format_args!("has {} bytes: values have at most {BLOB_BYTES_MAX}", target.len()));
            }
            (Ok(_), Ok(_)) => self.file(path, &format!("{folder}{name}")),
        }
    }

    fn file(&mut self, path: &Path, name: &str) {
        match (Key::parse(name.as_bytes()), std::fs::read(path)) {
            (Err(error), _) => self.fault(path, format_args!("cannot be a key: {error}")),
            (_, Err(error)) => self.fault(path, format_args!("cannot be read: {error}")),
            (Ok(key), Ok(bytes)) => {
                let media = Media::of_key(&key);
                self.wanted.insert(key, Value { bytes: bytes.into(), media });
            }
        }
    }

    fn lines(&mut self, lines: impl BufRead, folder: &str) -> io::Result<()> {
        for (at, line) in lines.lines().enumerate() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let read = entry(&line, folder).and_then(|(key, value)| match self.wanted.insert(key.clone(), value) {
                None => Ok(()),
                Some(_) => Err(format!("key \"{key}\" comes twice: give it once")),
            });
            self.faults.extend(read.err().map(|fault| format!("line {}: {fault}", at + 1)));
        }
        Ok(())
    }

    fn fault(&mut self, path: &Path, what: std::fmt::Arguments<'_>) {
        self.faults.push(format!("{} {what}", path.display()));
    }

    fn finish(self, source: &Path) -> Result<Wanted> {
        let source = source.display();
        match self.faults.len() {
            0 if self.wanted.is_empty() => Err(usage(format!("{source} has no files: nothing to compare with"))),
            0 => Ok(self.wanted),
            count => {
                let more =
                    if count > FAULTS_MAX { format!("\n  and {} more", count - FAULTS_MAX) } else { String::new() };
                let shown = &self.faults[..count.min(FAULTS_MAX)];
                let plural = if count == 1 { "fault" } else { "faults" };
                Err(usage(format!(
                    "{count} {plural} in {source}, nothing was changed:\n  {}{more}",
                    shown.join("\n  ")
                )))
            }
        }
    }
}

fn entry(line: &str, folder: &str) -> Result<(Key, Value), String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let key = Key::parse(format!("{folder}{}", line.key).as_bytes()).map_err(|error| error.to_string())?;
    let bytes = payload::read(line.value, line.base64).map_err(|fault| format!("key \"{key}\": {fault}"))?;
    let media = match line.media {
        None => Media::of_key(&key),
        Some(text) => Media::parse(&text).ok_or_else(|| format!("{text:?} is not a media type: write type/subtype"))?,
    };
    Ok((key, Value { bytes, media }))
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
