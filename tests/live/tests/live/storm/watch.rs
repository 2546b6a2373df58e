//! A look at all hosts, over and over: what they serve never falls, and never differs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use sluice_live::host::order;
use sluice_live::{Fleet, wait_for};

/// What was seen so far.
#[derive(Default)]
pub struct Watch {
    /// The revision each host served last.
    served: BTreeMap<String, (u64, u64)>,
    /// Chain and root of each revision any host ever served.
    digests: BTreeMap<(u64, u64), (Value, Value)>,
}

impl Watch {
    /// Watches all hosts that are up for this long, and at least once.
    pub fn over(&mut self, fleet: &Fleet, time: Duration) -> Result<()> {
        let begun = Instant::now();
        wait_for("the next blow", || match self.look(fleet) {
            Err(error) => Some(Err(error)),
            Ok(()) => (begun.elapsed() >= time).then_some(Ok(())),
        })
    }

    fn look(&mut self, fleet: &Fleet) -> Result<()> {
        for host in &fleet.hosts {
            let status = host.status()?;
            let revision = order(status["revision"].as_str().unwrap_or_default());
            let before = self.served.insert(host.id.clone(), revision).unwrap_or_default();
            assert!(revision >= before, "{} went back from {before:?} to {revision:?}", host.id);
            if status["held"].as_array().is_some_and(Vec::is_empty) {
                let digests = (status["chain"].clone(), status["root"].clone());
                let other = self.digests.entry(revision).or_insert_with(|| digests.clone());
                assert_eq!(*other, digests, "{} has another state at {revision:?}", host.id);
            }
        }
        Ok(())
    }
}
