//! What texts say is there is there, and they say nothing of the machine they were written on.

use std::path::{Component, Path, PathBuf};

use crate::tree::Text;
use crate::{Fault, Tree};

/// Folders every system has: to name one says nothing about a machine.
const STANDARD: &[&str] = &["/", "/etc", "/mnt", "/opt", "/run", "/srv", "/tmp", "/usr", "/var", "/var/tmp"];

/// No text names a place of somebody's own machine.
pub fn machine_paths(tree: &Tree) -> Vec<Fault> {
    let mut places: Vec<String> = ["home", "Users", "root"].iter().map(|place| format!("/{place}/")).collect();
    let around = tree.root.parent().and_then(Path::to_str).filter(|around| !STANDARD.contains(around));
    places.extend(around.map(|around| format!("{around}/")));
    let mut faults = Vec::new();
    for text in &tree.texts {
        for (line, content) in text.numbered() {
            if let Some(place) = places.iter().find(|place| begins_path(content, place)) {
                let says = format!("names `{place}`, which is on one machine only: make it relative, or a variable");
                faults.push(Fault::new(&text.path, line, says));
            }
        }
    }
    faults
}

/// Whether an absolute path in this line begins with `place`; `host/root/` is none, nor is a URL's path.
fn begins_path(line: &str, place: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(place).any(|(at, _)| before(at).is_none_or(|c| c.is_whitespace() || "\"'`(=:,<".contains(c)))
}

/// A relative link in a document leads to a file.
pub fn links(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for document in tree.texts.iter().filter(|text| text.path.ends_with(".md")) {
        for (line, target) in relative_links(document) {
            let folder = Path::new(&document.path).parent().unwrap_or(Path::new(""));
            let place = plain(&folder.join(target));
            // A folder is there when something lies in it.
            if !tree.texts.iter().any(|text| Path::new(&text.path).starts_with(&place)) {
                faults.push(Fault::new(&document.path, line, format!("`{target}` leads nowhere: mend the link")));
            }
        }
    }
    faults
}

fn relative_links(document: &Text) -> impl Iterator<Item = (usize, &str)> {
    let links = document.numbered().flat_map(|(line, content)| {
        let targets = content.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(move |(target, _)| (line, target.split('#').next().unwrap_or_default()))
    });
    links.filter(|(_, target)| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::Normal(name) => plain.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => (),
        }
    }
    plain
}

/// Every `./x verb` that a document tells people to type is one.
pub fn commands(tree: &Tree) -> Vec<Fault> {
    let script = tree.text("x").map_or("", |script| &script.text);
    let is_verb = |verb: &str| script.lines().any(|line| line.trim_start().starts_with(&format!("{verb})")));
    let mut faults = Vec::new();
    for document in tree.texts.iter().filter(|text| text.path.ends_with(".md")) {
        for (line, content) in document.numbered() {
            let calls =
                content.split("./x ").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_alphabetic()).next());
            let unknown = calls.filter(|verb| !verb.is_empty() && !is_verb(verb));
            faults.extend(
                unknown.map(|verb| {
                    Fault::new(&document.path, line, format!("`./x {verb}` is no command: see `./x help`"))
                }),
            );
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Fault>, text: &str, faults: usize) {
        let found =
            rule(&Tree::of(&[("docs/A.md", text), ("docs/b/C.md", ""), ("x", "case $1 in\n  demo) f ;;\nesac")]));
        assert_eq!(found.len(), faults, "{found:?}");
    }

    #[test]
    fn a_place_of_this_machine_is_found() {
        let own = format!("see /{}/mei/notes", "home");
        check(machine_paths, &own, 1);
        check(machine_paths, "kept in `/srv/checkout/data`", 1);
        check(machine_paths, "guest/home/x and https://example.com/home/x and /tmp/x", 0);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        check(links, "[a](b/C.md#part) [b](b) [c](../x) [d](https://example.com)", 0);
        check(links, "[a](C.md) and [b](../README.md)", 2);
    }

    #[test]
    fn a_command_that_is_none_is_found() {
        check(commands, "$ ./x demo\n$ ./x dance --all", 1);
    }
}
