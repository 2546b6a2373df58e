//! One process that wishes for the lock again and again.

use sluice_lock::{Bounds, Lock, Moment, Names, Renewal, Stage, Terms};

/// A process, with clocks of its own.
pub struct Client {
    /// The wish it has; none between two.
    pub lock: Option<Lock>,
    /// Tells wishes apart: an answer to an earlier one is nobody's.
    pub wish: u64,
    /// Until when it sleeps, in us of real time.
    pub asleep_until: u64,
    /// How far its clock's rate is off, in parts per million.
    pub drift_ppm: i64,
    /// By how much its wall clock is off, in us.
    pub wall_off_us: i64,
    /// The highest token it has seen.
    pub register: u64,
    /// When it looks at its clock next, in us of real time.
    pub wakes_us: Option<u64>,
    /// Tries of its wish, and what was known when the last began: the highest token issued, and how many grants.
    pub tries: u32,
    pub before: (u64, usize),
    /// The place of what it holds in the order of all grants.
    pub grant: usize,
}

impl Client {
    pub fn new(drift_ppm: i64, wall_off_us: i64) -> Client {
        Client {
            lock: None,
            wish: 0,
            asleep_until: 0,
            drift_ppm,
            wall_off_us,
            register: 0,
            wakes_us: None,
            tries: 0,
            before: (0, 0),
            grant: 0,
        }
    }

    /// Its steady clock, in ms.
    pub fn now_ms(&self, real_us: u64) -> u64 {
        (i128::from(real_us) * i128::from(1_000_000 + self.drift_ppm) / 1_000_000_000) as u64
    }

    /// When its steady clock shows that, in us of real time.
    pub fn real_us(&self, now_ms: u64) -> u64 {
        (i128::from(now_ms) * 1_000_000_000 / i128::from(1_000_000 + self.drift_ppm)) as u64 + 1_000
    }

    pub fn moment(&self, real_us: u64, random: &mut fastrand::Rng) -> Moment {
        let wall_us = (real_us as i64 + self.wall_off_us).max(1) as u64;
        Moment { now_ms: self.now_ms(real_us), wall_us, chance: random.u128(..) }
    }

    pub fn begin(&mut self, bounds: Bounds, real_us: u64, random: &mut fastrand::Rng) {
        let renewal = match random.bool() {
            true => Renewal::Auto { total_ms: random.u64(5_000..40_000) },
            false => Renewal::Never,
        };
        let (ttl_ms, wait_ms) = (random.u64(1_000..=bounds.ttl_max_ms), random.u64(0..15_000));
        let names = Names::new(["a"]).unwrap();
        let moment = self.moment(real_us, random);
        let terms = Terms { names, ttl_ms, wait_ms, renewal };
        (self.wish, self.tries) = (self.wish + 1, 0);
        self.lock = Some(Lock::begin(terms, bounds, self.register, &moment));
    }

    /// Whether it would act as the holder, were it to look at its clock now.
    pub fn is_holder(&self, real_us: u64) -> bool {
        match self.lock.as_ref().map(Lock::stage) {
            Some(Stage::Held(hold)) => hold.loss().is_none() && self.now_ms(real_us) < hold.deadline_ms(),
            Some(_) | None => false,
        }
    }

    pub fn token(&self) -> Option<u64> {
        match self.lock.as_ref().map(Lock::stage) {
            Some(Stage::Held(hold)) => Some(hold.token()),
            Some(_) | None => None,
        }
    }
}
