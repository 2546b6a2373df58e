//! `sluice lock run`: a command under a lock, which does not outlive it.
//!
//! ```text
//!   wait for the lock ──a signal──▶ end at once
//!     │ had
//!   command runs ──it ends──▶ what it left behind is stopped ──nobody is left──▶ give the lock back
//!     │ the lock is lost, or about to be                                           ▲
//!   SIGTERM ──▶ SIGKILL before the lock ends ──────────────────────────────────────┘
//! ```
//!
//! The lock is never given back while anybody of the command's group lives. Should this process be killed or stopped, the
//! warden kills the group (`warden`).

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, anyhow};
use rustix::process::{Signal, WaitStatus, getpid, kill_process};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::group::Group;
use super::signals::{Signals, is_end};
use super::terminal::Terminal;
use super::watch::Watch;
use super::wish::Wish;
use super::{settings, without_vote};
use crate::cli::LockRun;
use crate::exit::{Ended, away, raced, usage};
use crate::space::Context;
use crate::wiring::edges::{
    Census, Clock as _, Guard, LockError, LockSettings, Machine, MasterStanding, Redlock, Refused,
};
use crate::wiring::locks;

/// After so long people are told what is waited for.
const TELL_AFTER: Duration = Duration::from_secs(1);
/// How long masters that answer are given for what was given back, and for notes beside a lock.
const CLOSE: Duration = Duration::from_millis(500);

pub fn run(context: &Context, args: &LockRun) -> Result<Ended> {
    let wish = Wish::of(args)?;
    let settings = settings(context, &args.masters)?;
    context.run_unbounded(async {
        let mut signals = Signals::listen()?;
        let census = Census::new(&settings).map_err(usage)?;
        let redlock = locks::redlock(&settings)?;
        let had = tokio::select! {
            had = have(&wish, &census, &redlock, &settings) => had,
            ended = told_to_end(&mut signals) => Ok(Err(ended)),
            never = tell(context, &wish, &redlock, &settings) => never,
        };
        let ended = match had {
            Ok(Ok((guard, names))) => held(args, &wish, &census, (guard, names), &mut signals).await,
            // As a shell says it of who dies of a signal.
            Ok(Err(signal)) => Ok(Ended::Code(128 + signal.as_raw() as u8)),
            Err(error) => Err(error),
        };
        // What was given back is on its way to all masters.
        drop(timeout(CLOSE, redlock.close()).await);
        ended
    })
}

type Had = Result<Result<(Guard, Vec<String>), Signal>>;

async fn have(wish: &Wish, census: &Census, redlock: &Redlock, settings: &LockSettings) -> Had {
    wish.agree(census).await?;
    locks::connected(redlock, settings.masters.len() / 2 + 1, Duration::from_millis(settings.connect_ms)).await;
    wish.have(redlock).await.map(Ok).map_err(|error| not_had(wish, &error, redlock, settings))
}

fn not_had(wish: &Wish, error: &LockError, redlock: &Redlock, settings: &LockSettings) -> anyhow::Error {
    let name = wish.names.join(" ");
    let without = without_vote(redlock).join("; ");
    match error {
        LockError::Terms(terms) => usage(terms),
        LockError::Refused(Refused::NoQuorum { .. }) => {
            away(format!("the lock {name} was not had: {error}: {without}"))
        }
        LockError::Refused(Refused::Unadmitted { .. }) => {
            raced(format!("the lock {name} was not had: {without}: {}", remedy(settings)))
        }
        LockError::Refused(Refused::Taken { .. } | Refused::Late | Refused::Outbid) => {
            raced(format!("{name}: {error}"))
        }
    }
}

fn remedy(settings: &LockSettings) -> String {
    let masters = settings.masters.len();
    let them = if masters == 1 { "this Redis is new and nobody holds" } else { "the masters are new and nobody holds" };
    format!("wait for it; or, if {them} a lock there, give the vote at once with sluice lock init")
}

