//! What a validator's author starts from: a project in each language with a rule, its tests and all of ours it
//! needs, so that a machine which has only the binary has all there is to have.

/// A file by its path.
type File = (&'static str, &'static [u8]);
/// A file of a project: its path in it, and its bytes.
pub type Made = (String, Vec<u8>);

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", $path)))),+]
    };
}

// Behind the macro, which it uses.
mod sdk;

pub use sdk::sdk;

macro_rules! generated {
    ($($name:literal),+) => {
        &[$((concat!("sluice/", $name), include_bytes!(concat!(env!("OUT_DIR"), "/", $name)))),+]
    };
}

/// The same in all languages, so that they are held to the same.
const SHARED: &[File] = files!("template/shared":
    "validator.toml", "cases/modest.accept.json", "cases/too-many.reject.json", "cases/too-many.expect.toml",
    "cases/too-fast.old.json", "cases/too-fast.reject.json", "cases/too-fast.expect.toml",
    "cases/cut-off.reject.json", "cases/cut-off.expect.toml", "cases/no-count.reject.json",
    "cases/no-count.expect.toml", "cases/no-pool.reject.json", "cases/no-pool.expect.toml", "cases/two-pools/change.toml", "cases/two-pools/expect.toml",
);
const RUST: &[File] = files!("template/rust": "README.md", "gitignore", "project.toml", "lib.rs");
const JS: &[File] = files!("template/js":
    "README.md", "gitignore", "package.json", "src/rule.js", "src/validator.js", "sluice/sluice.js",
    "test/rule.test.js",
);
const PYTHON: &[File] = files!("template/python":
    "README.md", "gitignore", "requirements.txt", "src/rule.py", "src/validator.py", "sluice/sluice.py",
    "tests/test_rule.py",
);
const C: &[File] = files!("template/c":
    "README.md", "gitignore", "requirements.txt", "src/rule.c", "sluice/sluice.h", "sluice/sluice.c", "sluice/json.c",
);
/// What wit-bindgen makes of the contract for C.
const C_BINDINGS: &[File] = generated!("validating.h", "validating.c", "validating_component_type.o");
const WIT: &[File] = &[("sluice/validator.wit", include_bytes!("../../../wit/1.0.0/validator.wit"))];

/// Files whose names here are others than in a project.
const RENAMED: [(&str, &str); 3] =
    [("gitignore", ".gitignore"), ("project.toml", "Cargo.toml"), ("lib.rs", "src/lib.rs")];

/// A language, and what projects in it differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    Rust,
    Js,
    Python,
    C,
}

impl Lang {
    pub const ALL: [Lang; 4] = [Lang::Rust, Lang::Js, Lang::Python, Lang::C];

    /// As people write it.
    pub fn word(self) -> &'static str {
        match self {
            Lang::Rust => "rust",
            Lang::Js => "js",
            Lang::Python => "python",
            Lang::C => "c",
        }
    }

    fn files(self) -> [&'static [File]; 2] {
        match self {
            Lang::Rust => [RUST, &[]],
            Lang::Js => [JS, WIT],
            Lang::Python => [PYTHON, WIT],
            Lang::C => [C, C_BINDINGS],
        }
    }

    /// Fuel for one call of the rule: some ten times what its cases use.
    fn fuel(self) -> &'static str {
        match self {
            Lang::Rust | Lang::C => "1_000_000",
            Lang::Js | Lang::Python => "10_000_000",
        }
    }
}

/// A project of this name; one in Rust has the SDK at this path.
pub fn project(lang: Lang, name: &str, sdk: &str) -> Vec<Made> {
    let [own, ours] = lang.files();
    let words = [("{name}", name), ("{sdk}", sdk), ("{lang}", lang.word()), ("{fuel}", lang.fuel())];
    let filled = |(path, bytes): &File| (renamed(path).to_owned(), fill(bytes, &words));
    let as_it_is = |(path, bytes): &File| ((*path).to_owned(), bytes.to_vec());
    own.iter().chain(SHARED).map(filled).chain(ours.iter().map(as_it_is)).collect()
}

fn renamed(path: &'static str) -> &'static str {
    RENAMED.iter().find(|(here, _)| *here == path).map_or(path, |(_, there)| there)
}

/// A text with words in place of their marks.
fn fill(bytes: &[u8], words: &[(&str, &str)]) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).expect("templates are text, as the tests see");
    words.iter().fold(text.to_owned(), |text, (mark, word)| text.replace(mark, word)).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The paths of all files under a folder of this package.
    pub(super) fn listed(folder: &str) -> BTreeSet<String> {
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

    pub(super) fn paths(files: &[File]) -> BTreeSet<String> {
        files.iter().map(|(path, _)| (*path).to_owned()).collect()
    }

    #[test]
    fn no_file_of_a_template_is_left_behind() {
        for lang in Lang::ALL {
            let mut there = listed(&format!("template/{}", lang.word()));
            there.remove("sdk.toml");
            assert_eq!(paths(lang.files()[0]), there, "{lang:?}");
        }
        assert_eq!(paths(SHARED), listed("template/shared"));
    }

    #[test]
    fn a_project_has_its_name_everywhere() {
        for lang in Lang::ALL {
            let files = project(lang, "pool-limits", "sdk");
            let texts = || files.iter().filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok());
            for mark in ["{name}", "{sdk}", "{lang}", "{fuel}"] {
                assert!(texts().all(|text| !text.contains(mark)), "{lang:?}: {mark}");
            }
            assert!(texts().any(|text| text.contains("pool-limits")), "{lang:?}");
        }
    }

    /// A case that one language has and another lacks would be no comparison.
    #[test]
    fn all_languages_are_held_to_the_same_cases() {
        let cases = |lang| {
            let files = project(lang, "a", "sdk").into_iter();
            files.filter(|(path, _)| path.starts_with("cases/")).collect::<BTreeSet<_>>()
        };
        for lang in Lang::ALL {
            assert_eq!(cases(lang), cases(Lang::Rust), "{lang:?}");
        }
    }
}
