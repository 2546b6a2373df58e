//! When a master that may have lost its memory has a vote again.
//!
//! A master restarted empty would give away what somebody still holds, and grant tokens that were issued before. So each
//! master keeps a [`Mark`] that names the run it is in, written when it was admitted; in another run, or without one, it
//! gives nothing away (`Reply::Unadmitted`). Whoever meets one waits until every lock of before must be over, and only
//! then copies the highest token from the others: copied at once, a token just being issued could be missed.

use crate::{Bounds, Mark};

/// Beyond the longest time to live, in ms: a server tells its age in whole seconds, and cuts both ends.
pub const MARGIN_MS: u64 = 2_000;

/// What was learned about a master on a new connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The run it is in.
    pub run: String,
    /// How long it has been running by its own account, in ms; none when that says nothing: a replica that was promoted
    /// has been running for long and may lack what its primary had.
    pub up_ms: Option<u64>,
    /// What it remembers.
    pub mark: Mark,
}

/// Whether a master has a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has.
    Admitted,
    /// It may be admitted from then on, in ms by the clock of the caller.
    Gated {
        /// In ms.
        opens_ms: u64,
    },
}

/// One master's gate, as one process knows it.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// The run, and when it opens for that.
    known: Option<(String, u64)>,
}

impl Gate {
    /// Takes what was seen. What is left of the gate is counted by our own clock from the first sight of a run on, so
    /// that no later jump of the master's clock cuts it short.
    pub fn see(&mut self, seen: &Seen, bounds: &Bounds, now_ms: u64) -> Standing {
        if seen.mark.run == seen.run {
            return Standing::Admitted;
        }
        let left_ms = (bounds.ttl_max_ms + MARGIN_MS).saturating_sub(seen.up_ms.unwrap_or_default());
        let opens_ms = match &self.known {
            Some((run, opens_ms)) if *run == seen.run => *opens_ms,
            Some(_) | None => now_ms + left_ms,
        };
        self.known = Some((seen.run.clone(), opens_ms));
        Standing::Gated { opens_ms }
    }
}

/// What another master says when one is to be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Whether it has a vote itself.
    pub is_admitted: bool,
    /// The highest token it knows of.
    pub high: u64,
}

/// The floor with which a master may be admitted, by the words of all others; none: too few of them answered.
///
/// A majority of those that lost nothing knows the highest token issued. Where there is none, although all others
/// answered, most memories are lost, or all masters are new: then the wall clock stands in, with which tokens begin.
pub fn floor(bounds: &Bounds, others: &[Option<Witness>], wall_us: u64) -> Option<u64> {
    let answered: Vec<_> = others.iter().flatten().collect();
    let high = answered.iter().map(|witness| witness.high).max().unwrap_or_default();
    if answered.iter().filter(|witness| witness.is_admitted).count() >= bounds.quorum() {
        return Some(high);
    }
    (answered.len() + 1 >= bounds.masters).then_some(high.max(wall_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { masters: 5, ttl_max_ms: 30_000, answer_ms: 500 };

    fn seen(run: &str, up_ms: Option<u64>, marked: &str) -> Seen {
        Seen { run: run.to_owned(), up_ms, mark: Mark { run: marked.to_owned(), ..Mark::default() } }
    }

    #[test]
    fn a_master_that_was_admitted_in_this_run_has_a_vote_however_young_it_is() {
        assert_eq!(Gate::default().see(&seen("b", Some(0), "b"), &BOUNDS, 7), Standing::Admitted);
    }

    #[test]
    fn a_run_is_waited_for_by_our_own_clock_from_its_first_sight_on() {
        let mut gate = Gate::default();
        assert_eq!(gate.see(&seen("b", Some(10_000), "a"), &BOUNDS, 100), Standing::Gated { opens_ms: 22_100 });
        let jumped = seen("b", Some(99_000), "a");
        assert_eq!(gate.see(&jumped, &BOUNDS, 200), Standing::Gated { opens_ms: 22_100 }, "its clock went ahead");
        assert_eq!(gate.see(&seen("c", Some(0), "a"), &BOUNDS, 300), Standing::Gated { opens_ms: 32_300 });
        let old = Gate::default().see(&seen("b", Some(99_000), ""), &BOUNDS, 100);
        assert_eq!(old, Standing::Gated { opens_ms: 100 }, "a run that is old enough is not waited for");
        let promoted = Gate::default().see(&seen("b", None, "a"), &BOUNDS, 100);
        assert_eq!(promoted, Standing::Gated { opens_ms: 32_100 }, "the age of a promoted replica says nothing");
    }

    #[test]
    fn the_floor_comes_from_a_majority_that_lost_nothing_else_from_the_clock() {
        let intact = |high| Some(Witness { is_admitted: true, high });
        let new = Some(Witness { is_admitted: false, high: 4 });
        assert_eq!(floor(&BOUNDS, &[intact(7), intact(9), intact(8), None], 100), Some(9));
        assert_eq!(floor(&BOUNDS, &[intact(7), intact(9), new, None], 100), None, "one more may know a higher");
        assert_eq!(floor(&BOUNDS, &[intact(7), intact(900), new, new], 100), Some(900));
        assert_eq!(floor(&BOUNDS, &[new; 4], 100), Some(100));
        assert_eq!(floor(&Bounds { masters: 1, ..BOUNDS }, &[], 100), Some(100));
    }
}
