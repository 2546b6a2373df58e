//! One wish for a lock, from the first question to the last release.

use crate::attempt::ROUNDS_MAX;
use crate::hold::Taken;
use crate::{Ask, Attempt, Bounds, Decision, Hold, Loss, Refused, Renewal, Reply, Terms, Word};

/// Time and chance, which only the caller has.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By a clock that never jumps and goes on while the machine sleeps (`CLOCK_BOOTTIME`), in ms.
    pub now_ms: u64,
    /// The wall clock, in us since 1970: tokens begin with it, and nothing depends on it but how soon a token is granted.
    pub wall_us: u64,
    /// Fresh for each moment.
    pub chance: u128,
}

/// A question that must be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To which master.
    pub master: usize,
    /// What its answer is handed back with.
    pub serial: u64,
    /// The question.
    pub ask: Ask,
}

/// One wish for a lock.
#[derive(Clone, Debug)]
pub struct Lock {
    terms: Terms,
    bounds: Bounds,
    began_ms: u64,
    tries: u32,
    /// The highest token seen.
    register: u64,
    /// Questions of this stage are numbered from here.
    serial: u64,
    stage: Stage,
    report: Report,
    outgoing: Vec<Outgoing>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The masters are asked for it.
    Taking(Attempt),
    /// They will be asked again then.
    Pausing {
        /// In ms.
        until_ms: u64,
    },
    /// It is held.
    Held(Hold),
    /// It was not had.
    Refused(Refused),
    /// It was had, and is no more.
    Lost(Loss),
    /// It was had, and given back; or the wish was.
    Released,
}

/// What came of giving a lock back, by master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// It was there, and is not any more.
    pub deleted: usize,
    /// It was not there: it had run out, or had never been.
    pub gone: usize,
    /// No answer yet, or none. What is there is given back later, or runs out by itself.
    pub unreachable: usize,
}

impl Lock {
    /// Begins to wish. `register` is the highest token this process has seen.
    pub fn begin(terms: Terms, bounds: Bounds, register: u64, moment: &Moment) -> Lock {
        let stage = Stage::Pausing { until_ms: moment.now_ms };
        let (began_ms, report) = (moment.now_ms, Report::default());
        let mut lock =
            Lock { terms, bounds, began_ms, tries: 0, register, serial: 0, stage, report, outgoing: Vec::new() };
        lock.take(moment);
        lock
    }

    /// How far it is.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The highest token seen.
    pub fn register(&self) -> u64 {
        self.register
    }

    /// How often all masters were asked for it.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Who answered the last release, so far.
    pub fn report(&self) -> Report {
        self.report
    }

    /// Whether it is over and nothing is waited for.
    pub fn is_done(&self) -> bool {
        let Report { deleted, gone, unreachable } = self.report;
        let is_over = matches!(self.stage, Stage::Refused(_) | Stage::Lost(_) | Stage::Released);
        is_over && deleted + gone + unreachable >= self.bounds.masters
    }

