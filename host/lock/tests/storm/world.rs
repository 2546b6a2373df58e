//! Masters, processes that want one lock, and a network in between, from one seed; and the laws.

use std::collections::{BTreeMap, BTreeSet};

use sluice_lock::{Ask, Bounds, Lock, Reply, Stage, Word};

use crate::client::Client;
use crate::master::Master;
use crate::weather::{Bug, Weather};

pub const CLIENTS: usize = 4;
pub const TTL_MAX_MS: u64 = 6_000;
/// How long a storm lasts, in us.
const STORM_US: u64 = 180_000_000;

/// What came of a storm.
#[derive(Default)]
pub struct Told {
    /// Events.
    pub steps: u64,
    /// Grants.
    pub grants: usize,
    /// Writes that the resource took, and that it fenced off.
    pub writes: (u64, u64),
    /// The first breach of a law.
    pub breach: Option<String>,
}

pub enum Event {
    Arrives { client: usize, wish: u64, master: usize, run: u64, serial: u64, ask: Ask, copy: bool },
    Answers { client: usize, wish: u64, master: usize, serial: u64, reply: Reply },
    Wakes { client: usize },
    Begins { client: usize },
    GivesBack { client: usize, wish: u64 },
    Writes { client: usize, wish: u64 },
    Reaches { token: u64, grant: usize, before: usize },
    Fault,
    Sees { client: usize, master: usize, run: u64 },
    Admits { client: usize, master: usize, run: u64 },
    Floors { master: usize, run: u64, floor: u64 },
}

pub struct World {
    pub weather: Weather,
    pub bug: Option<Bug>,
    pub random: fastrand::Rng,
    pub bounds: Bounds,
    pub now_us: u64,
    number: u64,
    events: BTreeMap<(u64, u64), Event>,
    pub masters: Vec<Master>,
    pub clients: Vec<Client>,
    /// When the last message of a link arrives, by client, master and direction.
    links: BTreeMap<(usize, usize, bool), u64>,
    released: BTreeSet<(usize, u64, Word)>,
    issued: BTreeSet<u64>,
    /// The highest token the resource took, and how many grants there were before it was first asked for.
    written: (u64, usize),
    told: Told,
}

impl World {
    pub fn storm(seed: u64, weather: Weather, bug: Option<Bug>) -> Told {
        let mut random = fastrand::Rng::with_seed(seed);
        let bounds = Bounds { masters: [1, 3, 5][random.usize(..3)], ttl_max_ms: TTL_MAX_MS, answer_ms: 1_500 };
        let mut drift = || random.i64(-weather.drift_ppm..=weather.drift_ppm);
        let masters = (0..bounds.masters).map(|_| Master::new(drift(), CLIENTS)).collect();
        let drifts: Vec<i64> = (0..CLIENTS).map(|_| drift()).collect();
        let clients = drifts.into_iter().map(|ppm| Client::new(ppm, random.i64(0..1_000_000))).collect();
        let (events, links, released) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let (issued, written, told) = (BTreeSet::new(), (0, 0), Told::default());
        let (now_us, number) = (0, 0);
        let mut world = World {
            weather,
            bug,
            random,
            bounds,
            now_us,
            number,
            events,
            masters,
            clients,
            links,
            released,
            issued,
            written,
            told,
        };
        (0..CLIENTS).for_each(|client| world.later(1_000, Event::Begins { client }));
        world.later(1_000_000, Event::Fault);
        while let Some(((now_us, _), event)) = world.events.pop_first() {
            if now_us > STORM_US || world.told.breach.is_some() {
                break;
            }
            world.now_us = now_us;
            world.told.steps += 1;
            world.happen(event);
            world.check_exclusion();
        }
        world.told
    }

    pub fn at(&mut self, at_us: u64, event: Event) {
        self.number += 1;
        self.events.insert((at_us.max(self.now_us), self.number), event);
    }

    pub fn later(&mut self, most_us: u64, event: Event) {
        let delay = self.random.u64(1..=most_us);
        self.at(self.now_us + delay, event);
    }

