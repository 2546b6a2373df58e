//! One validator on one change: what a host does for each binding, and what `validator run` shows.

use std::sync::Arc;

use sluice_core::{self as core, Binding, Cause, Change, Entry, Fault, Severity, State, Verdict};

use crate::compiler::Job;
use crate::finding::{said, taken};
use crate::guest::{Decision, Guest, GuestFault, Prepared, Sieve, Told, words};
use crate::journal::Journal;
use crate::library::{Library, Unfit};
use crate::run::{Cost, Ran, Stop, run};
use crate::sight::Sight;

/// What a validator made of a change.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its verdict, or why this host could not tell.
    pub judgement: Result<Verdict, (Fault, String)>,
    /// Whether it accepted with a warning: the change is applied, and somebody should look at it.
    pub has_warned: bool,
    /// Whether it rejected because it says that it is itself broken.
    pub has_failed: bool,
    /// What it used.
    pub cost: Cost,
    /// Fuel that taking the settings in took, which no part of the cost is; zero where an image had them.
    pub configured_fuel: u64,
    /// What it wrote for people.
    pub journal: Journal,
    /// Where it was when it was stopped, the innermost function first; empty when it was not, or does not say.
    pub backtrace: Vec<String>,
}

impl Library {
    /// Runs a component on an entry, as a host with this binding would. See [`crate::Candidate::judge`].
    ///
    /// # Errors
    /// When the component cannot be a validator.
    pub fn try_out(&self, bytes: &[u8], binding: &Binding, entry: &Entry, before: &State) -> Result<Trial, Unfit> {
        self.candidate(bytes, binding)?.judge(entry, before)
    }

    /// Makes the image that calls with these settings begin from, as hosts do by themselves where it is worth it.
    ///
    /// # Errors
    /// Why there can be none: then each call takes the settings in anew, which costs time and changes nothing.
    pub fn bake(&self, bytes: &[u8], binding: &Binding) -> Result<(), Unfit> {
        let job = Job::Image { settings: &binding.settings, limits: &binding.limits };
        self.made(self.image_name(binding), job, bytes)?;
        Ok(())
    }

    /// One call, with everything at hand.
    pub(crate) fn try_prepared(
        &self,
        component: &Prepared,
        image: Option<&Prepared>,
        binding: &Binding,
        told: &Told<'_>,
        sieve: &Sieve,
    ) -> Trial {
        let own = || told.change().edits.iter().map(|edit| edit.key.clone()).collect();
        let (guest, settings) = match image {
            Some(image) => (image, None),
            None => (component, Some(binding.settings.as_str())),
        };
        let sight = guest.looks_up().then(|| Sight::new(told.before(), own(), binding.reads.clone()));
        let ask = |guest: &Guest, store: &mut _| guest.validate(store, told, sieve, settings);
        let ran = run(&self.machine, guest, &binding.limits, sight, ask);
        let name = &binding.name;
        let has_warned = matches!(&ran.result, Ok(Ok(verdict)) if verdict.decision == Decision::Warn);
        let has_failed = matches!(&ran.result, Ok(Err(GuestFault::Internal(_))));
        let judgement = match ran.result {
            Ok(Ok(verdict)) => {
                let findings = taken(name, verdict.findings, &own()).into();
                Ok(match verdict.decision {
                    Decision::Accept | Decision::Warn => Verdict::Accept(findings),
                    Decision::Reject => Verdict::Reject(Cause::Verdict, findings),
                })
            }
            Ok(Err(fault)) => Ok(faulty(name, fault)),
            Err(stop) => stopped(name, stop),
        };
        let Ran { cost, configured_fuel, journal, backtrace, .. } = ran;
        Trial { judgement, has_warned, has_failed, cost, configured_fuel, journal, backtrace }
    }
}

impl Trial {
    /// What is known without a call.
    pub(crate) fn of(judgement: Result<Verdict, (Fault, String)>) -> Trial {
        Trial {
            judgement,
            has_warned: false,
            has_failed: false,
            cost: Cost::default(),
            configured_fuel: 0,
            journal: Journal::default(),
            backtrace: Vec::new(),
        }
    }
}

/// What a call that was stopped means: an answer where every host comes to the same, else a fault.
pub(crate) fn stopped(name: &Arc<str>, stop: Stop) -> Result<Verdict, (Fault, String)> {
    match stop {
        Stop::Limit(why) => Ok(rejected(name, Cause::Limit, "limit", why)),
        Stop::Trap(why) => Ok(rejected(name, Cause::Trap, "trap", why)),
        Stop::Denied(why) => Ok(rejected(name, Cause::Trap, "reads", why)),
        Stop::Fault(fault, why) => Err((fault, format!("validator {name}: {why}"))),
    }
}

/// What a fault of the guest's own means: a rule that could not be checked was not kept.
pub(crate) fn faulty(name: &Arc<str>, fault: GuestFault) -> Verdict {
    let (code, message) = words(fault);
    rejected(name, Cause::Verdict, code, message)
}

fn rejected(name: &Arc<str>, cause: Cause, code: &str, message: String) -> Verdict {
    let finding: core::Finding = said(name, Severity::Error, code, message);
    Verdict::Reject(cause, Arc::new([finding]))
}

/// The keys of a change, cut into segments once for all globs of all bindings.
pub(crate) fn segments(change: &Change) -> Vec<Vec<&str>> {
    change.edits.iter().map(|edit| edit.key.as_str().split('/').collect()).collect()
}

/// Which edits a binding names, if any, and which its validator sees.
pub(crate) fn sieve(binding: &Binding, keys: &[Vec<&str>]) -> Option<Sieve> {
    let bound: Vec<bool> = keys.iter().map(|key| binding.names(key)).collect();
    if !bound.contains(&true) {
        return None;
    }
    let shown = keys.iter().zip(&bound).map(|(key, bound)| *bound || binding.reads.matches(key)).collect();
    Some(Sieve { bound, shown })
}
