//! How a host starts, and the ways it does not.

use anyhow::{Context, Result};
use sluice_live::{Fleet, Ran};

/// Runs a host that should not come up.
fn run(fleet: &Fleet, args: &[&str]) -> Result<Ran> {
    fleet.sluice.run(&[&["host", "run"], args].concat())
}

fn folder(fleet: &Fleet, name: &str) -> String {
    fleet.folder.path().join(name).to_string_lossy().into_owned()
}

#[test]
fn two_daemons_do_not_share_a_folder() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let data = folder(&fleet, "edge-1");
    let pid = fleet.hosts[0].process().id();
    let second = run(&fleet, &["--id", "edge-2", "--data", &data, "--listen", "127.0.0.1:0"])?;
    assert_eq!((second.code, second.stdout.as_str()), (2, ""), "{second:?}");
    let told = format!("{data} is in use by another sluice (pid {pid})");
    assert!(second.stderr.contains(&told), "{second:?}");
    let revision = fleet.xadd(&["put:k", "1"])?;
    fleet.converge(&revision);
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_named() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let taken = fleet.hosts[0].url("").replace("http://", "");
    let second = run(&fleet, &["--data", &folder(&fleet, "second"), "--listen", &taken])?;
    assert_eq!((second.code, second.stdout.as_str()), (2, ""), "{second:?}");
    assert!(second.stderr.contains(&format!("cannot serve on listen {taken}")), "{second:?}");
    assert!(second.stderr.contains("choose another with --listen"), "{second:?}");
    Ok(())
}

#[test]
fn a_folder_of_another_space_is_left_alone() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    fleet.hosts.remove(0).terminate()?;
    let data = folder(&fleet, "edge-1");
    let other = run(&fleet, &["--data", &data, "--listen", "127.0.0.1:0", "--space", "other"])?;
    assert_eq!(other.code, 2, "{other:?}");
    assert!(other.stderr.contains("belongs to space \"shop\", not \"other\""), "{other:?}");
    fleet.server.kill()?;
    let back = fleet.host("edge-1", &[])?;
    assert_eq!(back.value("k")?, Some(b"1".to_vec()));
    Ok(())
}

#[test]
fn faults_in_the_settings_are_told_with_file_and_line() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let missing = run(&fleet, &["--settings", "/no/such/sluice.toml"])?;
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.stderr.contains("cannot read the settings /no/such/sluice.toml"), "{missing:?}");

    let unknown = fleet.file("unknown.toml", "id = \"a\"\n\nlissten = \"127.0.0.1:0\"\n")?;
    let ran = run(&fleet, &["--settings", &unknown])?;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains(&format!("{unknown}:3: ")) && ran.stderr.contains("lissten"), "{ran:?}");

    let broken = fleet.file("broken.toml", "id = \"a\"\nlisten = [\n")?;
    let ran = run(&fleet, &["--settings", &broken])?;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains(&format!("{broken}:")), "{ran:?}");

    let faults = fleet.file("faults.toml", "id = \"a b\"\nlisten = \"here\"\npublish_token_file = \"/no/token\"\n")?;
    let ran = run(&fleet, &["--settings", &faults])?;
    assert_eq!(ran.code, 2, "{ran:?}");
    for part in ["3 faults", "\"a b\" is not the name of a host", "listen \"here\" is no address", "/no/token"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    Ok(())
}

#[test]
fn flags_override_the_file() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    let file =
        fleet.file("sluice.toml", "id = \"from-file\"\nlisten = \"127.0.0.1:1\"\n[labels]\nregion = \"eu\"\n")?;
    let host = fleet.host("edge-1", &["--settings", &file])?;
    assert_eq!(host.status()?["host"], "edge-1");
    fleet.hosts.push(host);
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    Ok(())
}

#[test]
fn host_check_tries_everything_and_starts_nothing() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    let check = |data: &str, listen: &str, more: &[&str]| {
        let args = ["host", "check", "--data", data, "--listen", listen];
        fleet.sluice.run(&[&args, more].concat())
    };
    let good = check(&folder(&fleet, "fresh"), "127.0.0.1:0", &[])?;
    assert_eq!(good.code, 0, "{good:?}");
    for name in ["settings", "listen", "data", "redis"] {
        assert!(good.stdout.contains(&format!("{name}\tOK\t")), "{name}: {good:?}");
    }
    let taken = fleet.hosts[0].url("").replace("http://", "");
    let bad = check(&folder(&fleet, "edge-1"), &taken, &["--redis", "redis://127.0.0.1:1"])?;
    assert_eq!(bad.code, 1, "{bad:?}");
    for name in ["listen", "data", "redis"] {
        assert!(bad.stdout.contains(&format!("{name}\tFAIL\t")), "{name}: {bad:?}");
    }
    let host = fleet.hosts.remove(0);
    assert!(host.terminate()?.success());
    Ok(())
}

#[test]
fn data_and_administration_can_have_listeners_of_their_own() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    let admin = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let file = fleet.file("sluice.toml", format!("admin = \"{admin}\"\n"))?;
    fleet.hosts.push(fleet.host("edge-1", &["--settings", &file])?);
    let host = fleet.hosts.first().context("it was just added")?;
    let asked = |path: &str| -> Result<(u16, u16)> {
        let there = sluice_live::http::ask("GET", &format!("http://{admin}{path}"), &[], &[])?;
        Ok((host.get(path)?.0, there.code))
    };
    assert_eq!(asked("/v1/keys")?, (200, 404));
    assert_eq!(asked("/v1/status")?, (404, 200));
    assert_eq!(asked("/metrics")?, (404, 200));
    assert_eq!(asked("/livez")?, (200, 200));
    Ok(())
}
