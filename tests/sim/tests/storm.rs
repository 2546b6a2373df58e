//! Many seeds, every crash point, and planted bugs that must be caught.

use sluice_sim::weather::{Blow, PLANTED};
use sluice_sim::{Bug, Run, Tally, run};

/// Seeds of one test run. `SLUICE_SEEDS` asks for more.
const SEEDS: u64 = 1000;

/// Most seeds that a planted bug may hide from.
const PLANTED_SEEDS: u64 = 300;

fn seeds() -> u64 {
    std::env::var("SLUICE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

#[track_caller]
fn holds(run_: Run) -> Tally {
    run(run_).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn whatever_goes_wrong_all_hosts_come_to_the_plain_fold() {
    let mut all = Tally::default();
    for seed in 0..seeds() {
        all.add(holds(Run { seed, bug: Bug::Absent, crash_after: None }));
    }
    println!("{all:?}");
    let outcomes = &all.outcomes;
    // A storm that holds nothing, crashes nobody or refuses nothing would prove little.
    assert!(all.crashes > seeds() && all.held > seeds() * 5, "{all:?}");
    for class in ["applied", "malformed", "duplicate", "conflict", "rejected"] {
        assert!(outcomes.get(class).is_some_and(|count| *count > seeds() / 2), "{class}: {outcomes:?}");
    }
    for blow in [Blow::Failover, Blow::Reset, Blow::Abandoned, Blow::Hole] {
        assert!(all.blows.get(&blow).is_some_and(|count| *count > seeds() / 50), "{blow:?}: {all:?}");
    }
    for rift in ["forked", "reset", "trimmed", "hole"] {
        assert!(all.rifts.get(rift).is_some_and(|count| *count > seeds() / 50), "{rift}: {all:?}");
    }
    assert!(all.clocks > seeds() / 10 && all.rejoins[1] > seeds() / 10, "{all:?}");
    // Nobody is to have to come where a log lost what its hosts have.
    assert!(all.emptied <= seeds() / 50, "{all:?}");
}

#[test]
fn a_host_may_die_after_every_single_effect() {
    for seed in 0..3 {
        let effects = holds(Run { seed, bug: Bug::Absent, crash_after: Some(u64::MAX) }).effects[0];
        assert!(effects > 20, "seed {seed} has only {effects} effects to die after");
        for effect in 1..=effects {
            let tally = holds(Run { seed, bug: Bug::Absent, crash_after: Some(effect) });
            assert_eq!(tally.crashes, 1, "seed {seed}, effect {effect}");
        }
    }
}

#[test]
fn a_seed_is_one_history() {
    for seed in [1, 7, 42] {
        let steps = || format!("{:?}", holds(Run { seed, bug: Bug::Absent, crash_after: None }));
        assert_eq!(steps(), steps());
    }
}

#[test]
fn every_planted_bug_is_caught_and_told_with_what_led_there() {
    for bug in PLANTED {
        let caught =
            (0..PLANTED_SEEDS).find_map(|seed| run(Run { seed, bug, crash_after: None }).err().map(|f| (seed, f)));
        let (seed, failure) = caught.unwrap_or_else(|| panic!("{bug:?} was not caught by {PLANTED_SEEDS} seeds"));
        println!("{bug:?}: seed {seed}: {}", failure.law);
        assert!(failure.trace.len() > 2 && failure.to_string().contains("again: "), "{failure}");
    }
}
