//! One master of a lock, as its task works for it: a queue, and a connection that is opened again and again.
//!
//! Questions go out in the order they came, over one connection, and none is ever taken back once it is written. When
//! the connection ends, what was not answered has failed, but for releases: they are kept until the server acknowledged
//! them or the lock has run out there by itself. Nothing else is asked twice. A word set over a connection that was given up
//! could arrive behind its release over the next; so the next begins by killing the one before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_lock::admission::{Gate, Standing, Witness};
use sluice_lock::{Ask, Bounds, Reply};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::clock::Clock;
use super::connection::{Connection, Greeting};
use super::errand::{Errand, Master, Said};
use super::scripts::{Call, Script, numbers, reply};
use crate::address::Address;
use crate::trouble::Trouble;

/// Between two attempts to connect, in ms.
const AGAIN_MS: u64 = 100;
const AGAIN_MAX_MS: u64 = 2_000;

/// What its task has.
pub(super) struct Task {
    pub place: usize,
    pub address: Address,
    pub bounds: Bounds,
    pub connect: Duration,
    /// How long a connection may be silent with a question open.
    pub silence: Duration,
    pub clock: Arc<dyn Clock>,
    /// Asked to admit this master: it asks the others.
    pub admissions: mpsc::UnboundedSender<usize>,
    pub errands: mpsc::UnboundedReceiver<Errand>,
    pub said: Arc<Mutex<Said>>,
    gate: Gate,
    before: Option<Greeting>,
    queue: VecDeque<Errand>,
    /// Nobody is there any more to ask anything.
    is_ended: bool,
}

impl Task {
    pub fn start(
        place: usize,
        address: Address,
        bounds: Bounds,
        (connect, silence): (Duration, Duration),
        clock: Arc<dyn Clock>,
        admissions: mpsc::UnboundedSender<usize>,
    ) -> Master {
        // Unbounded on purpose: what comes in is a few questions for each lock there is, and a drop must not wait.
        let (sender, errands) = mpsc::unbounded_channel();
        let said = Arc::new(Mutex::new(Said::default()));
        let master = Master { errands: sender, said: said.clone() };
        let (gate, before, queue, is_ended) = (Gate::default(), None, VecDeque::new(), false);
        let task = Task {
            place,
            address,
            bounds,
            connect,
            silence,
            clock,
            admissions,
            errands,
            said,
            gate,
            before,
            queue,
            is_ended,
        };
        tokio::spawn(task.run());
        master
    }

