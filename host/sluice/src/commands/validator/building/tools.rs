//! JavaScript, Python and C: tools that a project brings along, or that are installed.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, anyhow};

use crate::exit::usage;

/// The contract, where `validator new` puts it.
const WIT: &str = "sluice/validator.wit";
const WORLD: &str = "validating";

/// A way to start a tool: a program with its first arguments.
type Way<'w> = (PathBuf, &'w [&'w str]);

/// Makes a component by componentize-qjs: the rule, in an interpreter that imports nothing but the contract.
pub fn js(dir: &Path, made: &Path) -> Result<Option<PathBuf>> {
    let ways = [(dir.join("node_modules/.bin/componentize-qjs"), [].as_slice()), ("componentize-qjs".into(), &[])];
    let remedy = "npm install, in the project (Node.js from https://nodejs.org)";
    let args = ["--wit", WIT, "--js", "src/validator.js", "--module-root", ".", "--world", WORLD];
    ran(dir, &ways, remedy, made, |tool| tool.args(args).args(["--sync", "--stub-wasi", "--opt-size", "--output"]))
}

/// Makes a component by componentize-py, the same way.
pub fn python(dir: &Path, made: &Path) -> Result<Option<PathBuf>> {
    let ways = [(dir.join(".venv/bin/componentize-py"), [].as_slice()), ("componentize-py".into(), &[])];
    let args = ["--quiet", "--wit-path", WIT, "--world", WORLD, "componentize", "--stub-wasi", "validator"];
    ran(dir, &ways, PIP, made, |tool| tool.args(args).args(["-p", "src", "-p", "sluice", "--output"]))
}

/// Makes a module by Zig's C compiler, with a C library that asks no system; `wrapped` makes it a component.
pub fn c(dir: &Path, made: &Path, stack_bytes: u32) -> Result<Option<PathBuf>> {
    let own = dir.join(".venv/bin/python");
    let module: &[&str] = &["-m", "ziglang", "cc"];
    let ways = [(own, module), ("python3".into(), module), ("zig".into(), &["cc"])];
    let ways: Vec<Way<'_>> = ways.into_iter().filter(|way| way.1.len() == 1 || has_zig(&way.0)).collect();
    let sources = ["src", "sluice"].map(|folder| sources(dir, folder));
    let [rule, ours] = sources;
    let (rule, ours) = (rule?, ours?);
    let args = ["--target=wasm32-wasi", "-mexec-model=reactor", "-Os", "-flto", "-s", "-Wall", "-Wextra"];
    let stack = format!("-Wl,-z,stack-size={stack_bytes}");
    ran(dir, &ways, PIP, made, |tool| tool.args(args).arg(stack).args(rule).args(ours).arg("-o"))
}

const PIP: &str = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt, in the project";

/// Runs the first of the ways that there is, with the file to make as its last argument; none when it failed, and
/// has said why on stderr. What it says besides of a success is nobody's business.
fn ran(
    dir: &Path,
    ways: &[Way<'_>],
    remedy: &str,
    made: &Path,
    arguments: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<Option<PathBuf>> {
    // It runs in the project, so that what it names in the component does not depend on where that lies.
    let made = std::path::absolute(made).with_context(|| format!("cannot find {}", made.display()))?;
    let mut more = Command::new("");
    arguments(&mut more).arg(&made);
    for (program, first) in ways {
        let whole = if program.components().count() > 1 { std::path::absolute(program)? } else { program.clone() };
        let mut tool = Command::new(whole);
        tool.current_dir(dir).args(*first).args(more.get_args()).stdin(Stdio::null());
        match tool.output() {
            Ok(output) => return told(&output).map(|is_made| is_made.then_some(made)),
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            Err(error) => return Err(anyhow!("cannot run {}: {error}", program.display())),
        }
    }
    let tool = ways.last().map_or("zig".into(), |(program, _)| program.display().to_string());
    Err(usage(format!("there is no {tool} here: {remedy}")))
}

/// Passes on what a tool said: all when it failed, else its warnings.
fn told(output: &Output) -> Result<bool> {
    let is_made = output.status.success();
    let mut stderr = std::io::stderr();
    if !is_made {
        stderr.write_all(&output.stdout)?;
    }
    stderr.write_all(&output.stderr)?;
    Ok(is_made)
}

/// Whether this Python has Zig: it would say so itself, but we would not know that another way is left.
fn has_zig(python: &Path) -> bool {
    let mut asked = Command::new(python);
    asked.args(["-c", "import ziglang"]).stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// What is compiled of a folder, in an order that is the same everywhere.
fn sources(dir: &Path, folder: &str) -> Result<Vec<PathBuf>> {
    let within = dir.join(folder);
    let files = std::fs::read_dir(&within).map_err(|error| usage(format!("cannot read {}: {error}", within.display())));
    let names = files?.map(|file| file.map(|file| Path::new(folder).join(file.file_name())));
    let mut names =
        names.collect::<Result<Vec<_>, _>>().with_context(|| format!("cannot read {}", within.display()))?;
    names.retain(|name| name.extension().is_some_and(|ending| ending == "c" || ending == "o"));
    names.sort();
    Ok(names)
}
