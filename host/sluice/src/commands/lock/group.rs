//! The process group of a command under a lock, with the warden that leads it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpgid, getpid, kill_process_group, set_child_subreaper,
    test_kill_process_group, waitpgid, waitpid,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;

/// How long a warden may take to be there.
const READY: Duration = Duration::from_secs(10);

/// The group. All in it are ours to reap: who loses its parent becomes our child.
pub struct Group {
    /// Its number, which is that of the warden.
    pub id: Pid,
    orders: ChildStdin,
    command: Option<Pid>,
}

/// What became of the command.
pub enum Change {
    /// It ended.
    Ended(WaitStatus),
    /// It was stopped, and may go on.
    Stopped,
}

impl Group {
    /// A group with a warden, and nobody else in it.
    pub async fn begin() -> Result<Group> {
        set_child_subreaper(Some(getpid()))?;
        // Of this very program, also when an upgrade has put another in its place.
        let mut command = Command::new("/proc/self/exe");
        command.arg("lock-warden").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut warden = command.spawn().context("cannot start the warden of the command")?;
        let orders = ChildStdin::from_std(warden.stdin.take().expect("it is piped"))?;
        let answers = ChildStdout::from_std(warden.stdout.take().expect("it is piped"))?;
        let id = Pid::from_child(&warden);
        let mut lines = BufReader::new(answers).lines();
        match timeout(READY, lines.next_line()).await {
            Ok(Ok(Some(_))) => Ok(Group { id, orders, command: None }),
            Ok(Ok(None) | Err(_)) => bail!("the warden of the command ended at once"),
            Err(_) => bail!("the warden of the command was not there within {READY:?}"),
        }
    }

    /// Starts the command in it.
    pub async fn start(&mut self, command: &mut Command) -> io::Result<()> {
        let child = command.process_group(self.id.as_raw_pid()).spawn()?;
        let id = Pid::from_child(&child);
        self.command = Some(id);
        self.order(&format!("command {}", id.as_raw_pid())).await;
        Ok(())
    }

    /// All in it die then, by the machine's clock, unless another time is said before.
    pub async fn until(&mut self, ms: u64) {
        self.order(&format!("until {ms}")).await;
    }

    /// The command has ended: from now on it shows whether others are left.
    pub async fn leave(&mut self) {
        self.order("leave").await;
    }

    /// Ends the warden. Nobody else may be left.
    pub async fn done(mut self) {
        self.order("done").await;
        drop(self.orders);
        let id = self.id;
        // One that was killed was reaped with the others.
        drop(tokio::task::spawn_blocking(move || waitpid(Some(id), WaitOptions::empty())).await);
    }

    /// Sends a signal to all in it, and to the command if that has left it. Nobody may be left to hear it.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.id, signal);
        // An interactive shell makes a group of its own.
        if let Some(own) = self.command
            && getpgid(Some(own)) == Ok(own)
        {
            let _ = kill_process_group(own, signal);
        }
    }

    /// Reaps those that ended, and says what became of the command.
    pub fn reap(&mut self) -> Option<Change> {
        let mut change = None;
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        while let Ok(Some((id, status))) = waitpgid(self.id, options) {
            self.see(id, status, &mut change);
        }
        if let Some(command) = self.command
            && let Ok(Some((id, status))) = waitpid(Some(command), options)
        {
            self.see(id, status, &mut change);
        }
        change
    }

    fn see(&mut self, id: Pid, status: WaitStatus, change: &mut Option<Change>) {
        if self.command == Some(id) {
            *change = Some(if status.stopped() { Change::Stopped } else { Change::Ended(status) });
            if !status.stopped() {
                self.command = None;
            }
        }
    }

    /// Whether nobody is left in it. The warden counts until it has left.
    pub fn is_empty(&self) -> bool {
        self.command.is_none() && test_kill_process_group(self.id) == Err(Errno::SRCH)
    }

    async fn order(&mut self, order: &str) {
        // A warden that is gone was killed, with the group or by somebody's hand: we are still here.
        drop(self.orders.write_all(format!("{order}\n").as_bytes()).await);
    }
}
