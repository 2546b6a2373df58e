//! What lies where in the repository.

use crate::{Fault, Tree};

/// The top level, and nothing else.
const TOP: &[&str] = &["Cargo.toml", "host", "guest", "wit", "tests", "benches", "docs", "x"];

/// What may lie beside it because tools or people look for it there.
const USUAL: &[&str] = &[
    ".cargo",
    ".ci",
    ".config",
    ".git",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "rustfmt.toml",
    "target",
];

const README_LINES_MAX: usize = 120;
const DECISION_LINES_MAX: usize = 60;
const DECISIONS: &str = "docs/decisions/";

/// The top level is the fixed one.
pub fn top(tree: &Tree) -> Vec<Fault> {
    let knows = |name: &str| TOP.contains(&name) || USUAL.contains(&name);
    let strange = tree.top.iter().filter(|name| !knows(name));
    let strange = strange.map(|name| Fault::new(name, 1, "not of the top level: find it a place below"));
    let missing = TOP.iter().filter(|name| !tree.top.iter().any(|there| there == *name));
    strange.chain(missing.map(|name| Fault::new(name, 1, "is missing: the top level is fixed"))).collect()
}

/// Who opens the project reads one page first.
pub fn readme(tree: &Tree) -> Vec<Fault> {
    tree.text("README.md").and_then(|readme| too_long(readme, README_LINES_MAX)).into_iter().collect()
}

/// Decisions are short, and numbered without a gap: `docs/decisions/NNNN-title.md`.
pub fn decisions(tree: &Tree) -> Vec<Fault> {
    let decisions = tree.texts.iter().filter(|text| text.path.starts_with(DECISIONS));
    let mut faults = Vec::new();
    for (number, decision) in (1..).zip(decisions) {
        let name = &decision.path[DECISIONS.len()..];
        if !name.starts_with(&format!("{number:04}-")) || !name.ends_with(".md") {
            let says = format!("should be `{number:04}-….md`: decisions are numbered without a gap");
            faults.push(Fault::new(&decision.path, 1, says));
        }
        faults.extend(too_long(decision, DECISION_LINES_MAX));
    }
    faults
}

/// The core carries its bans as lints too, with their reasons, so that an editor shows them.
pub fn core_lints(tree: &Tree) -> Vec<Fault> {
    const LINTS: &str = "host/core/clippy.toml";
    let text = tree.text(LINTS).map_or("", |lints| &lints.text);
    let missing = ["std::time::Instant", "std::time::SystemTime", "std::collections::HashMap"];
    let missing = missing.into_iter().filter(|name| !text.contains(name));
    missing.map(|name| Fault::new(LINTS, 1, format!("does not ban `{name}`: add it with its reason"))).collect()
}

fn too_long(text: &crate::tree::Text, lines_max: usize) -> Option<Fault> {
    let lines = text.text.lines().count();
    let says = || format!("{lines} lines, at most {lines_max}: say it shorter, or move a part to docs/");
    (lines > lines_max).then(|| Fault::new(&text.path, lines_max, says()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_strange_and_what_is_missing_is_found() {
        let faults = top(&Tree::of(&[("Cargo.toml", ""), ("host/a", ""), ("scripts/a", ""), ("x", "")]));
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["scripts", "guest", "wit", "tests", "benches", "docs"]);
    }

    #[test]
    fn a_long_or_misnumbered_decision_is_found() {
        let long = "\n".repeat(61);
        let tree = Tree::of(&[("docs/decisions/0001-a.md", ""), ("docs/decisions/0003-b.md", &long)]);
        assert_eq!(decisions(&tree).len(), 2);
    }

    #[test]
    fn a_long_readme_is_found() {
        assert_eq!(readme(&Tree::of(&[("README.md", &"\n".repeat(121))])).len(), 1);
        assert_eq!(readme(&Tree::of(&[("README.md", &"\n".repeat(120))])).len(), 0);
    }
}
