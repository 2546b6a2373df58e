//! The lock in bad weather: masters, processes and a network of one seed each, laws that must hold in all of them, and
//! planted bugs that must be caught.

mod client;
mod faults;
mod master;
mod weather;
mod world;

use weather::{Bug, Weather};
use world::World;

/// Storms of this many seeds, all of which must keep the laws. Gives events and grants.
#[track_caller]
fn keeps(seeds: std::ops::Range<u64>, weather: Weather) -> (u64, usize) {
    let (mut steps, mut grants) = (0, 0);
    for seed in seeds {
        let told = World::storm(seed, weather, None);
        assert_eq!(told.breach, None, "seed {seed} in {weather:?}");
        (steps, grants) = (steps + told.steps, grants + told.grants);
    }
    (steps, grants)
}

/// Some storm shows the bug by a breach of this law.
#[track_caller]
fn catches(bug: Bug, weather: Weather, law: &str) {
    let seeds = 600;
    let caught = (0..seeds).find(|seed| {
        let breach = World::storm(*seed, weather, Some(bug)).breach;
        breach.is_some_and(|breach| breach.starts_with(law))
    });
    assert!(caught.is_some(), "{bug:?} went through {seeds} storms");
}

#[test]
fn safe_1_two_never_hold_the_lock_while_clocks_keep_their_bound() {
    let (_, grants) = keeps(0..400, Weather::STATED);
    assert!(grants > 4_000, "storms in which nobody gets the lock show nothing: {grants}");
}

#[test]
fn net_3_nothing_is_set_after_it_was_given_back() {
    let (_, grants) = keeps(0..150, Weather::TCP);
    assert!(grants > 1_500, "{grants}");
}

#[test]
fn fence_1_tokens_rise_whatever_clocks_do() {
    let (steps, grants) = keeps(0..400, Weather::WILD);
    assert!(steps > 1_000_000 && grants > 4_000, "{steps} steps, {grants} grants");
}

#[test]
fn fence_2_tokens_are_unique_with_exclusion_switched_off() {
    let (_, grants) = keeps(0..300, Weather::LAWLESS);
    assert!(grants > 4_000, "{grants}");
    let (_, grants) = keeps(0..300, Weather::SLOW);
    assert!(grants > 1_000, "{grants}");
}

#[test]
fn a_lock_counted_on_without_drift_is_caught() {
    catches(Bug::NoDrift, Weather::STATED, "SAFE-1");
}

#[test]
fn a_release_that_does_not_compare_is_caught() {
    catches(Bug::ReleasesAnybody, Weather::STATED, "SAFE-1");
}

#[test]
fn a_token_from_one_master_is_caught() {
    catches(Bug::TokenFromOne, Weather::LAWLESS, "FENCE");
}

#[test]
fn a_master_that_votes_at_once_after_a_restart_is_caught() {
    catches(Bug::RejoinsAtOnce, Weather::STATED, "SAFE-1");
}

#[test]
fn a_set_that_is_replayed_is_caught() {
    catches(Bug::ReplaysSets, Weather::TCP, "NET-3");
}

#[test]
fn writes_of_holders_that_slept_are_fenced_off() {
    let fenced: u64 = (0..20).map(|seed| World::storm(seed, Weather::WILD, None).writes.1).sum();
    assert!(fenced > 0, "the fence was never needed");
}
