//! `sluice lock`: commands under a lock, and what is left of them. Tests are named by the invariants of docs/LOCKS.md.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use rustix::process::Signal;
use sluice_live::process::Process;
use sluice_live::{Fleet, Host, Server, Sluice, wait_for};
use tempfile::TempDir;

/// Three masters with a vote, and a folder for what commands say.
struct Masters {
    servers: Vec<Server>,
    sluice: Sluice,
    folder: TempDir,
    urls: String,
}

impl Masters {
    fn start() -> Result<Masters> {
        let servers = (0..3).map(|_| Server::with(&[])).collect::<Result<Vec<_>>>()?;
        let urls = servers.iter().map(Server::url).collect::<Vec<_>>().join(",");
        let folder = tempfile::Builder::new().prefix("sluice-locks-").tempdir()?;
        let sluice = Sluice::new(&servers[0].url(), "shop", folder.path());
        let masters = Masters { servers, sluice, folder, urls };
        masters.sluice.ok(&["lock", "init", "--yes", "--masters", &masters.urls])?;
        Ok(masters)
    }

    /// `lock run` with these flags, of a shell with this script. It knows the folder as `$F`.
    fn begin(&self, flags: &[&str], script: &str) -> Result<Process> {
        let all = [&["lock", "run"], flags, &["--masters", &self.urls, "--", "sh", "-c", script]].concat();
        let mut command = self.sluice.command(&all)?;
        command.env("F", self.folder.path()).stdin(Stdio::null()).stderr(Stdio::piped());
        Process::start(&mut command)
    }

    /// Waits until a command wrote this file, and gives what it wrote.
    fn said(&self, file: &str) -> String {
        let path = self.folder.path().join(file);
        wait_for(&format!("the command to write {file}"), || {
            std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')).map(|text| text.trim().to_owned())
        })
    }

    fn has(&self, file: &str) -> bool {
        self.folder.path().join(file).exists()
    }

    /// On how many masters somebody has the name.
    fn keys(&self, name: &str) -> usize {
        self.servers.iter().filter(|one| one.cli(&["EXISTS", name]).is_ok_and(|keys| keys == "1")).count()
    }
}

/// How it ended, with what it said on stderr.
fn ended(process: &mut Process) -> Result<(i32, String)> {
    let status = wait_for("lock run to end", || process.ended().transpose())?;
    let mut said = String::new();
    process.child().stderr.take().context("it is piped")?.read_to_string(&mut said)?;
    Ok((status.code().context("it ended by itself")?, said))
}

/// Whether a process runs; one that waits to be reaped does not.
fn runs(id: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn gone(id: &str) {
    wait_for(&format!("process {id} to be gone"), || (!runs(id)).then_some(()));
}

/// A command with a grandchild, neither of which hears SIGTERM.
const DEAF: &str = "trap '' TERM; sh -c 'trap \"\" TERM; while :; do sleep 1; done' & echo $! > $F/grandchild; \
                    echo $$ > $F/child; while :; do sleep 1; done";

#[test]
fn run_1_a_lost_lock_kills_the_group_with_grandchildren_before_another_can_have_it() -> Result<()> {
    let mut masters = Masters::start()?;
    let mut run = masters.begin(&["job", "--ttl", "3s"], DEAF)?;
    let (child, grandchild) = (masters.said("child"), masters.said("grandchild"));
    masters.servers[1].kill()?;
    masters.servers[2].kill()?;
    let (code, said) = ended(&mut run)?;
    assert_eq!((code, runs(&child), runs(&grandchild)), (4, false, false), "{said}");
    assert!(said.contains("the lock job was lost, and the command was stopped, with 137"), "{said}");
    Ok(())
}

#[test]
fn run_2_exit_codes_are_those_of_the_command() -> Result<()> {
    let masters = Masters::start()?;
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
        let mut run = masters.begin(&["job"], script)?;
        assert_eq!(ended(&mut run)?.0, code, "{script}");
        assert_eq!(masters.keys("job"), 0);
    }
    let ran = |command: &str| masters.sluice.run(&["lock", "run", "job", "--masters", &masters.urls, "--", command]);
    assert_eq!((ran("no-such-command")?.code, ran("/etc/passwd")?.code), (127, 126));
    let wrong = ["lock", "run", "job", "--ttl", "2h", "--masters", &masters.urls, "--", "true"];
    let wrong = masters.sluice.run(&wrong)?;
    assert!(wrong.code == 2 && wrong.stderr.contains("longer than these masters allow"), "{wrong:?}");
    Ok(())
}

#[test]
fn run_3_a_signal_ends_who_waits_at_once_and_leaves_no_key() -> Result<()> {
    let masters = Masters::start()?;
    let mut holder = masters.begin(&["job"], "echo $$ > $F/child; while :; do sleep 1; done")?;
    let child = masters.said("child");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let waiter = masters.begin(&["job", "other", "--wait", "600s"], "echo begun > $F/begun")?;
        let mut waiter = waiter;
        // It is there once it says what it waits for.
        let mut first = [0];
        waiter.child().stderr.as_mut().context("it is piped")?.read_exact(&mut first)?;
        waiter.signal(signal)?;
        assert_eq!(ended(&mut waiter)?.0, code);
        assert_eq!((masters.keys("other"), masters.has("begun")), (0, false));
    }
    holder.signal(Signal::TERM)?;
    assert_eq!(ended(&mut holder)?.0, 143, "and who has it hands it on");
    gone(&child);
    Ok(())
}

