//! Runs histories until told to stop: `storm --seeds N` from seed 0 on, or `storm --seed S` for one.

use std::process::ExitCode;
use std::time::Instant;

use sluice_sim::{Bug, Run, Tally, run};

const USAGE: &str = "usage: storm [--seeds N] [--from S] | storm --seed S";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((first, count)) = meant(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (begun, mut all) = (Instant::now(), Tally::default());
    for seed in first..first + count {
        match run(Run { seed, bug: Bug::Absent, crash_after: None }) {
            Ok(tally) => all.add(tally),
            Err(failure) => {
                println!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{count} seeds, {} steps, {} effects in {:.1} s: all laws held",
        all.steps,
        all.effects[1],
        begun.elapsed().as_secs_f64()
    );
    println!(
        "what befell the log: {:?}, its clock set {} times; {} crashes of hosts",
        all.blows, all.clocks, all.crashes
    );
    println!("pulls that found it apart: {:?}", all.rifts);
    println!(
        "lost entries put back: {} tries, {} done, {:?}; folders emptied by people: {}",
        all.rejoins[0] + all.rejoins[1],
        all.rejoins[1],
        all.back,
        all.emptied
    );
    ExitCode::SUCCESS
}

/// The first seed and how many.
fn meant(args: &[String]) -> Option<(u64, u64)> {
    let (mut first, mut count) = (0, 300);
    for pair in args.chunks(2) {
        match pair {
            [name, value] if name == "--seeds" => count = value.parse().ok()?,
            [name, value] if name == "--from" => first = value.parse().ok()?,
            [name, value] if name == "--seed" => (first, count) = (value.parse().ok()?, 1),
            _ => return None,
        }
    }
    Some((first, count))
}
