//! What goes wrong and when, all of it from one seed.

use std::time::Duration;

use fastrand::Rng;

use crate::proxy::{End, Weather};

/// Something that is done to the fleet.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The network of one process changes.
    Weather {
        line: usize,
        name: &'static str,
        weather: Weather,
    },
    /// All its connections end.
    End {
        line: usize,
        how: End,
    },
    StopRedis,
    ContinueRedis,
    KillRedis,
    StartRedis,
    StopHost(usize),
    ContinueHost(usize),
    KillHost(usize),
    /// After one start that is killed so soon, where a time is named.
    StartHost {
        host: usize,
        early: Option<Duration>,
    },
}

impl Fault {
    /// Its kind, for counting; the ends of outages count as nothing.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Fault::Weather { name: "fine", .. } => None,
            Fault::Weather { name, .. } => Some(name),
            Fault::End { how: End::Cut, .. } => Some("cut"),
            Fault::End { how: End::Reset, .. } => Some("reset"),
            Fault::StopRedis => Some("redis stopped"),
            Fault::KillRedis => Some("redis killed"),
            Fault::StopHost(_) => Some("host stopped"),
            Fault::KillHost(_) => Some("host killed"),
            Fault::StartHost { early: Some(_), .. } => Some("host killed starting"),
            Fault::StartHost { early: None, .. }
            | Fault::ContinueRedis
            | Fault::StartRedis
            | Fault::ContinueHost(_) => None,
        }
    }
}

/// What happens within this time, in its order. `hosts` hosts and `lines` networks, one a process.
pub fn schedule(seed: u64, length: Duration, hosts: usize, lines: usize) -> Vec<(Duration, Fault)> {
    let mut chance = Rng::with_seed(seed);
    let mut all = Vec::new();
    for line in 0..lines {
        all.extend(weathers(&mut chance.fork(), length, line));
    }
    for host in 0..hosts {
        all.extend(outages(&mut chance.fork(), length, 2_000..12_000, |chance| match chance.bool() {
            true => (Fault::StopHost(host), Fault::ContinueHost(host)),
            false => {
                let early = chance.bool().then(|| ms(chance, 0..400));
                (Fault::KillHost(host), Fault::StartHost { host, early })
            }
        }));
    }
    all.extend(outages(&mut chance.fork(), length, 3_000..15_000, |chance| match chance.bool() {
        true => (Fault::StopRedis, Fault::ContinueRedis),
        false => (Fault::KillRedis, Fault::StartRedis),
    }));
    all.sort_by_key(|(due, _)| *due);
    all
}

fn ms(chance: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(chance.u64(range))
}

fn weathers(chance: &mut Rng, length: Duration, line: usize) -> Vec<(Duration, Fault)> {
    let (mut all, mut now) = (Vec::new(), ms(chance, 0..2_000));
    while now < length {
        let fault = match chance.u8(..10) {
            0 => Fault::End { line, how: End::Cut },
            1 => Fault::End { line, how: End::Reset },
            _ => weather(chance, line),
        };
        all.push((now, fault));
        now += ms(chance, 200..3_000);
    }
    all
}

/// Fine as often as not, or nothing would ever get through.
fn weather(chance: &mut Rng, line: usize) -> Fault {
    let fine = Weather::default();
    let (name, weather) = match chance.u8(..16) {
        0 | 1 => ("late", Weather { latency: ms(chance, 5..300), jitter: ms(chance, 0..200), ..fine }),
        2 => ("narrow", Weather { bytes_per_second: Some(chance.u32(2_000..200_000)), ..fine }),
        3 | 4 => ("in pieces", Weather { slice: Some(chance.usize(1..64)), latency: ms(chance, 0..20), ..fine }),
        5 => ("deaf up", Weather { is_deaf_up: true, ..fine }),
        6 => ("deaf down", Weather { is_deaf_down: true, ..fine }),
        7 => ("refusing", Weather { is_refusing: true, ..fine }),
        8 => ("cut in the middle", Weather { cut_down_after: Some(chance.usize(1..5_000)), ..fine }),
        _ => ("fine", fine),
    };
    Fault::Weather { line, name, weather }
}

/// Outages with pauses between them, the last over before the end.
fn outages(
    chance: &mut Rng,
    length: Duration,
    pauses: std::ops::Range<u64>,
    one: impl Fn(&mut Rng) -> (Fault, Fault),
) -> Vec<(Duration, Fault)> {
    let (mut all, mut now) = (Vec::new(), Duration::ZERO);
    loop {
        let begin = now + ms(chance, pauses.clone());
        // Most are short; some are longer than whatever waits for an answer.
        let lasts = if chance.u8(..4) == 0 { ms(chance, 3_000..9_000) } else { ms(chance, 50..2_000) };
        now = begin + lasts;
        if now >= length {
            return all;
        }
        let (fault, end) = one(chance);
        all.extend([(begin, fault), (now, end)]);
    }
}
