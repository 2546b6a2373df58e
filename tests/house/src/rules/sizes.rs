//! How long a file and a function may be.

use crate::{Fault, Tree};

/// Above this a file needs a reason in [`LONG_FILES`].
const FILE_LINES_FREE: usize = 300;
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Files of more than 300 lines, each with the reason why it is not two.
const LONG_FILES: &[(&str, &str)] =
    &[("host/sluice/src/cli.rs", "the table of all verbs and their arguments, read by look-up")];

/// Test lines aside, no file is longer than it may be.
pub fn files(tree: &Tree) -> Vec<Fault> {
    files_but(tree, LONG_FILES)
}

fn files_but(tree: &Tree, reasons: &[(&str, &str)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.is_test()) {
        let (lines, has_reason) = (source.lines(), reasons.iter().any(|(path, _)| *path == source.path));
        if lines > FILE_LINES_MAX {
            let says = format!("{lines} lines, at most {FILE_LINES_MAX}: make a module of one of its nouns");
            faults.push(Fault::new(&source.path, FILE_LINES_MAX, says));
        } else if lines > FILE_LINES_FREE && !has_reason {
            let says = format!("{lines} lines: split it, or give the reason in LONG_FILES of {}", file!());
            faults.push(Fault::new(&source.path, FILE_LINES_FREE, says));
        }
    }
    faults
}

/// No function is longer than it may be, in tests neither.
pub fn functions(tree: &Tree) -> Vec<Fault> {
    let functions = tree.sources.iter().flat_map(|source| source.functions().into_iter().map(move |f| (source, f)));
    let long = functions.filter(|(_, function)| function.lines > FUNCTION_LINES_MAX);
    let fault = long.map(|(source, function)| {
        let (name, lines) = (function.name, function.lines);
        let says = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}: name its parts");
        Fault::new(&source.path, function.line, says)
    });
    fault.collect()
}

/// A reason that is no longer needed is taken out.
pub fn reasons(tree: &Tree) -> Vec<Fault> {
    let is_long =
        |path: &str| tree.sources.iter().any(|source| source.path == path && source.lines() > FILE_LINES_FREE);
    let stale = LONG_FILES.iter().filter(|(path, _)| !is_long(path));
    stale.map(|(path, _)| Fault::new(path, 1, "short by now: take it out of LONG_FILES")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_needs_a_reason_and_a_longer_one_has_none() {
        let (long, longer) = ("//\n".repeat(301), "//\n".repeat(501));
        let tree = Tree::of(&[("a.rs", &long), ("b.rs", &longer), ("tests/x/tests/c.rs", &longer)]);
        let paths = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.path).collect::<Vec<_>>();
        assert_eq!(paths(files_but(&tree, &[])), ["a.rs", "b.rs"]);
        assert_eq!(paths(files_but(&tree, &[("a.rs", "a table"), ("b.rs", "a table")])), ["b.rs"]);
    }

    #[test]
    fn a_long_function_is_found() {
        let text = format!("fn short() {{}}\nfn long() {{\n{}}}\n", "a();\n".repeat(69));
        let faults = functions(&Tree::of(&[("a.rs", &text)]));
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2]);
    }
}