#[test]
fn run_4_signals_are_handed_on() -> Result<()> {
    let masters = Masters::start()?;
    let script = "trap 'echo usr1 > $F/usr1' USR1; trap 'echo term > $F/term; exit 3' TERM; echo $$ > $F/child; \
                  while :; do sleep 0.05; done";
    let mut run = masters.begin(&["job"], script)?;
    masters.said("child");
    run.signal(Signal::USR1)?;
    masters.said("usr1");
    run.signal(Signal::TERM)?;
    assert_eq!((ended(&mut run)?.0, masters.said("term").as_str()), (3, "term"));
    Ok(())
}

#[test]
fn run_5_the_warden_kills_the_group_when_lock_run_is_killed() -> Result<()> {
    let masters = Masters::start()?;
    let mut run = masters.begin(&["job"], DEAF)?;
    let (child, grandchild) = (masters.said("child"), masters.said("grandchild"));
    run.kill()?;
    gone(&child);
    gone(&grandchild);
    Ok(())
}

#[test]
fn run_6_the_warden_kills_the_group_when_lock_run_is_stopped_past_the_deadline() -> Result<()> {
    let masters = Masters::start()?;
    let mut run = masters.begin(&["job", "--ttl", "3s"], DEAF)?;
    let (child, grandchild) = (masters.said("child"), masters.said("grandchild"));
    run.signal(Signal::STOP)?;
    gone(&child);
    gone(&grandchild);
    let mut next = masters.begin(&["job"], "echo $SLUICE_FENCE > $F/next")?;
    assert_eq!(ended(&mut next)?.0, 0);
    run.signal(Signal::CONT)?;
    let (code, said) = ended(&mut run)?;
    assert!(code == 4 && said.contains("its time ran out"), "{code} {said}");
    Ok(())
}

#[test]
fn run_7_the_lock_is_not_given_back_while_any_of_the_group_lives() -> Result<()> {
    let masters = Masters::start()?;
    // The command ends; what it leaves behind goes on when it is told to stop, until it is allowed to.
    let left = "sh -c 'trap \"echo told > $F/told\" TERM; echo $$ > $F/left; until [ -e $F/go ]; do sleep 0.05; done' & \
                until [ -e $F/left ]; do sleep 0.05; done";
    let mut run = masters.begin(&["job", "--ttl", "50s", "--grace", "25s"], left)?;
    masters.said("told");
    assert_eq!(masters.keys("job"), 3, "the command has ended, and it is still held");
    std::fs::write(masters.folder.path().join("go"), "")?;
    assert_eq!(ended(&mut run)?.0, 0);
    gone(&masters.said("left"));
    assert_eq!(masters.keys("job"), 0);
    Ok(())
}

