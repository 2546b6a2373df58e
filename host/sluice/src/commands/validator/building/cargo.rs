//! Rust: cargo, for a target that imports nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow};
use serde_json::Value;

use crate::exit::usage;
use crate::settings;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the project; none when cargo failed, and has said why.
pub fn module(dir: &Path, stack_bytes: u32) -> Result<Option<PathBuf>> {
    has_target(dir)?;
    let Some(built) = cargo(dir, stack_bytes)? else { return Ok(None) };
    let module = last_module(&built).ok_or_else(|| {
        usage(format!("{} makes no library for wasm: write crate-type = [\"cdylib\"] under [lib]", dir.display()))
    })?;
    Ok(Some(module))
}

/// Runs cargo, whose words go to stderr, and gives what it says for programs; none when it failed.
fn cargo(dir: &Path, stack_bytes: u32) -> Result<Option<Vec<Value>>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(dir).args(["build", "--release", "--lib", "--target", TARGET]);
    cargo.arg("--message-format=json-render-diagnostics");
    // A fresh instance clears its stack, so a small one is faster. A crate that asks for chance must not
    // import it: with this it wants a function instead, and the linker says so.
    let mut flags =
        vec![format!("-Clink-arg=-zstack-size={stack_bytes}"), "--cfg=getrandom_backend=\"custom\"".to_owned()];
    // Panics name the files they are in: without this the component, and so its digest, names this machine.
    if let Some(folder) = settings::cargo_folder() {
        flags.push(format!("--remap-path-prefix={}=cargo", folder.display()));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    let output =
        cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| absent("cargo", &error))?;
    if !output.status.success() {
        return Ok(None);
    }
    let lines = output.stdout.split(|byte| *byte == b'\n');
    Ok(Some(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()))
}

/// The module of the last package built, which is the project; cargo knows where its target folder is.
fn last_module(built: &[Value]) -> Option<PathBuf> {
    let artifacts = built.iter().filter(|message| message["reason"] == "compiler-artifact");
    let files = artifacts.filter_map(|message| message["filenames"].as_array()).flatten();
    let mut modules = files.filter_map(Value::as_str).filter(|file| file.ends_with(".wasm"));
    modules.next_back().map(PathBuf::from)
}

/// Cargo would say so too, but in a hundred lines and without the remedy.
fn has_target(dir: &Path) -> Result<()> {
    let mut rustc = Command::new("rustc");
    let asked = rustc.current_dir(dir).args(["--print=target-libdir", "--target", TARGET]).output();
    let asked = asked.map_err(|error| absent("rustc", &error))?;
    let folder = String::from_utf8_lossy(&asked.stdout);
    match asked.status.success() && Path::new(folder.trim()).is_dir() {
        true => Ok(()),
        false => {
            Err(usage(format!("validators are built for {TARGET}, which is not installed: rustup target add {TARGET}")))
        }
    }
}

fn absent(program: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => {
            usage(format!("there is no {program} here: install Rust with rustup, then rustup target add {TARGET}"))
        }
        _ => anyhow!("cannot run {program}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_module_is_the_last_package_built() {
        let message = |file: &str| json!({"reason": "compiler-artifact", "filenames": [file]});
        let built = [message("t/libserde.rlib"), message("t/pool_limits.wasm"), json!({"reason": "build-finished"})];
        assert_eq!(last_module(&built), Some(PathBuf::from("t/pool_limits.wasm")));
        assert_eq!(last_module(&built[..1]), None);
    }
}
