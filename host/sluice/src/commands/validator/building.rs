//! `sluice validator build`: the tool of the project's language, then the component that hosts take.

mod cargo;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Map, Value, json};

use super::manifest::{FILE, Manifest};
use crate::cli::{Lang, ValidatorBuild};
use crate::exit::{Ended, usage};
use crate::space::Context;
use crate::wiring::edges::{library, wrapped};

/// Bytes of stack when nobody says.
const STACK_BYTES: u32 = 65_536;

pub fn build(context: &Context, args: &ValidatorBuild) -> Result<Ended> {
    let dir = &args.dir;
    let manifest = Manifest::read(dir)?;
    let lang = lang(dir, &manifest)?;
    if let (Some(_), Lang::Js | Lang::Python) = (args.stack_bytes, lang) {
        return Err(usage("--stack-bytes is for Rust and C: an interpreter has its own stack"));
    }
    let stack_bytes = args.stack_bytes.unwrap_or(STACK_BYTES);
    let path = args.out.clone().unwrap_or_else(|| beside(dir, &manifest));
    folder_of(&path)?;
    let made = match lang {
        Lang::Rust => cargo::module(dir, stack_bytes)?,
        Lang::Js => tools::js(dir, &path)?,
        Lang::Python => tools::python(dir, &path)?,
        Lang::C => tools::c(dir, &path, stack_bytes)?,
    };
    let Some(made) = made else { return Ok(Ended::No) };
    let bytes = fs::read(&made).with_context(|| format!("cannot read {}", made.display()))?;
    let component = wrapped(&bytes).map_err(|unfit| anyhow!("{}: {}", made.display(), unfit.0))?;
    fs::write(&path, &component).with_context(|| format!("cannot write {}", path.display()))?;
    tell(context, &path, &component)
}

/// What the project is written in: what `validator.toml` says, else what its other files say.
fn lang(dir: &Path, manifest: &Manifest) -> Result<Lang> {
    let files = [("Cargo.toml", Lang::Rust), ("package.json", Lang::Js)];
    let seen = files.iter().find(|(file, _)| dir.join(file).is_file()).map(|(_, lang)| *lang);
    manifest.lang.or(seen).ok_or_else(|| {
        let remedy = "name a project's folder, or make one with sluice validator new";
        usage(format!("{} names no lang, and there is no Cargo.toml: {remedy}", dir.join(FILE).display()))
    })
}

/// Where `validator.toml` looks for it, which need not be where the tool puts things.
fn beside(dir: &Path, manifest: &Manifest) -> PathBuf {
    let named = manifest.component.as_deref().filter(|component| component.ends_with(".wasm"));
    dir.join(named.unwrap_or("target/validator.wasm"))
}

fn folder_of(path: &Path) -> Result<()> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.with_context(|| format!("cannot make the folder of {}", path.display()))
}

/// What came out, and whether hosts would take it.
fn tell(context: &Context, path: &Path, component: &[u8]) -> Result<Ended> {
    let inspection = library()?.inspect(component);
    let is_fit = inspection.refusal.is_none();
    let said = inspection.description.as_ref();
    let fields: [(&str, Value); 8] = [
        ("path", json!(path)),
        ("digest", json!(inspection.digest.to_string())),
        ("bytes", json!(inspection.bytes)),
        ("verdict", json!(if is_fit { "ok" } else { "refused" })),
        ("why", json!(inspection.refusal)),
        ("name", json!(said.map(|said| &said.name))),
        ("version", json!(said.map(|said| &said.version))),
        ("imports", json!(inspection.imports)),
    ];
    context.output.one("Build", Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))?;
    Ok(if is_fit { Ended::Yes } else { Ended::No })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_language_is_said_or_seen() {
        let folder = tempfile::tempdir().unwrap();
        assert!(lang(folder.path(), &manifest("")).is_err());
        fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(lang(folder.path(), &manifest("")).unwrap(), Lang::Rust);
        assert_eq!(lang(folder.path(), &manifest("lang = 'python'")).unwrap(), Lang::Python);
    }

    #[test]
    fn the_component_lies_where_it_is_looked_for() {
        let beside = |text: &str| beside(Path::new("p"), &manifest(text));
        assert_eq!(beside("component = 'target/pool-limits.wasm'"), Path::new("p/target/pool-limits.wasm"));
        // A built-in is named without a suffix, and is no place.
        assert_eq!(beside("component = 'bounds'"), Path::new("p/target/validator.wasm"));
    }
}
