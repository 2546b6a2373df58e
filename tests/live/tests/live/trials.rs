//! What an author tries out: one call, cases again and again, what it costs, what it speaks.

use std::fs::File;
use std::process::Stdio;

use anyhow::{Context, Result};
use rustix::process::Signal;
use sluice_artifacts::fixtures;
use sluice_live::process::Process;
use sluice_live::wait::wait_for;

use crate::authors::Desk;

#[test]
fn one_call_tells_what_it_found_wrote_and_used() -> Result<()> {
    let desk = Desk::new(&[])?;
    desk.write("looks_up.wasm", fixtures::LOOKS_UP)?;
    let path = desk.path("looks_up.wasm");
    let component = path.to_str().context("a name of ours")?;
    let run = ["validator", "run", component, "get tls/a"];
    let told = desk.sluice.json(&[&run[..], &["--given", "tls/a=7"]].concat())?;
    assert_eq!((&told["verdict"], &told["log"]["lines"][0]["text"]), (&"accept".into(), &"get tls/a".into()));
    assert!(told["findings"][0]["message"].to_string().ends_with(" 7\""), "{told:#}");
    assert!(told["fuel"].as_u64() > Some(0) && told["configureFuel"].as_u64() > Some(0));
    let told = desk.sluice.json(&[&run[..], &["--reads", "tls/*", "--log-lines", "0"]].concat())?;
    assert_eq!((&told["findings"][0]["message"], &told["log"]["dropped"]), (&"nothing".into(), &1.into()));
    let told = desk.sluice.run(&run)?;
    assert!(told.code == 1 && told.stdout.starts_with("why\tlooked up \"tls/a\""), "{told:?}");
    let warned = ["--settings", r#"{"bytes_max": 1, "severity": "warning"}"#];
    let told = desk.sluice.run(&[&["validator", "run", "size-and-shape", "{}"], &warned[..]].concat())?;
    assert!(told.code == 0 && told.stdout.starts_with("verdict\twarn"), "{told:?}");
    Ok(())
}

#[test]
fn what_stopped_a_call_is_told_first_and_where_only_when_asked() -> Result<()> {
    let desk = Desk::new(&[])?;
    let with = |name: &str, bytes: &[u8], more: &[&str]| {
        desk.write(name, bytes)?;
        let path = desk.path(name);
        let component = path.to_str().context("a name of ours")?;
        anyhow::Ok(desk.sluice.run(&[&["validator", "run", component, "1"], more].concat())?.stdout)
    };
    let told = with("traps.wasm", fixtures::TRAPS, &[])?;
    assert!(told.starts_with("why\tpanicked at guest/fixtures/traps.rs") && !told.contains("\nin "), "{told}");
    assert!(with("traps.wasm", fixtures::TRAPS, &["-v"])?.contains("\nin "));
    for (name, bytes, more, part) in [
        ("never_ends.wasm", fixtures::NEVER_ENDS, &["--fuel", "9999"][..], "its fuel of 9999: raise limits.fuel"),
        ("eats_memory.wasm", fixtures::EATS_MEMORY, &[], "its 67108864 bytes of memory, "),
        ("says_too_much.wasm", fixtures::SAYS_TOO_MUCH, &["--result-bytes", "5000"], "limits.result_bytes"),
    ] {
        let told = with(name, bytes, more)?;
        assert!(told.starts_with("why\t") && told.contains(part), "{told}");
    }
    Ok(())
}

#[test]
fn a_component_and_the_contract_tell_what_they_are() -> Result<()> {
    let desk = Desk::new(&[])?;
    let told = desk.sluice.json(&["validator", "inspect", "references"])?;
    assert_eq!((&told["verdict"], &told["image"]), (&"ok".into(), &"yes".into()), "{told:#}");
    assert!(told["keys"].is_array() && told["reads"].is_array());
    let newest = desk.sluice.ok(&["validator", "wit"])?;
    assert!(newest.contains("package sluice:validator@1.0.0;"));
    assert!(desk.sluice.ok(&["validator", "wit", "0.1.0"])?.contains("package sluice:validator@0.1.0;"));
    assert_eq!(desk.sluice.ok(&["validator", "wit", "--list", "-o", "name"])?, "1.0.0\n0.1.0\n");
    assert_eq!(desk.sluice.run(&["validator", "wit", "2.0.0"])?.code, 2);
    Ok(())
}

const SUITE: &str = "component = 'size-and-shape'\n[settings]\nbytes_max = 1\nseverity = 'warning'\n";

#[test]
fn a_warning_is_expected_by_name() -> Result<()> {
    let desk = Desk::new(&[("validator.toml", SUITE), ("a.warn.json", "{}"), ("b.accept.json", "1")])?;
    assert_eq!(desk.test(&[])?.0, 0);
    desk.write("a.expect.toml", "decision = 'accept'\n")?;
    assert_eq!(desk.test(&[])?.0, 2, "the name says something else");
    desk.write("a.expect.toml", "")?;
    desk.write("c.accept.json", "{}")?;
    let (code, told) = desk.test(&[])?;
    assert!(code == 1 && told.contains("\t- accept\n\t+ warn\n"), "{told}");
    Ok(())
}

#[test]
fn a_case_says_what_may_be_looked_up() -> Result<()> {
    let files = [
        ("validator.toml", "component = 'looks_up.wasm'\nkey = 'app/route'\nreads = ['tls/*']\n"),
        ("cases/single.accept.txt", "get tls/a"),
        ("cases/single.given.toml", "'tls/a' = 'one'\n'tls/b' = {file = 'README', type = 'x/y'}\n"),
        ("cases/single.expect.toml", "[[findings]]\ncode = 'found'\nkey = 'app/route'\n"),
        ("cases/README", "two"),
        ("cases/whole/change.toml", "[given]\n'tls/b' = 'two'\n[[edits]]\nkey = 'app/route'\nnew = 'keys tls/'\n"),
        ("cases/whole/expect.toml", "decision = 'accept'\n"),
    ];
    let desk = Desk::new(&files)?;
    desk.write("looks_up.wasm", fixtures::LOOKS_UP)?;
    let folder = desk.folder.path().to_str().context("a name of ours")?;
    let told = desk.sluice.json(&["validator", "test", folder])?;
    let messages: Vec<String> = (0..2).map(|at| told["items"][at]["findings"][0]["message"].to_string()).collect();
    assert!(messages[0].contains("one") && messages[1].contains("tls/b"), "{told:#}");
    assert_eq!(told["items"][0]["log"]["lines"][0]["text"], "get tls/a");
    desk.write("cases/single.given.toml", "'tls/a' = {text = 'one'}\n")?;
    assert_eq!(desk.test(&[])?.0, 2);
    Ok(())
}

#[test]
fn cases_are_tested_again_when_a_file_changes() -> Result<()> {
    let desk = Desk::new(&[("validator.toml", SUITE), ("a.warn.json", "1")])?;
    let folder = desk.folder.path().to_str().context("a name of ours")?;
    let out = tempfile::NamedTempFile::new()?;
    let mut command = desk.sluice.command(&["validator", "test", folder, "--watch"])?;
    command.stdout(File::create(out.path())?).stderr(Stdio::null());
    let mut watching = Process::start(&mut command)?;
    let told = |part: &str| {
        wait_for(part, || std::fs::read_to_string(out.path()).ok()?.contains(part).then_some(()));
    };
    told("FAILED\ta\taccept");
    desk.write("a.warn.json", "{}")?;
    told("ok\ta\twarn");
    // A suite that cannot be read is no reason to end.
    desk.write("validator.toml", "what is no suite")?;
    desk.write("b.accept.json", "1")?;
    desk.write("validator.toml", SUITE)?;
    told("ok\tb\taccept");
    watching.signal(Signal::INT)?;
    let ended = wait_for("the watch to end", || watching.ended().transpose());
    assert_eq!(ended?.code(), Some(0));
    Ok(())
}

#[test]
fn a_measurement_is_compared_with_one_before() -> Result<()> {
    let desk = Desk::new(&[("whole/change.toml", "[[edits]]\nkey = 'a.json'\nnew = '{}'\n")])?;
    let (saved, case) = (desk.path("saved.json"), desk.path("whole"));
    let (saved, case) = (saved.to_str().context("ours")?, case.to_str().context("ours")?);
    let bench = ["validator", "bench", "bounds", "--settings", r#"{"/max": [1, 2]}"#, "--runs", "10"];
    desk.sluice.ok(&[&bench[..], &["--case", case, "--save", saved]].concat())?;
    let told = desk.sluice.json(&[&bench[..], &["--value", "{}", "--baseline", saved]].concat())?;
    let measures = told["items"].as_array().context("items")?;
    for name in ["compile", "load", "image", "call-p50", "image-call-p99", "fuel", "memory", "calls-2-threads"] {
        let measure = measures.iter().find(|measure| measure["measure"] == name).with_context(|| name.to_owned())?;
        assert!(measure["now"].as_f64() > Some(0.0) && measure["ratio"].as_f64() > Some(0.0), "{measure}");
    }
    let strict = [&bench[..], &["--value", "{}", "--baseline", saved, "--max-ratio", "0.000001"]].concat();
    assert_eq!(desk.sluice.run(&strict)?.code, 1);
    assert_eq!(desk.sluice.run(&bench)?.code, 2, "nothing to judge");
    Ok(())
}