    async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            let opened = {
                let open = Connection::open(&self.address, self.connect, self.before.as_ref());
                tokio::pin!(open);
                loop {
                    tokio::select! {
                        opened = &mut open => break opened,
                        errand = self.errands.recv(), if !self.is_ended => match errand {
                            Some(errand) => self.queue.push_back(errand),
                            None => self.is_ended = true,
                        },
                    }
                    if self.is_ended && self.queue.is_empty() {
                        return;
                    }
                }
            };
            let trouble = match opened {
                Ok(connection) => {
                    failures = 0;
                    self.serve(connection).await
                }
                Err(trouble) => trouble,
            };
            self.say(|said| *said = Said { standing: None, trouble: Some(trouble.words()) });
            self.fail_queue();
            let window_ms = (AGAIN_MS << failures.min(6)).min(AGAIN_MAX_MS);
            failures += 1;
            let again = Instant::now() + Duration::from_millis(fastrand::u64(window_ms / 2..=window_ms));
            if !self.rest(again).await {
                return;
            }
        }
    }

    /// Waits for the next attempt. What comes in meanwhile fails at once, so that others are not kept waiting. False when
    /// nobody is there any more and nothing is owed.
    async fn rest(&mut self, again: Instant) -> bool {
        while !(self.is_ended && self.queue.is_empty()) {
            tokio::select! {
                () = sleep_until(again) => return true,
                errand = self.errands.recv(), if !self.is_ended => match errand {
                    Some(errand) => {
                        self.queue.push_back(errand);
                        self.fail_queue();
                    }
                    None => self.is_ended = true,
                },
            }
        }
        false
    }

    /// All but releases that are still owed.
    fn fail_queue(&mut self) {
        let now_ms = self.clock.now_ms();
        for errand in std::mem::take(&mut self.queue) {
            match errand {
                Errand::Ask { ask: Ask::Release { .. }, until_ms, .. } if now_ms < until_ms => {
                    self.queue.push_back(errand);
                }
                Errand::Ask { serial, answers, .. } => drop(answers.send((self.place, serial, Reply::Failed))),
                Errand::Witness(_) | Errand::Admit(_) | Errand::Bootstrap(..) => (),
            }
        }
    }

    /// Works over one connection until it ends.
    async fn serve(&mut self, mut connection: Connection) -> Trouble {
        let greeting = connection.greeting.clone();
        let mut standing = self.gate.see(&greeting.seen, &self.bounds, self.clock.now_ms());
        self.before = Some(greeting);
        self.say(|said| *said = Said { standing: Some(standing), trouble: None });
        let mut open: VecDeque<(Call, Errand, Instant)> = VecDeque::new();
        let mut admits = self.opens(standing);
        let trouble = loop {
            while let Some(errand) = self.queue.pop_front() {
                let call = self.call(&errand);
                connection.write(&call.packed(Some(&connection.hashes)));
                open.push_back((call, errand, Instant::now()));
            }
            if self.is_ended && open.is_empty() {
                break Trouble::HungUp;
            }
            let silent = open.front().map(|(.., asked)| *asked.max(&connection.heard) + self.silence);
            tokio::select! {
                exchanged = connection.exchange() => match exchanged {
                    Err(trouble) => break trouble,
                    Ok(replies) => for answer in replies {
                        let Some((call, errand, _)) = open.pop_front() else { continue };
                        match answer {
                            Err(line) if line.starts_with("NOSCRIPT") => {
                                // Somebody flushed the scripts. In order still: all behind it have met the same.
                                connection.write(&call.packed(None));
                                open.push_back((call, errand, Instant::now()));
                            }
                            answer => {
                                let now = self.answered(&call, errand, answer, standing);
                                if now != standing {
                                    (standing, admits) = (now, self.opens(now));
                                    self.say(|said| said.standing = Some(now));
                                }
                            }
                        }
                    },
                },
                errand = self.errands.recv(), if !self.is_ended => match errand {
                    Some(errand) => self.queue.push_back(errand),
                    None => self.is_ended = true,
                },
                () = sleep_until(admits), if standing != Standing::Admitted => {
                    let _ = self.admissions.send(self.place);
                    admits = Instant::now() + Duration::from_millis(500);
                },
                () = sleep_until(silent.unwrap_or_else(Instant::now)), if silent.is_some() => {
                    break crate::wire::late(self.silence);
                },
            }
        };
        // Oldest first, before what came later.
        open.into_iter().rev().for_each(|(_, errand, _)| self.queue.push_front(errand));
        trouble
    }

    fn call(&self, errand: &Errand) -> Call {
        let run = self.before.as_ref().map(|greeting| greeting.seen.run.as_str()).unwrap_or_default();
        match errand {
            Errand::Ask { ask, .. } => Call::ask(ask, run),
            Errand::Witness(_) => Call::witness(run),
            Errand::Admit(floor) | Errand::Bootstrap(floor, _) => Call::admit(run, *floor),
        }
    }

    /// Hands an answer on, and gives where the master stands by it.
    fn answered(
        &self,
        call: &Call,
        errand: Errand,
        answer: Result<redis::Value, String>,
        standing: Standing,
    ) -> Standing {
        let answer = answer.map_err(|line| Trouble::said(&line)).and_then(|value| numbers(&value));
        let numbers = match answer {
            Ok(numbers) => numbers,
            Err(trouble) => {
                // Out of memory, a replica, a right that is missing: its vote is no.
                self.say(|said| said.trouble = Some(trouble.words()));
                Vec::new()
            }
        };
        let mut now = standing;
        match errand {
            Errand::Ask { serial, answers, .. } => {
                let reply = reply(call.script, &numbers);
                match (&reply, call.script) {
                    (Reply::Taken { .. }, _) => now = Standing::Admitted,
                    (Reply::Unadmitted, _) if standing == Standing::Admitted => {
                        // It forgot its mark without a restart: somebody flushed it.
                        now = Standing::Gated { opens_ms: self.clock.now_ms() + self.bounds.ttl_max_ms };
                    }
                    _ => (),
                }
                drop(answers.send((self.place, serial, reply)));
            }
            Errand::Witness(tell) => {
                if let [is_admitted, high] = numbers[..] {
                    let _ = tell.send(Witness { is_admitted: is_admitted == 1, high: high.unsigned_abs() });
                }
            }
            Errand::Admit(_) if call.script == Script::Admit && numbers == [1] => now = Standing::Admitted,
            Errand::Bootstrap(_, tell) if numbers == [1] => {
                now = Standing::Admitted;
                let _ = tell.send(());
            }
            Errand::Admit(_) | Errand::Bootstrap(..) => (),
        }
        now
    }

    fn opens(&self, standing: Standing) -> Instant {
        match standing {
            Standing::Admitted => Instant::now(),
            Standing::Gated { opens_ms } => {
                Instant::now() + Duration::from_millis(opens_ms.saturating_sub(self.clock.now_ms()))
            }
        }
    }

    fn say(&self, what: impl FnOnce(&mut Said)) {
        what(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
