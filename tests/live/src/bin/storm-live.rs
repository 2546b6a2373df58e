//! `./x storm-live`: bad weather over real processes, for so many minutes: `storm-live [--minutes N] [--seed S]`.

use std::process::ExitCode;
use std::time::Duration;

use sluice_live::storm;

const USAGE: &str = "usage: storm-live [--minutes N] [--seed S]";
const MINUTES: u64 = 10;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((minutes, seed)) = meant(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    eprintln!("a storm of {minutes} minutes, seed {seed}");
    match storm::run(seed, Duration::from_secs(minutes * 60)) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many minutes, and the seed.
fn meant(args: &[String]) -> Option<(u64, u64)> {
    let (mut minutes, mut seed) = (MINUTES, fastrand::u64(..));
    for pair in args.chunks(2) {
        match pair {
            [name, value] if name == "--minutes" => minutes = value.parse().ok().filter(|minutes| *minutes > 0)?,
            [name, value] if name == "--seed" => seed = value.parse().ok()?,
            _ => return None,
        }
    }
    Some((minutes, seed))
}
