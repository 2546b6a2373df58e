//! When to connect, so that a thousand hosts that lost one server do not fall upon it together.
//!
//! Each attempt has a window, and each host its own place in it, which follows from its name: a crowd is spread over all of
//! the window, and a host that was first in one is anywhere in the next. Commands, which have no name, take any place.

use std::time::Duration;

use sluice_core::Digest;
use tokio::time::Instant;

use crate::settings::Settings;

/// Spaces out attempts to connect: the window doubles with each failure, up to a bound.
pub(crate) struct Backoff {
    /// The host and what it connects for; none for a command.
    who: Option<String>,
    spread_ms: u64,
    min_ms: u64,
    max_ms: u64,
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// Of one of a host's connections. A host's first attempt waits for its place already: many start together.
    pub fn new(settings: &Settings, connection: &str) -> Backoff {
        let who = settings.host.as_ref().map(|host| format!("{host} {connection}"));
        let (min_ms, max_ms) = (settings.backoff_min_ms, settings.backoff_max_ms);
        let mut backoff = Backoff { who, spread_ms: settings.spread_ms, min_ms, max_ms, failures: 0, not_before: None };
        backoff.spread();
        backoff
    }

    /// When the next attempt may be made; none: at once.
    pub fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    pub fn succeed(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    /// The connection was cut, and with it, it may be, those of all others.
    pub fn spread(&mut self) {
        if let Some(who) = &self.who {
            self.not_before = Some(Instant::now() + Duration::from_millis(place_ms(who, 0, self.spread_ms)));
        }
    }

    pub fn fail(&mut self) {
        let window_ms = window_ms(self.failures, self.min_ms, self.max_ms);
        self.failures = self.failures.saturating_add(1);
        let pause_ms = match &self.who {
            Some(who) => place_ms(who, self.failures, window_ms),
            None => fastrand::u64(0..=window_ms),
        };
        self.not_before = Some(Instant::now() + Duration::from_millis(pause_ms));
    }
}

/// The window after so many failures before, in ms.
fn window_ms(failures: u32, min_ms: u64, max_ms: u64) -> u64 {
    min_ms.saturating_mul(1 << failures.min(20)).min(max_ms)
}

/// A host's place in the window of an attempt, in ms: the same each time, and even over many hosts.
fn place_ms(who: &str, attempt: u32, window_ms: u64) -> u64 {
    let hash = Digest::of(format!("{who} {attempt}").as_bytes()).0;
    let mut share = [0; 8];
    share.copy_from_slice(&hash[..8]);
    ((u128::from(u64::from_be_bytes(share)) * (u128::from(window_ms) + 1)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const HOSTS: u64 = 1_000;
    /// The defaults of [`Settings`].
    const BOUNDS: (u64, u64, u64) = (500, 50, 2_000);

    /// When each host tries, in ms, until it succeeds. The server takes nobody before `back_ms`, and then up to `room` of
    /// them in 100 ms. Gives the attempts in each 100 ms, and when the last host was connected.
    fn crowd(back_ms: u64, room: usize) -> (BTreeMap<u64, usize>, u64) {
        let (spread_ms, min_ms, max_ms) = BOUNDS;
        let (mut attempts, mut taken, mut last_ms) = (BTreeMap::new(), BTreeMap::new(), 0);
        let mut due: BTreeMap<(u64, u64), u32> =
            (0..HOSTS).map(|host| ((place_ms(&format!("host-{host} log"), 0, spread_ms), host), 0)).collect();
        while let Some(((now_ms, host), failures)) = due.pop_first() {
            *attempts.entry(now_ms / 100).or_default() += 1;
            let taken = taken.entry(now_ms / 100).or_insert(0);
            if now_ms >= back_ms && *taken < room {
                (*taken, last_ms) = (*taken + 1, now_ms);
                continue;
            }
            let pause_ms = place_ms(&format!("host-{host} log"), failures + 1, window_ms(failures, min_ms, max_ms));
            due.insert((now_ms + pause_ms.max(1), host), failures + 1);
        }
        (attempts, last_ms)
    }

    #[test]
    fn a_thousand_hosts_that_start_or_are_cut_off_together_come_over_the_whole_window() {
        let (attempts, last_ms) = crowd(0, usize::MAX);
        assert!(last_ms <= 500, "the last came after {last_ms} ms");
        let peak = attempts.values().max().unwrap();
        assert!(*peak <= 250, "1,000 over 500 ms are 200 in 100 ms, not {peak}: {attempts:?}");
    }

    #[test]
    fn after_an_outage_that_all_saw_they_come_over_the_longest_window() {
        let (attempts, last_ms) = crowd(30_000, usize::MAX);
        assert!(last_ms <= 32_000, "the last came {} ms after the server", last_ms - 30_000);
        let back: Vec<usize> = attempts.range(300..).map(|(_, count)| *count).collect();
        // Pauses are 1 s on average, so 1,000 hosts make 100 attempts in 100 ms.
        assert!(back.iter().all(|count| *count <= 150), "{back:?}");
        let waiting: Vec<usize> = attempts.range(100..300).map(|(_, count)| *count).collect();
        assert!(waiting.iter().all(|count| *count <= 150), "{waiting:?}");
    }

    #[test]
    fn a_server_that_takes_few_at_a_time_gets_them_all() {
        let (attempts, last_ms) = crowd(5_000, 40);
        assert!(last_ms <= 15_000, "the last came after {last_ms} ms");
        assert!(attempts.range(20..).all(|(_, count)| *count <= 150), "{attempts:?}");
    }

    #[test]
    fn a_host_is_not_first_each_time_and_a_command_waits_for_nobody() {
        let places: Vec<u64> = (0..8).map(|attempt| place_ms("host-1 log", attempt, 1_000)).collect();
        let spread = places.iter().max().unwrap() - places.iter().min().unwrap();
        assert!(places.iter().all(|place| *place <= 1_000) && spread > 300, "{places:?}");
        assert_eq!(places[3], place_ms("host-1 log", 3, 1_000));
        assert_eq!(place_ms("host-1 log", 3, 0), 0);
        let settings = Settings::new("redis://127.0.0.1", "shop".parse().unwrap());
        assert_eq!(Backoff::new(&settings, "log").not_before(), None);
    }
}
