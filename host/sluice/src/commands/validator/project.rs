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
    let Lang::Rust = args.lang;
    let name = name(&args.path)?;
    // Never over something: what is there may be somebody's work.
    if args.path.exists() {
        return Err(usage(format!("{} is there already: take another name, or move it away", args.path.display())));
    }
    let sdk = match &args.sdk {
        Some(folder) => own_sdk(folder)?,
        None => SDK.to_owned(),
    };
    write(&args.path, &kit::project(name, &sdk))?;
    if args.sdk.is_none() {
        write(&args.path.join(SDK), &kit::sdk())?;
    }
    let fields = [("path", json!(args.path)), ("name", json!(name)), ("sdk", json!(sdk))];
    context.output.one("Project", Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))?;
    let path = args.path.display();
    context.output.remark(format_args!("next: sluice validator build {path} && sluice validator test {path}"));
    Ok(Ended::Yes)
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

fn write(folder: &Path, files: &[(String, String)]) -> Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
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
