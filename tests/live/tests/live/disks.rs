//! Disks that fill up, take nothing, go away, or belong to somebody else; and kill -9 at every change of them.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sluice_live::process::Process;
use sluice_live::{Fleet, Host, wait_for};

const KILL: i32 = 9;
const NOBODY: u32 = 65_534;

/// A host with faults on purpose; it may not live to say where it serves.
fn faulty(fleet: &Fleet, data: &Path, faults: &str) -> Result<Process> {
    let mut command = Host::command(&fleet.sluice, "faulty", data, &[])?;
    Process::start(command.env("SLUICE_FAILPOINT", faults))
}

/// Whether it died of the fault, and not of anything else, before it reached `last`.
fn dies(mut process: Process, data: &Path, fleet: &Fleet, last: &str) -> Result<bool> {
    let died = |process: &mut Process| -> Result<bool> {
        let Some(ended) = process.ended()? else { return Ok(false) };
        assert_eq!(ended.signal(), Some(KILL), "{ended:?}");
        Ok(true)
    };
    // Its one line on stdout, or the end of it.
    let mut line = String::new();
    let stdout = process.child().stdout.take().context("stdout is piped")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)?;
    let shown = data.to_string_lossy().into_owned();
    wait_for(&format!("the host on {shown} to die or to reach {last}"), || {
        if died(&mut process).ok()? {
            return Some(true);
        }
        let ran = sluice_live::http::ask("GET", &format!("{}/v1/status", line.trim()), &[], &[]).ok()?;
        let reached = ran.json()["revision"] == last;
        (reached && fleet.entries().is_ok()).then_some(false)
    });
    let is_over = died(&mut process)?;
    if !is_over {
        assert!(process.terminate()?.success());
    }
    Ok(is_over)
}

/// A snapshot and entries behind it, some larger than others, and a host without any fault.
fn prepared() -> Result<(Fleet, String)> {
    let fleet = Fleet::start(1)?;
    for at in 0..20 {
        fleet.xadd(&[&format!("put:k/{at}"), &"v".repeat(at * 50)])?;
    }
    fleet.sluice.ok(&["snapshot", "write"])?;
    fleet.xadd(&["del:k/3", ""])?;
    let last = fleet.xadd(&["put:k/21", &"w".repeat(70_000)])?;
    Ok((fleet, last))
}

/// Kills a host at its first, second, third change of the disk and so on, until it lives; each time one without faults
/// goes on from what is left.
fn killed_everywhere(point: &str, wrong: &str) -> Result<usize> {
    let (mut fleet, last) = prepared()?;
    for at in 1.. {
        let data = fleet.folder.path().join(format!("faulty-{at}"));
        let process = faulty(&fleet, &data, &format!("store.{point}:{at}={wrong}"))?;
        if !dies(process, &data, &fleet, &last)? {
            return Ok(at - 1);
        }
        let host = Host::start(&fleet.sluice, "faulty", data, &[])?;
        // It is up: from now on reads are answered, whatever it still lacks.
        let read = |host: &Host| host.get("/v1/keys/k/7").map(|(code, _)| code);
        wait_for("the host to be whole again, answering all the while", || {
            assert!(matches!(read(&host), Ok(200 | 404)), "{point} {at}: {:?}", read(&host));
            (host.status().ok()?["revision"] == last.as_str()).then_some(())
        });
        assert_eq!(host.value("k/7")?, Some("v".repeat(350).into_bytes()));
        fleet.hosts.push(host);
        fleet.converge(&last);
        assert!(fleet.hosts.pop().context("it was just added")?.terminate()?.success());
    }
    unreachable!("some number is beyond the last change")
}

#[test]
fn kill_9_before_any_change_of_the_disk_costs_nothing() -> Result<()> {
    let points = killed_everywhere("any", "kill")?;
    assert!(points >= 15, "{points} changes");
    Ok(())
}

#[test]
fn kill_9_in_the_middle_of_any_write_costs_nothing() -> Result<()> {
    let writes = killed_everywhere("write", "tear")?;
    assert!(writes >= 4, "{writes} writes");
    Ok(())
}

/// A file system of our own, unmounted at the end.
struct Mounted(PathBuf);

