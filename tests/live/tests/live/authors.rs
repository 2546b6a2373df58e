//! The way of a validator's author: a project, a component, its cases, and a host that obeys it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::json;
use sluice_artifacts::fixtures;
use sluice_live::{Fleet, Sluice, sluice::binary};

/// A folder of cases that go with it, and the command line. No Redis: nothing of this reaches one.
pub struct Desk {
    pub folder: tempfile::TempDir,
    pub sluice: Sluice,
}

impl Desk {
    pub fn new(files: &[(&str, &str)]) -> Result<Desk> {
        let cache = binary()?.with_file_name("validators-of-tests");
        let sluice = Sluice::new("redis://127.0.0.1:1", "none", &cache);
        let desk = Desk { folder: tempfile::tempdir()?, sluice };
        files.iter().try_for_each(|(name, text)| desk.write(name, text))?;
        Ok(desk)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        Ok(std::fs::write(path, bytes)?)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sluice validator test` of the folder: how it ended, and what it printed.
    pub fn test(&self, more: &[&str]) -> Result<(i32, String)> {
        let folder = self.folder.path().to_str().context("the folder's name is UTF-8")?;
        let ran = self.sluice.run(&[&["validator", "test", folder], more].concat())?;
        Ok((ran.code, format!("{}{}", ran.stdout, ran.stderr)))
    }
}

const SUITE: &str = "component = 'bounds'\nkey = 'app/a'\n[settings]\n'/max' = [1, 100]\n";
const GOOD: (&str, &str) = ("cases/good.accept.json", r#"{"max": 7}"#);
const BAD: (&str, &str) = ("cases/bad.reject.json", r#"{"max": 700}"#);

#[test]
fn a_project_becomes_a_component_that_a_host_obeys() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let project = fleet.folder.path().join("pool-limits");
    let path = project.to_str().context("the folder's name is UTF-8")?;
    fleet.sluice.ok(&["validator", "new", "--lang", "rust", path])?;
    // The versions this repository is built with: they are here already, so that nothing is fetched.
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock"), project.join("Cargo.lock"))?;
    let ran = |output: Output| {
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    };
    // Shared from run to run, for what a project depends on takes a minute to build.
    let target = binary()?.with_file_name("projects-of-tests");
    let sluice = |args: &[&str]| -> Result<(Option<i32>, String)> {
        Ok(ran(fleet.sluice.command(args)?.env("CARGO_TARGET_DIR", &target).output()?))
    };
    let (code, built) = sluice(&["validator", "build", path])?;
    assert!(
        code == Some(0) && built.contains("verdict\tok") && built.contains("imports\tsluice:validator/"),
        "{built}"
    );
    let (code, tested) = sluice(&["validator", "test", path])?;
    assert!(code == Some(0) && tested.contains("7 passed, 0 failed"), "{tested}");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&project).args(["test", "--release", "--lib"]).env("CARGO_TARGET_DIR", &target);
    let (code, tested) = ran(cargo.output()?);
    assert_eq!(code, Some(0), "{tested}");

    let component = project.join("target/pool-limits.wasm");
    let component = component.to_str().context("the folder's name is UTF-8")?;
    let settings = r#"{"connections_max": 100, "growth_max": 2}"#;
    let bind = ["validator", "bind", "pool", component, "--keys", "db/**", "--settings", settings, "--wait=all"];
    fleet.sluice.ok(&bind)?;
    for (text, verdict) in [
        (r#"{"connections": 40}"#, "applied"),
        (r#"{"connections": 101}"#, "rejected: pool: 101 connections: the database takes 100"),
        (r#"{"connections": 90}"#, "rejected: pool: 90 connections after 40: at most 2 times as many at once"),
    ] {
        assert_eq!(fleet.verdict(&fleet.xadd(&["put:db/pool.json", text])?)?, verdict);
    }

    let source = project.join("src/lib.rs");
    let rule = std::fs::read_to_string(&source)?;
    let broken = rule.replace("new > settings.connections_max", "new > 10 * settings.connections_max");
    assert_ne!(rule, broken);
    std::fs::write(&source, broken)?;
    let (code, tested) = sluice(&["validator", "test", path])?;
    assert!(code == Some(0) && tested.contains("is newer than the component"), "{tested}");
    let (code, built) = sluice(&["validator", "build", path])?;
    assert_eq!(code, Some(0), "{built}");
    let (code, tested) = sluice(&["validator", "test", path])?;
    assert_eq!(code, Some(1), "{tested}");
    assert!(tested.contains("FAILED\ttoo-many\taccept") && tested.contains("- too-many db/pool.json#/connections"));
    std::fs::write(&source, "what is no Rust")?;
    assert_eq!(sluice(&["validator", "build", path])?.0, Some(1));
    Ok(())
}

#[test]
fn cases_that_hold_pass_and_one_that_does_not_is_told() -> Result<()> {
    let desk = Desk::new(&[("validator.toml", SUITE), GOOD, BAD])?;
    assert_eq!(desk.test(&[])?.0, 0);
    desk.write("cases/wrong.accept.json", BAD.1)?;
    desk.write("cases/bad.expect.toml", "[[findings]]\ncode = 'out-of-bounds'\npointer = '/min'\n")?;
    let report = desk.path("report.xml");
    let (code, told) = desk.test(&["--junit", report.to_str().context("a name of ours")?])?;
    assert_eq!(code, 1, "{told}");
    for line in
        ["\t- accept\n\t+ reject\n", "\t- out-of-bounds #/min\n\t+ out-of-bounds app/a#/max\n", "1 passed, 2 failed"]
    {
        assert!(told.contains(line), "{told}");
    }
    let report = std::fs::read_to_string(report)?;
    assert!(
        report.contains("tests=\"3\" failures=\"2\"") && report.contains("expected accept, found reject"),
        "{report}"
    );
    assert_eq!(desk.test(&["--run", "go*"])?.0, 0);
    // What was found becomes what is expected, but never the decision.
    assert_eq!(desk.test(&["--update"])?.0, 1);
    assert_eq!(desk.test(&["--run", "bad"])?.0, 0);
    assert!(std::fs::read_to_string(desk.path("cases/bad.expect.toml"))?.contains("/max"));
    Ok(())
}

#[test]
fn no_cases_are_no_pass() -> Result<()> {
    let desk = Desk::new(&[("validator.toml", SUITE)])?;
    assert_eq!(desk.test(&[])?.0, 2);
    desk.write(GOOD.0, GOOD.1)?;
    assert_eq!(desk.test(&["--run", "other*"])?.0, 2);
    assert_eq!(desk.test(&["--component", "no/such.wasm"])?.0, 2);
    // A component that is not asked accepts everything.
    desk.write("validator.toml", format!("keys = ['web/**']\n{SUITE}"))?;
    assert_eq!(desk.test(&[])?.0, 2);
    Ok(())
}

#[test]
fn a_validator_that_breaks_has_rejected_nothing() -> Result<()> {
    let desk = Desk::new(&[("cases/a.reject.json", "1")])?;
    desk.write("traps.wasm", fixtures::TRAPS)?;
    desk.write("never_ends.wasm", fixtures::NEVER_ENDS)?;
    let with = |component: &str, more: &[&str]| -> Result<(i32, String)> {
        let path = desk.path(component);
        desk.test(&[&["--component", path.to_str().context("a name of ours")?], more].concat())
    };
    let (code, told) = with("traps.wasm", &[])?;
    assert!(code == 1 && told.contains("\tpanicked at guest/fixtures/traps.rs") && told.contains("+ trap"), "{told}");
    let (code, told) = with("never_ends.wasm", &["--fuel", "1000000"])?;
    assert!(
        code == 1 && told.contains("used up its fuel of 1000000: raise limits.fuel") && told.contains("--fuel"),
        "{told}"
    );
    let (code, told) = desk.test(&["--component", "bounds", "--settings", "7"])?;
    assert!(
        code == 1 && told.contains("+ unusable") && told.contains("hosts would not bind it with these settings"),
        "{told}"
    );
    desk.write("cases/a.expect.toml", "decision = 'trap'\n")?;
    assert_eq!(with("traps.wasm", &[])?.0, 0);
    Ok(())
}

#[test]
fn a_case_may_be_a_whole_change() -> Result<()> {
    let rules = json!({"rules": [{
        "expr": "author == 'mei' && metadata['x-ticket'] == 'OPS-7' && published_at == 1798135200000
                 && old.max == 1 && edits.size() == 2 && edits[1].operation == 'delete'",
        "message": "is not what was written", "on": ["update"]}]});
    let change = "author = 'mei'\npublished_at = 2026-12-24T19:00:00+01:00\n[metadata]\nx-ticket = 'OPS-7'\n\
        [[edits]]\nkey = 'a.json'\nold = '{\"max\": 1}'\nnew_file = 'new.json'\n[[edits]]\nkey = 'b'\nold = '1'\n";
    let files = [("whole/change.toml", change), ("whole/new.json", "{}"), ("whole/expect.toml", "decision = 'accept'")];
    let desk = Desk::new(&files)?;
    let args = ["--component", "expression", "--settings", &rules.to_string()];
    let (code, told) = desk.test(&args)?;
    assert_eq!(code, 0, "{told}");
    desk.write("whole/change.toml", change.replace("OPS-7", "OPS-8"))?;
    assert_eq!(desk.test(&args)?.0, 1);
    Ok(())
}
