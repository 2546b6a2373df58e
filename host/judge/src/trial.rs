//! One validator on one change: what a host does for each binding, and what `validator run` shows.

use std::sync::Arc;

use sluice_core::{self as core, Binding, Cause, Change, Digest, Entry, Fault, Severity, State, Verdict};

use crate::finding::{said, taken};
use crate::library::{Library, Unfit};
use crate::run::{Cost, Stop, run};
use crate::v0_1::{self, Decision, Prepared, Told};

/// What a validator made of a change.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its verdict, or why this host could not tell.
    pub judgement: Result<Verdict, (Fault, String)>,
    /// What it used.
    pub cost: Cost,
}

impl Library {
    /// Runs a component on an entry, as a host with this binding would. Nothing else of the space counts:
    /// `before` gives the old values only. An entry whose keys the binding does not name is accepted unheard.
    ///
    /// # Errors
    /// When the component cannot be a validator.
    pub fn try_out(&self, bytes: &[u8], binding: &Binding, entry: &Entry, before: &State) -> Result<Trial, Unfit> {
        let prepared = self.add(Digest::of(bytes), bytes)?;
        let change = entry.content.as_ref().map_err(|malformed| Unfit(format!("was given no change: {malformed}")))?;
        let bound = bound(binding, &segments(change));
        let told = match Told::new(entry, change, before) {
            Ok(told) => told,
            Err((fault, digest)) => {
                let judgement = Err((fault, format!("blob {digest} is not at hand")));
                return Ok(Trial { judgement, cost: Cost::default() });
            }
        };
        if !bound.contains(&true) {
            return Ok(Trial { judgement: Ok(Verdict::accept()), cost: Cost::default() });
        }
        Ok(self.try_prepared(&prepared, binding, &told, change, &bound))
    }

    /// The same with everything at hand.
    pub(crate) fn try_prepared(
        &self,
        guest: &Prepared,
        binding: &Binding,
        told: &Told,
        change: &Change,
        bound: &[bool],
    ) -> Trial {
        let ask = |guest: &v0_1::Guest, store: &mut _| told.ask(guest, store, &binding.settings, bound);
        let (answer, cost) = run(&self.machine, guest, &binding.limits, ask);
        let name = &binding.name;
        let judgement = match answer {
            Ok(Ok(verdict)) => {
                let keys: Vec<_> = change.edits.iter().map(|edit| edit.key.clone()).collect();
                let findings = taken(name, verdict.findings, &keys).into();
                Ok(match verdict.decision {
                    Decision::Accept => Verdict::Accept(findings),
                    Decision::Reject => Verdict::Reject(Cause::Verdict, findings),
                })
            }
            Ok(Err(fault)) => {
                let (code, message) = fault.words();
                Ok(rejected(name, Cause::Verdict, code, message))
            }
            Err(stop) => stopped(name, stop),
        };
        Trial { judgement, cost }
    }
}

/// What a call that was stopped means: an answer where every host comes to the same, else a fault.
pub(crate) fn stopped(name: &Arc<str>, stop: Stop) -> Result<Verdict, (Fault, String)> {
    match stop {
        Stop::Limit(why) => Ok(rejected(name, Cause::Limit, "limit", why)),
        Stop::Trap(why) => Ok(rejected(name, Cause::Trap, "trap", why)),
        Stop::Fault(fault, why) => Err((fault, format!("validator {name}: {why}"))),
    }
}

fn rejected(name: &Arc<str>, cause: Cause, code: &str, message: String) -> Verdict {
    let finding: core::Finding = said(name, Severity::Error, code, message);
    Verdict::Reject(cause, Arc::new([finding]))
}

/// The keys of a change, cut into segments once for all globs of all bindings.
pub(crate) fn segments(change: &Change) -> Vec<Vec<&str>> {
    change.edits.iter().map(|edit| edit.key.as_str().split('/').collect()).collect()
}

/// Which edits a binding names.
pub(crate) fn bound(binding: &Binding, keys: &[Vec<&str>]) -> Vec<bool> {
    keys.iter().map(|key| binding.names(key)).collect()
}
