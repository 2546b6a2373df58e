//! Ten thousand calls of every kind leave nothing behind.

use sluice_artifacts::fixtures::ALL;
use sluice_core::State;
use sluice_judge::Binding;

use super::rig::{FEW, binding, entry, library};

const CALLS: usize = 10_000;
/// By then everything is compiled, and every part of the pool has been used.
const SETTLED: usize = 1_000;
const LEAK_BYTES_MAX: u64 = 16 << 20;

/// Bytes of this process in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn nothing_is_left_after_ten_thousand_calls() {
    let entry = entry("app/limits", b"{}");
    let fits = |bound: &(&[u8], Binding)| library().try_out(bound.0, &bound.1, &entry, &State::default()).is_ok();
    let all = ALL.iter().map(|(_, component)| (*component, binding(component, "null", FEW)));
    let bound: Vec<_> = all.filter(fits).collect();
    assert!(bound.len() > 40);
    let mut settled = 0;
    for (n, (component, bound)) in bound.iter().cycle().take(CALLS).enumerate() {
        if n == SETTLED {
            settled = resident();
        }
        let trial = library().try_out(component, bound, &entry, &State::default()).unwrap();
        assert!(trial.judgement.is_ok(), "{trial:?}");
    }
    let after = resident();
    println!("{} MiB after {SETTLED} calls, {} MiB after {CALLS}", settled >> 20, after >> 20);
    assert!(after < settled + LEAK_BYTES_MAX, "{settled} bytes grew to {after}");
}
