//! The SDK for Rust, which is in no registry: a project gets a copy.

use super::{File, Made};

/// The SDK's sources as they are in the repository.
const SOURCES: &[File] = files!("../sdk":
    "src/arena.rs", "src/change.rs", "src/current.rs", "src/document.rs", "src/export.rs", "src/finding.rs",
    "src/lib.rs", "src/log.rs", "src/severity.rs", "src/testing.rs", "src/verdict.rs",
);
/// The contract, which the SDK makes its types from.
const WIT: &[File] = files!("../../wit/1.0.0": "validator.wit");
/// The SDK's manifest outside the workspace.
const MANIFEST: &str = include_str!("../../template/rust/sdk.toml");
/// Where the SDK looks for the contract: in the repository, and in a copy.
const WIT_FOLDERS: [&str; 2] = ["path: \"../../wit/1.0.0\"", "path: \"wit\""];

/// The SDK, to be written into a folder of its own.
pub fn sdk() -> Vec<Made> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(WIT_FOLDERS[0], WIT_FOLDERS[1]).into_bytes();
    let sources = SOURCES.iter().map(|(path, bytes)| ((*path).to_owned(), text(bytes)));
    let wit = WIT.iter().map(|(path, bytes)| (format!("wit/{path}"), bytes.to_vec()));
    sources.chain(wit).chain([("Cargo.toml".to_owned(), MANIFEST.into())]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::{listed, paths};
    use super::*;

    #[test]
    fn no_file_of_the_sdk_is_left_behind() {
        let mut sdk = listed("../sdk");
        assert!(sdk.remove("Cargo.toml"));
        assert_eq!(paths(SOURCES), sdk);
        assert_eq!(paths(WIT), listed("../../wit/1.0.0"));
    }

    #[test]
    fn the_copy_finds_the_contract_beside_itself() {
        let is_there = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).contains(text);
        let found = |text: &str| sdk().iter().filter(|(_, bytes)| is_there(bytes, text)).count();
        assert_eq!((found(WIT_FOLDERS[0]), found(WIT_FOLDERS[1])), (0, 1));
    }

    #[test]
    fn the_copy_needs_what_the_workspace_needs() {
        let workspace = include_str!("../../../../Cargo.toml");
        let own = include_str!("../../../sdk/Cargo.toml");
        let needed =
            |text: &'static str| text.split_once("[dependencies]").unwrap().1.lines().filter(|line| !line.is_empty());
        for line in needed(MANIFEST) {
            assert!(workspace.lines().any(|other| other == line), "{line} differs from the workspace");
        }
        let name = |line: &'static str| line.split(['.', ' ']).next().unwrap();
        let names = |text: &'static str| needed(text).map(name).collect::<BTreeSet<_>>();
        assert_eq!(names(MANIFEST), names(own));
        for fact in ["version = \"0.1.0\"", "edition = \"2024\"", "rust-version = \"1.95\""] {
            assert!(MANIFEST.contains(fact) && workspace.contains(fact), "{fact}");
        }
    }
}