    pub fn chance(&mut self, in_thousand: u64) -> bool {
        self.random.u64(0..1_000) < in_thousand
    }

    fn breach(&mut self, law: &str) {
        let why = format!("{law} at {} us", self.now_us);
        self.told.breach.get_or_insert(why);
    }

    fn happen(&mut self, event: Event) {
        // Who sleeps does so later.
        if let Event::Answers { client, .. } | Event::Wakes { client } | Event::GivesBack { client, .. } = &event
            && self.clients[*client].asleep_until > self.now_us
        {
            return self.at(self.clients[*client].asleep_until, event);
        }
        match event {
            Event::Arrives { client, wish, master, run, serial, ask, copy } => {
                self.arrives(client, wish, master, run, serial, ask, copy);
            }
            Event::Answers { client, wish, master, serial, reply } if self.clients[client].wish == wish => {
                let moment = self.clients[client].moment(self.now_us, &mut self.random);
                self.with(client, |lock| lock.on_reply(master, serial, &reply, &moment));
            }
            Event::Wakes { client } if self.clients[client].wakes_us.is_some_and(|at_us| at_us <= self.now_us) => {
                self.clients[client].wakes_us = None;
                let moment = self.clients[client].moment(self.now_us, &mut self.random);
                self.with(client, |lock| lock.on_time(&moment));
            }
            Event::Begins { client } => {
                self.clients[client].begin(self.bounds, self.now_us, &mut self.random);
                self.with(client, |_| ());
            }
            Event::GivesBack { client, wish } if self.clients[client].wish == wish => self.with(client, Lock::release),
            Event::Writes { client, wish } if self.clients[client].wish == wish => self.writes(client),
            Event::Reaches { token, grant, before } => self.reaches(token, grant, before),
            Event::Fault => self.fault(),
            Event::Sees { client, master, run } => self.sees(client, master, run),
            Event::Admits { client, master, run } => self.admits(client, master, run),
            Event::Floors { master, run, floor } if self.masters[master].run == run => {
                let run = self.masters[master].run();
                self.masters[master].memory.admit(&run, floor);
            }
            // Of a wish or a run that is over.
            Event::Answers { .. } | Event::GivesBack { .. } | Event::Writes { .. } | Event::Floors { .. } => (),
            Event::Wakes { .. } => (),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one event")]
    fn arrives(&mut self, client: usize, wish: u64, master: usize, run: u64, serial: u64, ask: Ask, copy: bool) {
        // A message to a server that was restarted in between is lost with its connection.
        if self.masters[master].run != run || self.masters[master].up_us > self.now_us {
            return;
        }
        match &ask {
            Ask::Release { word, .. } => drop(self.released.insert((master, run, *word))),
            Ask::Take { word, .. } | Ask::TopUp { word, .. } if self.weather.in_order => {
                if self.released.contains(&(master, run, *word)) {
                    return self.breach("NET-3: a word was set after it was given back");
                }
            }
            Ask::Take { .. } | Ask::TopUp { .. } | Ask::Raise { .. } | Ask::Extend { .. } => (),
        }
        let is_lawless = self.weather.lawless;
        let mut reply = self.masters[master].answer(&ask, self.now_us, self.bug, is_lawless);
        if let (Reply::Taken { granted, .. } | Reply::Raised { granted, .. }, Some(Bug::TokenFromOne)) =
            (&mut reply, self.bug)
        {
            *granted |= master != 0;
        }
        if self.bug == Some(Bug::ReplaysSets) && !copy && matches!(ask, Ask::Take { .. }) && self.chance(50) {
            let again = Event::Arrives { client, wish, master, run, serial, ask, copy: true };
            self.later(8_000_000, again);
        }
        if let Some(at_us) = self.sent(client, master, false) {
            self.at(at_us, Event::Answers { client, wish, master, serial, reply });
        }
    }

    /// When what is sent now arrives; none when it does not.
    fn sent(&mut self, client: usize, master: usize, is_up: bool) -> Option<u64> {
        if self.chance(self.weather.lost) {
            return None;
        }
        let usual_us = if self.weather.is_slow { 700_000 } else { 5_000 };
        let most_us = if self.chance(self.weather.late) { TTL_MAX_MS * 2_000 } else { usual_us };
        let mut at_us = self.now_us + self.random.u64(50..=most_us);
        if self.weather.in_order {
            let last = self.links.entry((client, master, is_up)).or_default();
            at_us = at_us.max(*last + 1);
            *last = at_us;
        }
        Some(at_us)
    }

    /// Does something with a client's lock, then sends what it wants sent and looks at what it came to.
    fn with(&mut self, client: usize, does: impl FnOnce(&mut Lock)) {
        let Some(mut lock) = self.clients[client].lock.take() else { return };
        let was_held = matches!(lock.stage(), Stage::Held(_));
        does(&mut lock);
        let wish = self.clients[client].wish;
        for out in lock.outgoing() {
            for copy in 0..=usize::from(self.chance(self.weather.doubled)) {
                if let Some(at_us) = self.sent(client, out.master, true) {
                    let (master, serial, ask, run) =
                        (out.master, out.serial, out.ask.clone(), self.masters[out.master].run);
                    self.at(at_us, Event::Arrives { client, wish, master, run, serial, ask, copy: copy > 0 });
                }
            }
        }
        let before = (self.issued.last().copied().unwrap_or_default(), self.told.grants);
        let process = &mut self.clients[client];
        process.register = lock.register();
        if lock.tries() > process.tries {
            (process.tries, process.before) = (lock.tries(), before);
        }
        let wakes_us = lock.wake_ms().map(|wake_ms| process.real_us(wake_ms));
        if let Some(at_us) = wakes_us.filter(|_| wakes_us != process.wakes_us) {
            process.wakes_us = wakes_us;
            self.at(at_us, Event::Wakes { client });
        }
        let is_held = matches!(lock.stage(), Stage::Held(_));
        let is_over = matches!(lock.stage(), Stage::Refused(_) | Stage::Lost(_) | Stage::Released);
        self.clients[client].lock = Some(lock);
        if is_held && !was_held {
            self.granted(client);
        }
        if is_over {
            self.clients[client].lock = None;
            self.later(300_000, Event::Begins { client });
        }
    }

    fn granted(&mut self, client: usize) {
        let token = self.clients[client].token().expect("it was just had");
        let (issued, _) = self.clients[client].before;
        if token <= issued {
            self.breach("FENCE-1: a token is not above one issued before it was asked for");
        }
        let is_promised = !self.weather.jumps && !self.weather.lawless;
        if is_promised && self.issued.last().is_some_and(|last| *last > token) {
            self.breach("FENCE-1: a later holder has a lower token");
        }
        if !self.issued.insert(token) {
            self.breach("FENCE-2: a token was issued twice");
        }
        self.told.grants += 1;
        self.clients[client].grant = self.told.grants;
        let wish = self.clients[client].wish;
        (0..3).for_each(|_| self.later(9_000_000, Event::Writes { client, wish }));
        self.later(25_000_000, Event::GivesBack { client, wish });
    }

    /// A holder writes without a look at its clock, and the write is on its way for long.
    fn writes(&mut self, client: usize) {
        let process = &self.clients[client];
        if let Some(token) = process.token() {
            let (grant, (_, before)) = (process.grant, process.before);
            self.later(10_000_000, Event::Reaches { token, grant, before });
        }
    }

    /// The resource takes no token lower than one it has seen.
    fn reaches(&mut self, token: u64, grant: usize, before: usize) {
        if token < self.written.0 {
            self.told.writes.1 += 1;
            return;
        }
        if grant <= self.written.1 {
            self.breach("FENCE-1: a write was taken after one of somebody who asked later than it was granted");
        }
        self.written = (token, self.written.1.max(before));
        self.told.writes.0 += 1;
    }

    fn check_exclusion(&mut self) {
        let is_promised = !self.weather.jumps && !self.weather.lawless;
        let holders = self.clients.iter().filter(|client| client.is_holder(self.now_us)).count();
        if is_promised && holders > 1 {
            self.breach("SAFE-1: two hold the lock");
        }
    }
}
