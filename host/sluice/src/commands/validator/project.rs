//! `sluice validator new`: a project that builds, and whose tests pass, before anything is changed in it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, json};

use crate::cli::{Lang, ValidatorNew};
use crate::exit::{Ended, usage};
use crate::space::Context;
use crate::wiring::edges::kit;

/// The SDK's folder in a project that has a copy.
const SDK: &str = "sdk";

pub fn new(context: &Context, args: &ValidatorNew) -> Result<Ended> {
    let name = name(&args.path)?;
    // Never over something: what is there may be somebody's work.
    if args.path.exists() {
        return Err(usage(format!("{} is there already: take another name, or move it away", args.path.display())));
    }
    let is_rust = args.lang == Lang::Rust;
    let sdk = match &args.sdk {
        Some(_) if !is_rust => return Err(usage("--sdk is for Rust: projects in other languages have their own copy")),
        Some(folder) => own_sdk(folder)?,
        None => SDK.to_owned(),
    };
    let (lang, prepare) = kit_of(args.lang);
    write(&args.path, &kit::project(lang, name, &sdk))?;
    if is_rust && args.sdk.is_none() {
        write(&args.path.join(SDK), &kit::sdk())?;
    }
    let fields = [
        ("path", json!(args.path)),
        ("name", json!(name)),
        ("lang", json!(lang.word())),
        ("sdk", json!(is_rust.then_some(sdk))),
    ];
    context.output.one("Project", Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))?;
    let path = args.path.display();
    let steps = format!("sluice validator build {path} && sluice validator test {path}");
    context.output.remark(format_args!("next: {}{steps}", prepare.replace("{path}", &path.to_string())));
    Ok(Ended::Yes)
}

/// The language as the kit knows it, and what brings its tool into the project.
fn kit_of(lang: Lang) -> (kit::Lang, &'static str) {
    const PIP: &str = "python3 -m venv {path}/.venv && {path}/.venv/bin/pip install -r {path}/requirements.txt && ";
    match lang {
        Lang::Rust => (kit::Lang::Rust, ""),
        Lang::Js => (kit::Lang::Js, "npm install --prefix {path} && "),
        Lang::Python => (kit::Lang::Python, PIP),
        Lang::C => (kit::Lang::C, PIP),
    }
}

/// The project's name, which is its package's.
fn name(path: &Path) -> Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    // `test` and the like cannot be packages, and `core` hides the language's own.
    let is_taken =
        ["test", "core", "std", "alloc", "proc-macro", "sluice-guest", "serde", "serde-json"].contains(&name);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.bytes().all(is_plain) || is_taken {
        let remedy =
            "take lower-case letters, digits and - after a letter, as in pool-limits, and no name of a library";
        return Err(usage(format!("{name:?} cannot be a validator's name: {remedy}")));
    }
    Ok(name)
}

/// Where an SDK is, as a manifest elsewhere names it.
fn own_sdk(folder: &Path) -> Result<String> {
    let manifest = folder.join("Cargo.toml");
    let is_sdk = fs::read_to_string(&manifest).is_ok_and(|text| text.contains("name = \"sluice-guest\""));
    if !is_sdk {
        return Err(usage(format!(
            "--sdk {}: there is no package sluice-guest: give guest/sdk of a checkout",
            folder.display()
        )));
    }
    let whole = folder.canonicalize().with_context(|| format!("cannot read {}", folder.display()))?;
    match whole.to_str() {
        Some(path) if !path.contains(['"', '\\']) => Ok(path.to_owned()),
        Some(_) | None => Err(usage(format!("--sdk {}: a manifest cannot name it: move it", folder.display()))),
    }
}

fn write(folder: &Path, files: &[kit::Made]) -> Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_a_package() {
        assert_eq!(name(Path::new("some/where/pool-limits")).unwrap(), "pool-limits");
        for text in ["", "..", "Pool", "1a", "a_b", "a b", "test", "core", "-a"] {
            assert!(name(Path::new(text)).is_err(), "{text:?}");
        }
    }
}
