//! One rule in four languages: each project is made, built, and held to the same verdicts, by its cases and by a
//! host. The tools come from `./x setup-languages`; without them a test fails and says so.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use sluice_live::{Fleet, sluice::binary};

/// Cases besides those of a new project: how each language reads JSON, and what it takes for old values.
const CASES: [(&str, &[u8]); 22] = [
    ("bytes.reject.json", b"\xff\xfe"),
    ("bytes.expect.toml", b"[[findings]]\ncode = 'parse'\n"),
    ("empty.reject.json", b""),
    ("empty.expect.toml", b"[[findings]]\ncode = 'parse'\n"),
    ("escaped.accept.json", br#"{"\ud83d\ude00": "\"\\", "connec\u0074ions": 1}"#),
    ("fraction.reject.json", br#"{"connections": 1.5}"#),
    ("fraction.expect.toml", b"[[findings]]\ncode = 'parse'\npointer = '/connections'\n"),
    ("most.accept.json", b" {\n\t\"connections\" : 100 }\r\n"),
    ("negative.reject.json", br#"{"connections": -1}"#),
    ("negative.expect.toml", b"[[findings]]\ncode = 'parse'\npointer = '/connections'\n"),
    ("no-json.reject.json", br#"{"connections": 1,}"#),
    ("no-json.expect.toml", b"[[findings]]\ncode = 'parse'\n"),
    ("no-object.reject.json", b"null"),
    ("no-object.expect.toml", b"[[findings]]\ncode = 'parse'\npointer = ''\n"),
    ("no-number.reject.json", br#"{"connections": NaN}"#),
    ("no-number.expect.toml", b"[[findings]]\ncode = 'parse'\n"),
    ("old-is-broken.accept.json", br#"{"connections": 90}"#),
    ("old-is-broken.old.json", b"what is no JSON"),
    ("twice.accept.json", br#"{"connections": 80}"#),
    ("twice.old.json", br#"{"connections": 40}"#),
    ("trailing.reject.json", br#"{"connections": 1} 2"#),
    ("trailing.expect.toml", b"[[findings]]\ncode = 'parse'\n"),
];
/// Cases among these, and in a new project.
const COUNT: usize = 13 + 7;

#[test]
fn a_rule_in_rust_gives_the_verdicts() -> Result<()> {
    gives_the_verdicts("rust")
}

#[test]
fn a_rule_in_javascript_gives_the_verdicts() -> Result<()> {
    gives_the_verdicts("js")
}

#[test]
fn a_rule_in_python_gives_the_verdicts() -> Result<()> {
    gives_the_verdicts("python")
}

#[test]
fn a_rule_in_c_gives_the_verdicts() -> Result<()> {
    gives_the_verdicts("c")
}

#[test]
fn a_tool_that_is_missing_is_named_with_the_remedy() -> Result<()> {
    let fleet = Fleet::start(0)?;
    for (lang, remedy) in [("js", "npm install"), ("python", "pip install"), ("c", "pip install")] {
        let path = made(&fleet, lang)?;
        let mut build = fleet.sluice.command(&["validator", "build", text(&path)?])?;
        let (code, told) = said(&build.env("PATH", "").output()?);
        assert!(code == Some(2) && told.contains("there is no ") && told.contains(remedy), "{told}");
    }
    Ok(())
}

fn gives_the_verdicts(lang: &str) -> Result<()> {
    let tools = tools()?;
    let fleet = Fleet::start(1)?;
    let project = made(&fleet, lang)?;
    for (name, bytes) in CASES {
        std::fs::write(project.join("cases").join(name), bytes)?;
    }
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    std::fs::write(project.join("cases/deep.accept.json"), format!(r#"{{"a": {open}{close}, "connections": 1}}"#))?;
    let path = text(&project)?;
    let sluice = |args: &[&str]| -> Result<(Option<i32>, String)> {
        let mut command = fleet.sluice.command(args)?;
        command.env("PATH", &tools.path).env("ZIG_GLOBAL_CACHE_DIR", tools.folder.join("zig"));
        Ok(said(&command.env("CARGO_TARGET_DIR", binary()?.with_file_name("projects-of-tests")).output()?))
    };
    let (code, built) = sluice(&["validator", "build", path])?;
    assert!(code == Some(0) && built.contains("verdict\tok"), "{built}");
    let (code, tested) = sluice(&["validator", "test", path])?;
    assert!(code == Some(0) && tested.contains(&format!("{COUNT} passed, 0 failed")), "{tested}");
    for settings in [r#"{"connections_max": 100, "growth_max": 0.5}"#, r#"{"connections_max": 100}"#, "null"] {
        let (code, tested) = sluice(&["validator", "test", path, "--run", "modest", "--settings", settings])?;
        assert!(code == Some(1) && tested.contains("+ unusable"), "{settings}: {tested}");
    }
    obeyed(&fleet, &project.join(format!("target/pools-{lang}.wasm")))
}

/// Binds the component, and publishes.
fn obeyed(fleet: &Fleet, component: &Path) -> Result<()> {
    let settings = r#"{"connections_max": 100, "growth_max": 2}"#;
    let bind = ["validator", "bind", "pool", text(component)?, "--keys", "db/**", "--settings", settings, "--wait=all"];
    fleet.sluice.ok(&bind)?;
    for (value, verdict) in [
        (r#"{"connections": 40}"#, "applied"),
        (r#"{"connections": 101}"#, "rejected: pool: 101 connections: the database takes 100"),
        (r#"{"connections": 90}"#, "rejected: pool: 90 connections after 40: at most 2 times as many at once"),
    ] {
        assert_eq!(fleet.verdict(&fleet.xadd(&["put:db/pool.json", value])?)?, verdict);
    }
    Ok(())
}

/// A new project in this language.
fn made(fleet: &Fleet, lang: &str) -> Result<PathBuf> {
    let project = fleet.folder.path().join(format!("pools-{lang}"));
    fleet.sluice.ok(&["validator", "new", "--lang", lang, text(&project)?])?;
    if lang == "rust" {
        // The versions this repository is built with: they are here already, so that nothing is fetched.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        std::fs::copy(lock, project.join("Cargo.lock"))?;
    }
    Ok(project)
}

struct Tools {
    folder: PathBuf,
    /// Ours first.
    path: std::ffi::OsString,
}

fn tools() -> Result<Tools> {
    let folder = binary()?.ancestors().nth(2).context("a binary lies in target/debug")?.join("languages");
    ensure!(folder.join("installed").is_file(), "no tools in {}: ./x setup-languages", folder.display());
    let ours = ["npm/node_modules/.bin", "venv/bin"].map(|bin| folder.join(bin));
    let own = std::env::var_os("PATH").context("there is a PATH")?;
    let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&own)))?;
    Ok(Tools { folder, path })
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    (output.status.code(), text)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the folder's name is UTF-8")
}
