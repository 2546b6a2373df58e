//! What is counted of a binding, its calls under way among it. Names and labels are documented in `docs/OPERATING.md`.

use std::sync::Arc;

use metrics::{Counter, Histogram, counter, histogram};
use sluice_core::Verdict;

use crate::gate::Gate;
use crate::trial::Trial;

/// Handles made once for each binding, so that counting costs an atomic addition.
pub(crate) struct Meter {
    seconds: Histogram,
    fuel: Counter,
    accepted: Counter,
    warned: Counter,
    rejected: Counter,
    faults: Counter,
    /// Its calls under way.
    pub(crate) gate: Gate,
}

impl Meter {
    pub(crate) fn of(validator: &str) -> Meter {
        let name: Arc<str> = validator.into();
        let verdicts = |verdict: &'static str| counter!("sluice_validator_verdicts_total", "validator" => name.clone(), "verdict" => verdict);
        Meter {
            seconds: histogram!("sluice_validator_seconds", "validator" => name.clone()),
            fuel: counter!("sluice_validator_fuel_total", "validator" => name.clone()),
            accepted: verdicts("accept"),
            warned: verdicts("warn"),
            rejected: verdicts("reject"),
            faults: verdicts("fault"),
            gate: Gate::default(),
        }
    }

    pub(crate) fn seen(&self, trial: &Trial) {
        self.seconds.record(trial.cost.time);
        self.fuel.increment(trial.cost.fuel);
        match &trial.judgement {
            Ok(Verdict::Accept(_)) if trial.has_warned => self.warned.increment(1),
            Ok(Verdict::Accept(_)) => self.accepted.increment(1),
            Ok(Verdict::Reject(..)) => self.rejected.increment(1),
            Err(_) => self.faults.increment(1),
        }
    }
}
