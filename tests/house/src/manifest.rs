//! As much of a `Cargo.toml` as the rules need: which packages a package depends on, and for what.

use crate::tree::Text;

/// One package.
pub struct Manifest<'a> {
    pub path: &'a str,
    pub name: String,
    pub dependencies: Vec<Dependency>,
    pub has_lints: bool,
}

/// One line of one table of dependencies.
pub struct Dependency {
    pub name: String,
    pub line: usize,
    pub is_dev: bool,
}

impl Manifest<'_> {
    /// Reads a manifest of a package; none when it is of a workspace alone.
    pub fn read(text: &Text) -> Option<Manifest<'_>> {
        let mut manifest =
            Manifest { path: &text.path, name: String::new(), dependencies: Vec::new(), has_lints: false };
        let mut table = "";
        for (line, content) in text.numbered() {
            let content = content.trim();
            if let Some(header) = content.strip_prefix('[') {
                table = header.trim_start_matches('[').trim_end_matches(']');
                manifest.has_lints |= table == "lints";
                if let Some((_, name)) = table.rsplit_once("dependencies.") {
                    manifest.depend(name, line, table);
                }
            } else if let Some((name, value)) = content.split_once('=').filter(|_| !content.starts_with('#')) {
                let name = name.trim().split('.').next().unwrap_or_default();
                if table == "package" && name == "name" {
                    manifest.name = value.trim().trim_matches('"').to_owned();
                } else if table.ends_with("dependencies") {
                    manifest.depend(name, line, table);
                }
            }
        }
        (!manifest.name.is_empty()).then_some(manifest)
    }

    fn depend(&mut self, name: &str, line: usize, table: &str) {
        let is_dev = table.contains("dev-dependencies");
        self.dependencies.push(Dependency { name: name.to_owned(), line, is_dev });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_dependency_is_read() {
        let text = Text {
            path: "Cargo.toml".into(),
            text: "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { path = \"b\" }\n# no = 1\n\
                   [dependencies.c]\nversion = \"1\"\n[target.'cfg(unix)'.dev-dependencies]\nd = \"1\"\n"
                .into(),
        };
        let manifest = Manifest::read(&text).expect("it has a name");
        let found: Vec<_> = manifest.dependencies.iter().map(|d| (d.name.as_str(), d.line, d.is_dev)).collect();
        assert_eq!(found, [("a", 4, false), ("b", 5, false), ("c", 7, false), ("d", 10, true)]);
    }
}
