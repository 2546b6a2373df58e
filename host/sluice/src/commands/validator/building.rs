//! `sluice validator build`: cargo for wasm, then the component that hosts take.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Map, Value, json};

use crate::cli::ValidatorBuild;
use crate::exit::{Ended, usage};
use crate::settings;
use crate::space::Context;
use crate::wiring::edges::{library, wrapped};

const TARGET: &str = "wasm32-unknown-unknown";

pub fn build(context: &Context, args: &ValidatorBuild) -> Result<Ended> {
    let dir = &args.dir;
    if !dir.join("Cargo.toml").is_file() {
        let remedy = "name a project's folder, or make one with sluice validator new";
        return Err(usage(format!("there is no Cargo.toml in {}: {remedy}", dir.display())));
    }
    has_target(dir)?;
    let Some(built) = cargo(dir, args.stack_bytes)? else { return Ok(Ended::No) };
    let module = module(&built).ok_or_else(|| {
        usage(format!("{} makes no library for wasm: write crate-type = [\"cdylib\"] under [lib]", dir.display()))
    })?;
    let bytes = std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = wrapped(&bytes).map_err(|unfit| anyhow!("{}: {}", module.display(), unfit.0))?;
    let path = args.out.clone().unwrap_or_else(|| beside(dir, &module));
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, &component));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    tell(context, &path, &component)
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
fn module(built: &[Value]) -> Option<PathBuf> {
    let artifacts = built.iter().filter(|message| message["reason"] == "compiler-artifact");
    let files = artifacts.filter_map(|message| message["filenames"].as_array()).flatten();
    let mut modules = files.filter_map(Value::as_str).filter(|file| file.ends_with(".wasm"));
    modules.next_back().map(PathBuf::from)
}

/// In the project's own target folder, as `validator.toml` names it, wherever cargo has its own.
fn beside(dir: &Path, module: &Path) -> PathBuf {
    let name = module.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    dir.join("target").join(format!("{name}.wasm"))
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
    use super::*;

    #[test]
    fn the_component_is_called_as_the_project_and_lies_in_it() {
        let message = |file: &str| json!({"reason": "compiler-artifact", "filenames": [file]});
        let built = [message("t/libserde.rlib"), message("t/pool_limits.wasm"), json!({"reason": "build-finished"})];
        let module = module(&built).unwrap();
        assert_eq!(module, Path::new("t/pool_limits.wasm"));
        assert_eq!(beside(Path::new("p"), &module), Path::new("p/target/pool-limits.wasm"));
        assert_eq!(super::module(&built[..1]), None);
    }
}
