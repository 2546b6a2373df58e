//! The repository, read once: every text file, and every Rust file cut into tokens.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::manifest::Manifest;
use crate::source::Source;

/// Folders that hold what is built or fetched, not what is written.
const FOREIGN: [&str; 2] = ["target", ".git"];

/// A text file of whatever language.
pub struct Text {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

/// All that rules look at.
pub struct Tree {
    /// Names at the top level.
    pub top: Vec<String>,
    pub texts: Vec<Text>,
    pub sources: Vec<Source>,
    /// Where the repository lies on this machine, so that no text names the place.
    pub root: PathBuf,
}

impl Text {
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

impl Tree {
    /// Reads the repository this crate is part of.
    pub fn read() -> io::Result<Tree> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let mut paths = Vec::new();
        walk(&root, &root, &mut paths)?;
        paths.sort();
        // What is not text (data of tests, say) has no rules.
        let texts = paths.into_iter().filter_map(|path| Some((fs::read_to_string(root.join(&path)).ok()?, path)));
        let texts = texts.map(|(text, path)| Text { path, text }).collect();
        let mut tree = Tree::from(root, texts);
        tree.top = names(&tree.root)?;
        Ok(tree)
    }

    /// A tree made up for the test of a rule.
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let texts = files.iter().map(|(path, text)| Text { path: (*path).to_owned(), text: (*text).to_owned() });
        let mut tree = Tree::from(PathBuf::from("/srv/checkout/sluice"), texts.collect());
        let tops = tree.texts.iter().map(|text| text.path.split('/').next().unwrap_or_default().to_owned());
        tree.top = tops.collect();
        tree.top.dedup();
        tree
    }

    fn from(root: PathBuf, texts: Vec<Text>) -> Tree {
        let rust = texts.iter().filter(|text| text.path.ends_with(".rs"));
        let sources = rust.map(|text| Source::new(&text.path, &text.text)).collect();
        Tree { top: Vec::new(), texts, sources, root }
    }

    /// The Rust files under a folder.
    pub fn sources_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(move |source| source.path.starts_with(folder))
    }

    pub fn text(&self, path: &str) -> Option<&Text> {
        self.texts.iter().find(|text| text.path == path)
    }

    /// The manifests of all packages.
    pub fn manifests(&self) -> impl Iterator<Item = Manifest<'_>> {
        self.texts.iter().filter(|text| text.path.ends_with("Cargo.toml")).filter_map(Manifest::read)
    }
}

fn walk(root: &Path, folder: &Path, paths: &mut Vec<String>) -> io::Result<()> {
    for name in names(folder)? {
        let path = folder.join(&name);
        // Where a link leads is read there, or is no business of ours.
        if FOREIGN.contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, paths)?;
        } else if let Some(path) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            paths.push(path.to_owned());
        }
    }
    Ok(())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
