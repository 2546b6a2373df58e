//! `sluice lock-warden`: leads the process group of a command under a lock, and kills it when `lock run` cannot.
//!
//! It is there before the command is, and the group has its number: so there is no moment in which the command is in nobody's
//! charge, and no other group can get that number. Its orders come on stdin, a line each:
//!
//! ```text
//!   until MS     kill the group then, by the clock that goes on while the machine sleeps
//!   command PID  the command, should it leave the group
//!   leave        the command has ended: leave the group, so that it shows whether others are left in it
//!   done         end; nothing is left
//! ```
//!
//! When stdin ends, `lock run` was killed: so is the group.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use rustix::process::{Pid, Signal, getpgid, getpgrp, getpid, getppid, kill_process_group, setpgid};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::sleep;

use super::signals;
use crate::exit::{Ended, usage};
use crate::wiring::edges::{Clock as _, Machine};

/// The clock of the runtime stands still while the machine sleeps: the other one is looked at this often.
const LOOK: Duration = Duration::from_millis(200);

/// The life of a warden.
pub fn run() -> Result<Ended> {
    if getpgrp() != getpid() {
        return Err(usage("lock-warden is started by sluice lock run, in a group of its own: nobody types it"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(watch());
    // A read of stdin may still be under way.
    runtime.shutdown_background();
    ended
}

async fn watch() -> Result<Ended> {
    // What the group is told is for the command.
    signals::pass_over()?;
    let home = getpgid(getppid());
    let mut stdout = std::io::stdout();
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    let (mut until_ms, mut command) = (u64::MAX, None);
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let left = Duration::from_millis(until_ms.saturating_sub(Machine.now_ms()));
        if left.is_zero() {
            kill(command);
        }
        tokio::select! {
            order = orders.next_line() => match order {
                Ok(Some(order)) => match order.split_once(' ').unwrap_or((&order, "")) {
                    ("until", ms) => until_ms = ms.parse()?,
                    ("command", id) => command = Pid::from_raw(id.parse()?),
                    // Where to is of no matter, as long as it is not here.
                    ("leave", _) => drop(home.map(|home| setpgid(None, Some(home)))),
                    ("done", _) => return Ok(Ended::Yes),
                    (other, _) => return Err(usage(format!("{other:?} is no order"))),
                },
                Ok(None) | Err(_) => {
                    kill(command);
                    return Ok(Ended::Yes);
                }
            },
            () = sleep(LOOK.min(left)) => (),
        }
    }
}

/// The group, and so oneself, unless one has left it. What is gone already cannot be killed.
fn kill(command: Option<Pid>) {
    // An interactive shell makes a group of its own.
    if let Some(Ok(own)) = command.map(|id| getpgid(Some(id)))
        && Some(own) == command
    {
        let _ = kill_process_group(own, Signal::KILL);
    }
    let _ = kill_process_group(getpid(), Signal::KILL);
}