impl Mounted {
    /// None, loudly, where mounting is not permitted.
    fn tmpfs(at: PathBuf, size: &str) -> Result<Option<Mounted>> {
        std::fs::create_dir_all(&at)?;
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "sluice-test"]).arg(&at).output();
        match output {
            Ok(output) if output.status.success() => Ok(Some(Mounted(at))),
            failed => {
                eprintln!("NOTE: no tmpfs can be mounted here ({failed:?}): faults on purpose stand in for it");
                Ok(None)
            }
        }
    }

    fn remount(&self, options: &str) -> Result<()> {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status()?;
        anyhow::ensure!(status.success(), "mount -o remount,{options}: {status}");
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a host that outlived a failed test may still have files open.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// The host serves the state of `revision`, and says that its disk takes nothing.
fn is_away(fleet: &Fleet, host: &Host, why: &str) -> Result<()> {
    let told = wait_for("the host to say that its disk takes nothing", || {
        let status = host.status().ok()?;
        (status["store"]["state"] == "away").then(|| status["store"]["why"].to_string())
    });
    assert!(told.contains(why), "{told}");
    assert_eq!((host.value("k")?, host.get("/readyz")?.0), (Some(b"1".to_vec()), 200));
    wait_for("status to tell it", || {
        let ran = fleet.sluice.run(&["status"]).ok()?;
        ran.stdout.lines().any(|line| line.starts_with("faulty") && line.contains("store-away")).then_some(())
    });
    Ok(())
}

#[test]
fn a_disk_that_fills_up_stops_no_read_and_heals_when_there_is_room() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let disk = fleet.folder.path().join("disk");
    let mounted = Mounted::tmpfs(disk.clone(), "1m")?;
    let data = disk.join("faulty");
    let stand_in =
        if mounted.is_some() { "" } else { "store.write:5=enospc,store.write:6=enospc,store.write:7=enospc" };
    let host = Host::of(faulty(&fleet, &data, stand_in)?, "faulty", data)?;
    host.reaches(&fleet.xadd(&["put:k", "1"])?);
    let large = "x".repeat(100_000);
    for at in 0..12 {
        fleet.xadd(&[&format!("put:large/{at}"), &large])?;
    }
    if let Some(mounted) = &mounted {
        is_away(&fleet, &host, "free some space")?;
        mounted.remount("size=64m")?;
    }
    let last = fleet.xadd(&["put:after", "1"])?;
    fleet.hosts.push(host);
    fleet.converge(&last);
    // What was confirmed to be on the disk is there.
    let host = fleet.hosts.pop().context("it was just added")?;
    let data = host.kill()?;
    fleet.server.kill()?;
    let host = Host::start(&fleet.sluice, "faulty", data, &[])?;
    assert_eq!(host.status()?["revision"], last.as_str());
    assert!(!host.logged().contains("damaged"), "{}", host.logged());
    Ok(())
}

#[test]
fn a_full_disk_does_not_keep_what_is_on_it_from_being_served() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let data = fleet.folder.path().join("faulty");
    let host = Host::start(&fleet.sluice, "faulty", data, &[])?;
    host.reaches(&fleet.xadd(&["put:k", "1"])?);
    let data = host.kill()?;
    fleet.xadd(&["put:k", "2"])?;
    let full = "store.write:1+=enospc,store.reserve:1+=enospc";
    let host = Host::of(faulty(&fleet, &data, full)?, "faulty", data.clone())?;
    is_away(&fleet, &host, "No space left on device")?;
    Ok(())
}

#[test]
fn a_disk_that_turns_read_only_stops_no_read_and_a_start_on_it_names_the_remedy() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let disk = fleet.folder.path().join("disk");
    let mounted = Mounted::tmpfs(disk.clone(), "64m")?;
    let data = disk.join("faulty");
    let host = Host::start(&fleet.sluice, "faulty", data, &[])?;
    host.reaches(&fleet.xadd(&["put:k", "1"])?);
    let data = host.kill()?;
    let host = Host::of(faulty(&fleet, &data, "store.write:2+=erofs")?, "faulty", data)?;
    fleet.xadd(&["put:k", "2"])?;
    is_away(&fleet, &host, "mount it writable, or name another folder")?;
    let data = host.kill()?;
    let Some(mounted) = mounted else { return Ok(()) };
    mounted.remount("ro")?;
    let shown = data.to_string_lossy().into_owned();
    let ran = fleet.sluice.run(&["host", "run", "--data", &shown, "--listen", "127.0.0.1:0"])?;
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    let told = format!("cannot open {shown}/lock: Read-only file system (os error 30): mount it writable");
    assert!(ran.stderr.contains(&told), "{ran:?}");
    mounted.remount("rw")?;
    let last = fleet.xadd(&["put:k", "3"])?;
    // The file for its log lies on that disk, too.
    Host::start(&fleet.sluice, "faulty", data, &[])?.reaches(&last);
    Ok(())
}

#[test]
fn a_folder_that_was_removed_is_filled_again() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    fleet.converge(&fleet.xadd(&["put:k", "1"])?);
    std::fs::remove_dir_all(&fleet.hosts[1].data)?;
    fleet.converge(&fleet.xadd(&["put:k", "2"])?);
    fleet.hosts.remove(1).kill()?;
    let again = fleet.host("edge-2", &[])?;
    fleet.hosts.push(again);
    fleet.converge(&fleet.xadd(&["put:k", "3"])?);
    Ok(())
}

#[test]
fn a_folder_of_somebody_else_is_named_with_the_remedy() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let data = fleet.folder.path().join("theirs");
    std::fs::create_dir(&data)?;
    let shown = data.to_str().context("the folder's name is UTF-8")?;
    let program = std::fs::read(sluice_live::sluice::binary()?)?;
    let is_root = rustix::process::getuid().is_root();
    let sluice = if is_root {
        // Somebody else must be able to run it, wherever it was built.
        std::fs::set_permissions(fleet.folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let copy = fleet.folder.path().join("sluice");
        std::fs::write(&copy, program)?;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
        fleet.sluice.by(&copy)
    } else {
        fleet.sluice.clone()
    };
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(if is_root { 0o700 } else { 0o500 }))?;
    let mut command = sluice.command(&["host", "run", "--data", shown, "--listen", "127.0.0.1:0"])?;
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.current_dir("/").output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true), "{told}");
    let wanted = format!("cannot open {shown}/lock: Permission denied (os error 13): give the user sluice runs as");
    assert!(told.contains(&wanted), "{told}");
    Ok(())
}