#[test]
fn run_8_two_exclude_each_other_and_tokens_rise() -> Result<()> {
    let masters = Masters::start()?;
    let script = "mkdir $F/inside || exit 9; echo $SLUICE_FENCE >> $F/tokens; sleep 0.1; rmdir $F/inside";
    let mut runs = Vec::new();
    for _ in 0..6 {
        runs.push(masters.begin(&["job", "--wait", "100s"], script)?);
    }
    for run in &mut runs {
        let (code, said) = ended(run)?;
        assert_eq!(code, 0, "{said}");
    }
    let tokens: Vec<u64> = masters.said("tokens").lines().map(str::parse).collect::<Result<_, _>>()?;
    assert!(tokens.len() == 6 && tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");
    Ok(())
}

#[test]
fn slots_are_had_by_as_many_as_there_are_and_their_number_is_agreed_on() -> Result<()> {
    let masters = Masters::start()?;
    let hold = "echo $SLUICE_LOCK_NAME > $F/$N; while :; do sleep 1; done";
    let _held = ["a", "b"].map(|n| masters.begin(&["pool", "-n", "2"], &format!("N={n}; {hold}")).unwrap());
    let mut names = [masters.said("a"), masters.said("b")];
    names.sort_unstable();
    assert_eq!(names, ["pool#0", "pool#1"]);
    let run = |n: &str| {
        masters.sluice.run(&["lock", "run", "pool", "-n", n, "--try", "--masters", &masters.urls, "--", "true"])
    };
    assert_eq!(run("2")?.code, 4, "both are taken");
    let other = run("3")?;
    assert!(other.code == 2 && other.stderr.contains("pool has 2 slots for those who share it"), "{other:?}");
    Ok(())
}

#[test]
fn a_lock_is_listed_shown_and_taken_away_and_its_holder_told_why() -> Result<()> {
    let masters = Masters::start()?;
    let with = |args: &[&str]| [&["lock"], args, &["--masters", &masters.urls]].concat().join("\n");
    let run = |args: &[&str]| masters.sluice.run(&with(args).split('\n').collect::<Vec<_>>());
    let json = |args: &[&str]| masters.sluice.json(&with(args).split('\n').collect::<Vec<_>>());
    let mut holder = masters.begin(&["job"], "echo $SLUICE_FENCE > $F/token; while :; do sleep 1; done")?;
    let token: u64 = masters.said("token").parse()?;
    // Who holds it is noted while the command runs already.
    let listed = wait_for("the holder to be noted", || {
        let listed = json(&["ls"]).ok()?;
        listed["items"][0]["holder"].is_string().then_some(listed)
    });
    let lock = &listed["items"][0];
    assert_eq!(
        (lock["name"].as_str(), lock["votes"].as_str(), lock["token"].as_u64()),
        (Some("job"), Some("3/3"), Some(token))
    );
    assert!(lock["holder"].as_str().unwrap_or_default().starts_with("tester@"), "{lock}");
    let shown = json(&["show", "job"])?;
    assert_eq!((shown["kind"].as_str(), shown["held"].as_bool()), (Some("Lock"), Some(true)));
    assert_eq!(run(&["show", "nobody"])?.code, 1);
    assert_eq!(run(&["break", "job"])?.code, 2, "it is asked for");
    assert_eq!(run(&["break", "job", "--yes", "--reason", "in the way"])?.code, 0);
    let (code, said) = ended(&mut holder)?;
    assert!(code == 4 && said.contains("tester took it away: in the way"), "{code} {said}");
    assert_eq!(run(&["doctor"])?.code, 0);
    Ok(())
}

#[test]
fn masters_that_are_new_or_away_are_told_with_what_to_do() -> Result<()> {
    let fresh = Server::with(&[])?;
    let folder = tempfile::tempdir()?;
    let sluice = Sluice::new(&fresh.url(), "shop", folder.path());
    let refused = sluice.run(&["lock", "run", "job", "--try", "--", "true"])?;
    assert!(refused.code == 4 && refused.stderr.contains("sluice lock init"), "{refused:?}");
    assert_eq!(sluice.run(&["lock", "doctor"])?.code, 1);
    assert_eq!(sluice.run(&["lock", "init"])?.code, 2);
    sluice.ok(&["lock", "init", "--yes"])?;
    sluice.ok(&["lock", "run", "job", "--", "true"])?;
    let mut masters = Masters::start()?;
    masters.servers[0].kill()?;
    masters.servers[1].kill()?;
    let away = masters.sluice.run(&["lock", "run", "job", "--try", "--masters", &masters.urls, "--", "true"])?;
    assert!(away.code == 3 && away.stderr.contains("2 must"), "{away:?}");
    Ok(())
}

#[test]
fn hosts_take_their_leases_over_masters_and_go_on_from_those_of_redis() -> Result<()> {
    let masters = Masters::start()?;
    let fleet = Fleet::start(0)?;
    let put = |value: &str| fleet.sluice.ok(&["put", "a", value]);
    put("1")?;
    // A snapshot by a token of the space's Redis is the one that is there.
    fleet.sluice.ok(&["snapshot", "write"])?;
    let keeper = "[keeper]\nlook_ms = 200\nage_ms = 0\nbehind = 1\ntick_ms = 0\n[disk]\nprobation_ms = 0\n";
    let list = masters.urls.split(',').map(|url| format!("{url:?}")).collect::<Vec<_>>().join(",");
    let settings = fleet.file("locks.toml", format!("{keeper}[locks]\nmasters = [{list}]\n"))?;
    let check = fleet.sluice.run(&[
        "host",
        "check",
        "--id",
        "edge-1",
        "--data",
        &fleet.file("c/x", "")?,
        "--settings",
        &settings,
    ])?;
    assert!(check.stdout.contains("3 of 3 masters answer, 3 have a vote"), "{check:?}");
    let data = fleet.folder.path().join("edge-1");
    let mut command = Host::command(&fleet.sluice, "edge-1", &data, &["--settings", &settings])?;
    let host = Host::of(Process::start(&mut command)?, "edge-1", data)?;
    let shelf = |count: usize| {
        wait_for("a snapshot by a token of the masters", || {
            let listed = fleet.sluice.json(&["snapshot", "ls"]).ok()?;
            (listed["items"].as_array()?.len() > count).then_some(listed)
        })
    };
    put("2")?;
    shelf(1);
    let register = masters.servers[0].cli(&["EXISTS", "sluice:lock:fence:sluice:{shop}:lock:snapshot"])?;
    assert_eq!(register, "1", "its token came from the masters");
    let metrics = String::from_utf8(host.get("/metrics")?.1)?;
    assert!(metrics.contains("sluice_lock_masters{standing=\"voting\"} 3"), "{metrics}");
    // And back: a command takes the lease of the space's Redis.
    fleet.sluice.ok(&["snapshot", "write"])?;
    Ok(())
}
