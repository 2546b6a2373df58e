//! What a validator's author starts from: the SDK's sources and a project that uses them, so that a machine
//! which has only the binary has all there is to have.

/// A file by its path.
pub type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../", $folder, "/", $path)))),+]
    };
}

/// The SDK's sources as they are in the repository.
const SDK_SOURCES: &[File] = files!("../sdk":
    "src/arena.rs", "src/change.rs", "src/current.rs", "src/document.rs", "src/export.rs", "src/finding.rs",
    "src/lib.rs", "src/log.rs", "src/severity.rs", "src/testing.rs", "src/verdict.rs",
);
/// The contract, which the SDK makes its types from.
const WIT: &[File] = files!("../../wit/1.0.0": "validator.wit");
/// The SDK's manifest outside the workspace.
const SDK_MANIFEST: &str = include_str!("../template/sdk.toml");
/// Where the SDK looks for the contract: in the repository, and in a copy.
const WIT_FOLDERS: [&str; 2] = ["path: \"../../wit/1.0.0\"", "path: \"wit\""];

const PROJECT: &[File] = &[
    ("Cargo.toml", include_str!("../template/project.toml")),
    (".gitignore", include_str!("../template/gitignore")),
    ("src/lib.rs", include_str!("../template/lib.rs")),
];
const PROJECT_AS_IT_IS: &[File] = files!("template":
    "README.md", "validator.toml", "cases/modest.accept.json", "cases/too-many.reject.json",
    "cases/too-many.expect.toml", "cases/too-fast.old.json", "cases/too-fast.reject.json",
    "cases/too-fast.expect.toml", "cases/two-pools/change.toml", "cases/two-pools/expect.toml",
);

/// The SDK, to be written into a folder of its own.
pub fn sdk() -> Vec<(String, String)> {
    let sources =
        SDK_SOURCES.iter().map(|(path, text)| ((*path).to_owned(), text.replace(WIT_FOLDERS[0], WIT_FOLDERS[1])));
    let wit = WIT.iter().map(|(path, text)| (format!("wit/{path}"), (*text).to_owned()));
    sources.chain(wit).chain([("Cargo.toml".to_owned(), SDK_MANIFEST.to_owned())]).collect()
}

/// A project in Rust of this name, with the SDK at this path.
pub fn project(name: &str, sdk: &str) -> Vec<(String, String)> {
    let filled = |text: &str| text.replace("{name}", name).replace("{sdk}", sdk);
    PROJECT.iter().chain(PROJECT_AS_IT_IS).map(|(path, text)| ((*path).to_owned(), filled(text))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The paths of all files under a folder of this package.
    fn listed(folder: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let (mut left, mut files) = (vec![root.clone()], BTreeSet::new());
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => left.push(path),
                    false => drop(files.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())),
                }
            }
        }
        files
    }

    fn paths(files: &[File]) -> BTreeSet<String> {
        files.iter().map(|(path, _)| (*path).to_owned()).collect()
    }

    #[test]
    fn no_file_of_the_sdk_is_left_behind() {
        let mut sdk = listed("../sdk");
        assert!(sdk.remove("Cargo.toml"));
        assert_eq!(paths(SDK_SOURCES), sdk);
        assert_eq!(paths(WIT), listed("../../wit/1.0.0"));
        let own: BTreeSet<String> = ["sdk.toml", "project.toml", "gitignore", "lib.rs"].map(str::to_owned).into();
        assert_eq!(&paths(PROJECT_AS_IT_IS) | &own, listed("template"));
    }

    #[test]
    fn the_copy_finds_the_contract_beside_itself() {
        let found = |text: &str| sdk().iter().filter(|(_, source)| source.contains(text)).count();
        assert_eq!((found(WIT_FOLDERS[0]), found(WIT_FOLDERS[1])), (0, 1));
    }

    #[test]
    fn the_copy_needs_what_the_workspace_needs() {
        let workspace = include_str!("../../../Cargo.toml");
        let own = include_str!("../../sdk/Cargo.toml");
        let needed =
            |text: &'static str| text.split_once("[dependencies]").unwrap().1.lines().filter(|line| !line.is_empty());
        for line in needed(SDK_MANIFEST) {
            assert!(workspace.lines().any(|other| other == line), "{line} differs from the workspace");
        }
        let name = |line: &'static str| line.split(['.', ' ']).next().unwrap();
        let names = |text: &'static str| needed(text).map(name).collect::<BTreeSet<_>>();
        assert_eq!(names(SDK_MANIFEST), names(own));
        for fact in ["version = \"0.1.0\"", "edition = \"2024\"", "rust-version = \"1.95\""] {
            assert!(SDK_MANIFEST.contains(fact) && workspace.contains(fact), "{fact}");
        }
    }

    #[test]
    fn a_project_has_its_name_everywhere() {
        let files = project("pool-limits", "sdk");
        assert!(files.iter().all(|(_, text)| !text.contains("{name}") && !text.contains("{sdk}")));
        assert!(files.iter().any(|(path, text)| path == "Cargo.toml" && text.contains("name = \"pool-limits\"")));
    }
}
