//! Whether a master's clock jumped: by it, keys run out early or late.

/// Between two looks a clock may move against ours by this much, in us, beside the drift.
pub const JUMP_US: i128 = 100_000;

/// What is known of one master's wall clock against our steady one. Each look gives bounds, because its answer was on
/// the way: the clock was read somewhere between sending and receiving. Only bounds that lie apart are a jump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tide {
    /// The least and the most it is ahead of ours, in us, and when that was seen, in ms.
    ahead: Option<(i128, i128, u64)>,
}

impl Tide {
    /// Takes a look: what the clock said, in us, to a question sent and answered at these times of ours, in ms. Gives by
    /// how much it jumped since the last look, in us, forward if positive; 0 when it did not.
    pub fn see(&mut self, clock_us: u64, sent_ms: u64, answered_ms: u64) -> i128 {
        // Our times are cut to whole ms: the true ones are up to 1 ms later.
        let least = i128::from(clock_us) - (i128::from(answered_ms) + 1) * 1000;
        let most = i128::from(clock_us) - i128::from(sent_ms) * 1000;
        let jumped = self.ahead.map_or(0, |(least_before, most_before, seen_ms)| {
            let drift_us = i128::from(answered_ms.saturating_sub(seen_ms)) * 10;
            let room_us = JUMP_US + drift_us;
            match (least - most_before, most - least_before) {
                (up, _) if up > room_us => up,
                (_, down) if down < -room_us => down,
                _ => 0,
            }
        });
        self.ahead = Some((least, most, answered_ms));
        jumped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_no_jump() {
        let mut tide = Tide::default();
        assert_eq!(tide.see(5_000_000_000, 1_000, 1_001), 0);
        assert_eq!(tide.see(5_000_000_000 + 9_000_000, 2_000, 22_000), 0, "20 s on the way tell next to nothing");
        assert_eq!(tide.see(5_000_000_000 + 30_000_000, 31_000, 31_001), 0);
    }

    #[test]
    fn a_jump_is_seen_both_ways_and_once() {
        let mut tide = Tide::default();
        tide.see(5_000_000_000, 1_000, 1_001);
        assert!(tide.see(5_061_000_000, 2_000, 2_001) > 59_000_000);
        assert_eq!(tide.see(5_062_000_000, 3_000, 3_001), 0);
        assert!(tide.see(5_003_000_000, 4_000, 4_001) < -59_000_000);
    }
}
