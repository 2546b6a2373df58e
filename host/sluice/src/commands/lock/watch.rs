//! What is seen to while a command runs under a lock: the clock, the group, signals.

use std::time::Duration;

use rustix::process::{Signal, WaitStatus, getpid, kill_process};
use tokio::time::sleep;

use super::group::{Change, Group};
use super::signals::Signals;
use super::terminal::Terminal;
use super::wish::Wish;
use crate::wiring::edges::{Clock as _, Guard, Loss, Machine};

/// The clock of the runtime stands still while the machine sleeps: the other one is looked at this often.
const LOOK: Duration = Duration::from_millis(200);
/// The same while the group ends.
const END_LOOK: Duration = Duration::from_millis(10);

/// What there is to see to while the command runs.
pub struct Watch<'a> {
    pub wish: &'a Wish,
    pub guard: &'a Guard,
    pub group: Group,
    pub terminal: Option<Terminal>,
    /// The end of the lock as last seen, in ms.
    pub deadline_ms: u64,
    /// Why it is held no longer, or was about to be.
    pub loss: Option<String>,
    pub is_gone: bool,
    /// When the group is killed, once it was told to stop, in ms.
    pub kill_ms: Option<u64>,
    pub ended: Option<WaitStatus>,
}

impl Watch<'_> {
    /// Until the command has ended, and nobody of its group is left.
    pub async fn until_all_ended(&mut self, signals: &mut Signals) {
        let lost = self.guard.lost();
        loop {
            self.look().await;
            match self.group.reap() {
                Some(Change::Ended(status)) => {
                    self.ended = Some(status);
                    self.group.leave().await;
                    // What it leaves behind does not know that it is alone.
                    self.stop();
                }
                // By ctrl-Z, which the terminal sends to the command alone.
                Some(Change::Stopped) if self.terminal.is_some() => self.pause(),
                Some(Change::Stopped) | None => (),
            }
            if self.ended.is_some() && self.group.is_empty() {
                return;
            }
            let pause = if self.kill_ms.is_some() { END_LOOK } else { self.pause_ms() };
            tokio::select! {
                signal = signals.next() => self.hand_on(signal),
                () = lost.cancelled(), if self.loss.is_none() => (),
                () = sleep(pause) => (),
            }
        }
    }

    /// Looks at the clock: tells the warden of an extension, and stops or kills the command when it is time.
    pub async fn look(&mut self) {
        match self.guard.check() {
            Ok(left) => {
                let left_ms = left.as_millis() as u64;
                let deadline_ms = Machine.now_ms() + left_ms;
                if deadline_ms > self.deadline_ms {
                    self.deadline_ms = deadline_ms;
                    // It comes after us, and before anybody else has the lock.
                    self.group.until(deadline_ms - self.wish.margin_ms / 2).await;
                }
                if left_ms <= self.wish.grace_ms && self.ended.is_none() {
                    self.lose("its time ran out, for too few masters answered to extend it");
                }
            }
            Err(loss) => {
                self.is_gone |= loss == Loss::Gone;
                self.lose(&loss.to_string());
            }
        }
        if self.kill_ms.is_some_and(|kill_ms| Machine.now_ms() >= kill_ms) {
            self.group.signal(Signal::KILL);
        }
    }

    fn lose(&mut self, why: &str) {
        if self.loss.is_none() && (self.ended.is_none() || !self.group.is_empty()) {
            self.loss = Some(why.to_owned());
            self.stop();
        }
    }

    /// Asks all of the group to end, once; they are killed a grace later, or before the lock ends.
    fn stop(&mut self) {
        if self.kill_ms.is_none() {
            self.kill_ms =
                Some((Machine.now_ms() + self.wish.grace_ms).min(self.deadline_ms.saturating_sub(self.wish.margin_ms)));
            self.group.signal(Signal::TERM);
            // One that is stopped hears nothing else.
            self.group.signal(Signal::CONT);
        }
    }

    fn pause_ms(&self) -> Duration {
        let due_ms = self.deadline_ms.saturating_sub(self.wish.grace_ms).saturating_sub(Machine.now_ms());
        LOOK.min(Duration::from_millis(due_ms.max(1)))
    }

    fn hand_on(&mut self, signal: Signal) {
        match signal {
            Signal::CHILD => (),
            Signal::TSTP => {
                self.group.signal(Signal::TSTP);
                self.pause();
            }
            signal => self.group.signal(signal),
        }
    }

    /// Stops us as the command is stopped, so that a shell gets its prompt back. The lock is not extended meanwhile: who is not
    /// brought back before it ends is killed by the warden.
    fn pause(&mut self) {
        self.terminal.iter().for_each(Terminal::take_back);
        let _ = kill_process(getpid(), Signal::STOP);
        self.terminal.iter().for_each(Terminal::lend_again);
        self.group.signal(Signal::CONT);
    }
}