/// Says what is waited for, once.
async fn tell(context: &Context, wish: &Wish, redlock: &Redlock, settings: &LockSettings) -> Had {
    sleep(TELL_AFTER).await;
    let standing = redlock.masters();
    let voting = standing.iter().filter(|(_, standing, _)| *standing == Some(MasterStanding::Admitted)).count();
    let name = wish.names.join(" ");
    match voting > standing.len() / 2 {
        true => context.output.remark(format_args!("waiting for the lock {name}")),
        false => {
            let without = without_vote(redlock).join("; ");
            let is_gated =
                standing.iter().any(|(_, standing, _)| standing.is_some_and(|one| one != MasterStanding::Admitted));
            let remedy = if is_gated { format!(": {}", remedy(settings)) } else { String::new() };
            context.output.remark(format_args!("waiting for the lock {name}: {without}{remedy}"));
        }
    }
    std::future::pending().await
}

/// Ends when a signal says so. One that stops us does.
async fn told_to_end(signals: &mut Signals) -> Signal {
    loop {
        match signals.next().await {
            Signal::TSTP => {
                let _ = kill_process(getpid(), Signal::STOP);
            }
            signal if is_end(signal) => return signal,
            _ => (),
        }
    }
}

/// The lock is held: runs the command, and gives the lock back when nobody of it is left.
async fn held(
    args: &LockRun,
    wish: &Wish,
    census: &Census,
    (guard, names): (Guard, Vec<String>),
    signals: &mut Signals,
) -> Result<Ended> {
    let noting = note(census, &guard, args);
    let group = Group::begin().await?;
    let terminal = Terminal::lend(group.id);
    let mut watch = Watch {
        wish,
        guard: &guard,
        group,
        terminal,
        deadline_ms: 0,
        loss: None,
        is_gone: false,
        kill_ms: None,
        ended: None,
    };
    watch.look().await;
    let mut command = command(args, &guard, &names);
    let started = match &watch.loss {
        None => watch.group.start(&mut command).await,
        Some(_) => Ok(()),
    };
    if started.is_ok() && watch.loss.is_none() {
        watch.terminal.iter().for_each(Terminal::keep_hold);
        watch.until_all_ended(signals).await;
    }
    let Watch { group, terminal, loss, is_gone, ended, .. } = watch;
    drop(terminal);
    noting.abort();
    let (word, name) = (guard.word(), names.join(" "));
    let forgetting = timeout(CLOSE, census.forget_holder(&word));
    let _ = tokio::join!(guard.release(), forgetting, group.done());
    if let Err(error) = started {
        eprintln!("error: cannot run {}: {error}", args.command[0].display());
        return Ok(Ended::Code(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }));
    }
    let ended = ended.and_then(code);
    let Some(loss) = loss else {
        return ended.map(Ended::Code).ok_or_else(|| anyhow!("the command ended, and nobody knows how"));
    };
    let why = match is_gone {
        true => timeout(CLOSE, census.why_taken_away(&names[0])).await.ok().flatten(),
        false => None,
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let stopped = match ended {
        Some(code) => format!("and the command was stopped, with {code}"),
        None => "before the command was started".to_owned(),
    };
    Err(raced(format!("the lock {name} was lost, {stopped}: {loss}{why}")))
}

fn command(args: &LockRun, guard: &Guard, names: &[String]) -> Command {
    let mut command = match args.shell {
        true => {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(&args.command[0]).arg0("sh").arg("sh");
            shell
        }
        false => Command::new(&args.command[0]),
    };
    command.args(&args.command[1..]);
    let left = guard.check().unwrap_or_default().as_millis() as u64;
    let deadline_ms = Machine.wall_us() / 1000 + left;
    command.env("SLUICE_FENCE", guard.token().to_string());
    command.env("SLUICE_LOCK_NAME", names.join(","));
    command.env("SLUICE_LOCK_VALUE", guard.word());
    command.env("SLUICE_LOCK_DEADLINE_UNIX_MS", deadline_ms.to_string());
    command
}

/// Notes on the masters who holds the lock, for whoever lists them. The command does not wait for it.
fn note(census: &Census, guard: &Guard, args: &LockRun) -> JoinHandle<()> {
    let user = crate::settings::user_name().unwrap_or_else(|| "somebody".to_owned());
    let (machine, program) = (crate::settings::machine_name(), args.command[0].display());
    let who = format!("{user}@{machine}, process {}: {program}", getpid().as_raw_pid());
    let (census, word) = (census.clone(), guard.word());
    tokio::spawn(async move { census.note_holder(&word, &who).await })
}

/// As a shell says it.
fn code(status: WaitStatus) -> Option<u8> {
    let by_signal = status.terminating_signal().map(|signal| 128 + signal);
    by_signal.or(status.exit_status()).map(|code| code as u8)
}
