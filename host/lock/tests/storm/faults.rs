//! What happens to masters and processes: sleep, jumps of clocks, restarts, and admission after them.

use sluice_lock::Memory;
use sluice_lock::admission::{Seen, Standing, Witness, floor};

use crate::weather::Bug;
use crate::world::{CLIENTS, Event, TTL_MAX_MS, World};

impl World {
    pub fn fault(&mut self) {
        let most_us = if self.weather.is_slow { 1_500_000 } else { 4_000_000 };
        self.later(most_us, Event::Fault);
        match self.random.u8(0..4) {
            0 if self.weather.pauses => {
                let client = self.random.usize(..CLIENTS);
                self.clients[client].asleep_until = self.now_us + self.random.u64(0..TTL_MAX_MS * 3_000);
            }
            1 if self.weather.jumps => {
                let jump_us = self.random.i64(-60_000_000..60_000_000);
                match self.random.bool() {
                    true => {
                        let client = self.random.usize(..CLIENTS);
                        self.clients[client].wall_off_us += jump_us;
                    }
                    // Its own account of its age must be sound while it is not admitted.
                    false => {
                        let master = self.random.usize(..self.bounds.masters);
                        if self.masters[master].is_admitted() {
                            self.masters[master].off_us += jump_us / 4;
                        }
                    }
                }
            }
            2 if self.weather.restarts => self.restarts(),
            _ => (),
        }
    }

    fn restarts(&mut self) {
        let at = self.random.usize(..self.bounds.masters);
        let forgotten = self.masters.iter().filter(|master| !master.is_admitted()).count();
        let is_spared = self.weather.minority && forgotten + 1 > self.bounds.masters - self.bounds.quorum();
        if is_spared && self.masters[at].is_admitted() {
            return;
        }
        let up_us = self.now_us + self.random.u64(1_000..if self.weather.is_slow { 100_000 } else { 2_000_000 });
        let forgets = self.random.u8(0..3) > 0;
        let master = &mut self.masters[at];
        master.run += 1;
        master.up_us = up_us;
        if forgets {
            master.memory = Memory::default();
        }
        let (run, first) = (master.run, self.random.usize(..CLIENTS));
        for client in [first, (first + 1) % CLIENTS] {
            let seen_us = up_us + self.random.u64(1..if self.weather.is_slow { 50_000 } else { 3_000_000 });
            self.at(seen_us, Event::Sees { client, master: at, run });
        }
    }

    pub fn sees(&mut self, client: usize, at: usize, run: u64) {
        if self.masters[at].run != run {
            return;
        }
        // A server tells whole seconds, and may be off by one.
        let up_ms = (self.now_us - self.masters[at].up_us) / 1_000_000 * 1_000 + 1_000 * self.random.u64(0..2);
        let (name, now_ms) = (self.masters[at].run(), self.clients[client].now_ms(self.now_us));
        let seen = Seen { run: name, up_ms: Some(up_ms), mark: self.masters[at].memory.mark.clone() };
        let Standing::Gated { opens_ms } = self.masters[at].gates[client].see(&seen, &self.bounds, now_ms) else {
            return;
        };
        let mut opens_us = self.clients[client].real_us(opens_ms);
        if self.bug == Some(Bug::RejoinsAtOnce) {
            opens_us = self.now_us;
        }
        self.at(opens_us, Event::Admits { client, master: at, run });
    }

    pub fn admits(&mut self, client: usize, at: usize, run: u64) {
        if self.masters[at].run != run || self.masters[at].is_admitted() {
            return;
        }
        match self.floor_for(client, at) {
            // The answers and the order take their time.
            Some(floor) => self.later(3_000_000, Event::Floors { master: at, run, floor }),
            None => self.later(500_000, Event::Admits { client, master: at, run }),
        }
    }

    fn floor_for(&mut self, client: usize, at: usize) -> Option<u64> {
        let mut others = Vec::new();
        for other in (0..self.bounds.masters).filter(|other| *other != at) {
            let is_heard = !self.chance(self.weather.lost * 3) && self.masters[other].up_us <= self.now_us;
            let master = &self.masters[other];
            let witness = Witness { is_admitted: master.is_admitted(), high: master.memory.mark.high };
            others.push(is_heard.then_some(witness));
        }
        let wall_us = self.clients[client].moment(self.now_us, &mut self.random).wall_us;
        floor(&self.bounds, &others, wall_us)
    }
}
