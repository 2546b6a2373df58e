//! Folding one edit into a large state against a small one, and reading in process.

use std::hint::black_box;
use std::time::Instant;

use sluice_core::{Entry, State, Verdict, fold};

use crate::table::{Goal, Row, median};
use crate::{Scale, state};

/// Edits between two looks at the clock.
const EDITS: usize = 2_000;

/// Both figures.
pub fn rows(scale: Scale) -> Vec<Row> {
    let (mut small, mut large) = (state::of(1_000.min(scale.keys)), state::of(scale.keys));
    let mut times = [Vec::new(), Vec::new()];
    for run in 0..scale.runs * 5 {
        // Turn about, so that a noisy moment hits both.
        times[0].push(fold_us(&mut small, 1_000.min(scale.keys), run));
        times[1].push(fold_us(&mut large, scale.keys, run));
    }
    let [small_us, large_us] = times.map(median);
    let read_us = median((0..scale.runs * 5).map(|run| read_us(&large, scale.keys, run)).collect());
    vec![
        Row::ratio("fold of one edit, 1 M keys against 1 k", "us", large_us, ("1 k keys", small_us), Goal::AtMost(3.0)),
        Row::ratio("in-process read at 1 M keys", "us", read_us, ("goal", 1.0), Goal::AtMost(1.0)),
    ]
}

/// Microseconds a fold, a snapshot kept from before each as readers would.
fn fold_us(state: &mut State, keys: usize, run: usize) -> f64 {
    let entries: Vec<Entry> =
        (0..EDITS).map(|n| state::entry((run * EDITS + n) as u64, scattered(n, run) % keys)).collect();
    let begun = Instant::now();
    for entry in &entries {
        let served = state.clone();
        fold::fold(state, entry, |_, _| Verdict::accept());
        black_box(served);
    }
    begun.elapsed().as_secs_f64() * 1e6 / EDITS as f64
}

fn read_us(state: &State, keys: usize, run: usize) -> f64 {
    let names: Vec<String> = (0..EDITS).map(|n| state::name(scattered(n, run) % keys)).collect();
    let begun = Instant::now();
    for name in &names {
        black_box(state.find(name.as_bytes()).map(|item| item.bytes[0]));
    }
    begun.elapsed().as_secs_f64() * 1e6 / EDITS as f64
}

fn scattered(n: usize, run: usize) -> usize {
    (n + run * EDITS).wrapping_mul(2_654_435_761)
}
