//! Hosts compile in a child: one that dies, or has too little, holds what needs it and nothing else.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sluice_live::{Fleet, sluice::binary, wait_for};

/// Stores a component and binds it to `app/**`, as any publisher would.
fn bind(fleet: &Fleet, component: &[u8], rest: &str) -> Result<String> {
    let digest = blake3::hash(component).to_hex().to_string();
    fleet.server.cli_fed(&["SET", &format!("sluice:{{shop}}:blob:{digest}")], component)?;
    let binding = format!(r#"{{"keys": ["app/**"], "component": "{digest}"{rest}}}"#);
    let announcement = format!("put:_sluice/components/{digest}");
    fleet.xadd(&["put:_sluice/validators/limits", &binding, &announcement, "{}"])
}

/// The children of a process, by their status.
fn children(parent: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.flatten().filter_map(|process| process.file_name().to_str()?.parse().ok());
    let is_child = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent.to_string()))
    };
    numbers.filter(is_child).collect()
}

/// Waits for a compiler of this host, and stops it where it is.
fn stopped_compiler(host: u32) -> u32 {
    wait_for("the host to start a compiler", || {
        let child = *children(host).first()?;
        signal(child, Signal::STOP).ok()?;
        let words = fs::read_to_string(format!("/proc/{child}/cmdline")).ok()?;
        // Before it has become the compiler it is still called as the host is.
        if words.ends_with("\0compile\0") {
            return Some(child);
        }
        signal(child, Signal::CONT).ok()?;
        None
    })
}

fn signal(process: u32, signal: Signal) -> Result<()> {
    Ok(kill_process(Pid::from_raw(process as i32).context("a process has an id")?, signal)?)
}

fn held(fleet: &Fleet, words: &str) -> Value {
    wait_for(&format!("the host to hold the binding: {words}"), || {
        let status = fleet.hosts[0].status().ok()?;
        status["held"][0].to_string().contains(words).then(|| status["held"][0].clone())
    })
}

fn threads(process: u32) -> Vec<String> {
    let tasks: Vec<PathBuf> =
        fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten().map(|task| task.path()).collect();
    tasks.iter().filter_map(|task| fs::read_to_string(task.join("comm")).ok()).collect()
}

#[test]
fn a_host_compiles_in_a_child_and_starts_another_when_it_is_killed() -> Result<()> {
    // What was compiled before needs no compiler; so nothing was.
    let mut fleet = Fleet::passing(1)?;
    let host = fleet.hosts[0].process().id();
    let bound = bind(&fleet, sluice_artifacts::JSON_SCHEMA, r#", "settings": {"schema": {"type": "object"}}"#)?;
    let compiler = stopped_compiler(host);
    assert!(!threads(host).iter().any(|name| name.starts_with("sluice-compile")), "the host compiles itself");
    let elsewhere = fleet.xadd(&["put:web/a", "1"])?;
    fleet.hosts[0].passes(&elsewhere);
    assert_eq!(fleet.hosts[0].value("web/a")?, Some(b"1".to_vec()), "other keys go on");
    signal(compiler, Signal::KILL)?;
    held(&fleet, "its compiler was killed (signal: 9");
    let bad = fleet.xadd(&["put:app/a", "[]"])?;
    fleet.converge(&bad);
    assert_eq!(fleet.verdict(&bound)?, "applied");
    assert!(fleet.verdict(&bad)?.starts_with("rejected: limits: "));
    Ok(())
}

#[test]
fn a_compiler_dies_with_its_host() -> Result<()> {
    let mut fleet = Fleet::passing(1)?;
    let host = fleet.hosts[0].process().id();
    bind(&fleet, sluice_artifacts::JSON_SCHEMA, "")?;
    let compiler = stopped_compiler(host);
    fleet.hosts.remove(0).kill()?;
    wait_for("the compiler to be gone", || {
        let status = fs::read_to_string(format!("/proc/{compiler}/status")).unwrap_or_default();
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    });
    Ok(())
}

#[test]
fn a_compiler_that_wants_more_than_it_gets_holds_the_binding_until_the_host_is_given_more() -> Result<()> {
    let mut fleet = Fleet::passing(0)?;
    let settings = fleet.file("small.toml", "[compiler]\nmemory_bytes = 83886080\n")?;
    fleet.hosts.push(fleet.host("edge-1", &["--settings", &settings])?);
    let bound = bind(&fleet, sluice_artifacts::JSON_SCHEMA, r#", "settings": {"schema": {"type": "object"}}"#)?;
    let held = held(&fleet, "raise compiler.memory_bytes of this host above 83886080");
    assert_eq!(held["revision"], bound.as_str());
    fleet.hosts.remove(0).kill()?;
    fleet.hosts.push(fleet.host("edge-1", &[])?);
    wait_for("the binding to be in force", || (fleet.verdict(&bound).ok()? == "applied").then_some(()));
    Ok(())
}

#[test]
fn a_host_compiles_by_the_file_it_was_started_from_also_after_an_upgrade() -> Result<()> {
    let mut fleet = Fleet::passing(0)?;
    let program = fleet.folder.path().join("sluice-of-yesterday");
    fs::copy(binary()?, &program)?;
    let sluice = fleet.sluice.by(&program);
    fleet.hosts.push(sluice_live::Host::start(&sluice, "edge-1", fleet.folder.path().join("edge-1"), &[])?);
    let tomorrow = fleet.file("sluice-of-tomorrow", "#!/bin/false\n")?;
    fs::rename(tomorrow, &program)?;
    let bound = bind(&fleet, sluice_artifacts::BOUNDS, "")?;
    fleet.converge(&bound);
    assert_eq!(fleet.verdict(&bound)?, "applied");
    Ok(())
}