    /// What must be sent, in this order.
    pub fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }

    /// When [`Lock::on_time`] has something to do, in ms; none: never.
    pub fn wake_ms(&self) -> Option<u64> {
        match &self.stage {
            Stage::Taking(attempt) => Some(attempt.late_ms()),
            Stage::Pausing { until_ms } => Some(*until_ms),
            Stage::Held(hold) => Some(hold.wake_ms()),
            Stage::Refused(_) | Stage::Lost(_) | Stage::Released => None,
        }
    }

    /// Looks at the clock.
    pub fn on_time(&mut self, moment: &Moment) {
        match &mut self.stage {
            Stage::Taking(attempt) => {
                let decision = attempt.on_time(moment.now_ms);
                self.decide(decision, moment);
            }
            Stage::Pausing { until_ms } if moment.now_ms >= *until_ms => self.take(moment),
            Stage::Held(hold) => {
                if let Some((round, ask)) = hold.on_time(moment.now_ms) {
                    self.ask_all(self.serial + round, &ask);
                }
                self.end_if_lost();
            }
            Stage::Pausing { .. } | Stage::Refused(_) | Stage::Lost(_) | Stage::Released => (),
        }
    }

    /// Somebody says that it may be free: a pause is over.
    pub fn on_hint(&mut self, moment: &Moment) {
        if matches!(self.stage, Stage::Pausing { .. }) {
            self.take(moment);
        }
    }

    /// Takes a master's answer to the question of that number.
    pub fn on_reply(&mut self, master: usize, serial: u64, reply: &Reply, moment: &Moment) {
        let Some(round) = serial.checked_sub(self.serial) else { return };
        match &mut self.stage {
            Stage::Taking(attempt) if round < ROUNDS_MAX => {
                let decision = attempt.on_reply(master, round, reply, moment.now_ms);
                self.decide(decision, moment);
            }
            Stage::Held(hold) => {
                for (master, ask) in hold.on_reply(master, round, reply, moment.now_ms) {
                    // Nothing hangs on the answer: the next round tells.
                    self.outgoing.push(Outgoing { master, serial: 0, ask });
                }
                self.end_if_lost();
            }
            Stage::Refused(_) | Stage::Lost(_) | Stage::Released if round == 0 => match reply {
                Reply::Released(true) => self.report.deleted += 1,
                Reply::Released(false) => self.report.gone += 1,
                _ => self.report.unreachable += 1,
            },
            Stage::Taking(_) | Stage::Pausing { .. } | Stage::Refused(_) | Stage::Lost(_) | Stage::Released => (),
        }
    }

    /// Extends it now, and not only when that is due.
    pub fn extend(&mut self, moment: &Moment) {
        if let Stage::Held(hold) = &mut self.stage {
            let (round, ask) = hold.extend(moment.now_ms);
            self.ask_all(self.serial + round, &ask);
        }
    }

    /// Gives it back, or the wish up.
    pub fn release(&mut self) {
        match &self.stage {
            Stage::Taking(attempt) => self.end(Stage::Released, attempt.word()),
            Stage::Held(hold) => self.end(Stage::Released, hold.word()),
            Stage::Pausing { .. } => {
                self.stage = Stage::Released;
                self.report.gone = self.bounds.masters;
            }
            Stage::Refused(_) | Stage::Lost(_) | Stage::Released => (),
        }
    }

    /// Loses it, because an operator says so.
    pub fn revoke(&mut self) {
        if let Stage::Held(hold) = &mut self.stage {
            hold.lose(Loss::Revoked);
        }
        self.end_if_lost();
    }

    fn take(&mut self, moment: &Moment) {
        self.tries += 1;
        self.serial += ROUNDS_MAX;
        let token = moment.wall_us.max(self.register + 1);
        let (names, ttl_ms) = (&self.terms.names, self.terms.ttl_ms);
        // A word of its own for each try: one that was taken late must not look like ours.
        let word = Word(moment.chance);
        let (attempt, ask) = Attempt::begin(&self.bounds, names, ttl_ms, word, token, moment.now_ms);
        self.stage = Stage::Taking(attempt);
        self.ask_all(self.serial, &ask);
    }

    fn decide(&mut self, decision: Decision, moment: &Moment) {
        let Stage::Taking(attempt) = &self.stage else { return };
        let word = attempt.word();
        self.register = self.register.max(attempt.register());
        match decision {
            Decision::Open => (),
            Decision::Ask(round, asks) => {
                let serial = self.serial + round;
                self.outgoing.extend(asks.into_iter().map(|(master, ask)| Outgoing { master, serial, ask }));
            }
            Decision::Held { deadline_ms, token } => {
                let total_ms = match self.terms.renewal {
                    Renewal::Auto { total_ms } => Some(total_ms),
                    Renewal::Never => None,
                };
                let (names, ttl_ms) = (self.terms.names.clone(), self.terms.ttl_ms);
                let taken = Taken { names, word, token, ttl_ms, deadline_ms };
                self.stage = Stage::Held(Hold::begin(&self.bounds, taken, moment.now_ms, total_ms));
                self.serial += ROUNDS_MAX;
            }
            Decision::Refused(refused) => {
                let took_ms = moment.now_ms.saturating_sub(attempt.began_ms());
                self.end(Stage::Refused(refused), word);
                let end_ms = self.began_ms.saturating_add(self.terms.wait_ms);
                if moment.now_ms < end_ms {
                    let until_ms = moment.now_ms + refused.pause_ms(self.tries, took_ms, moment.chance);
                    self.stage = Stage::Pausing { until_ms: until_ms.min(end_ms) };
                }
            }
        }
    }

    fn end_if_lost(&mut self) {
        if let Stage::Held(hold) = &self.stage
            && let Some(loss) = hold.loss()
        {
            self.end(Stage::Lost(loss), hold.word());
        }
    }

    /// Whatever was or may yet be taken is given back, by all: also by those that said no or nothing.
    fn end(&mut self, stage: Stage, word: Word) {
        // Answers to rounds still open fall behind this number.
        self.serial += u64::from(u32::MAX);
        self.report = Report::default();
        self.stage = stage;
        self.ask_all(self.serial, &Ask::Release { names: self.terms.names.clone(), word });
    }

    fn ask_all(&mut self, serial: u64, ask: &Ask) {
        let asks = (0..self.bounds.masters).map(|master| Outgoing { master, serial, ask: ask.clone() });
        self.outgoing.extend(asks);
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
