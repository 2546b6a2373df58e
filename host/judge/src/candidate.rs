//! A component with the binding it would have: what its author tries out before anybody is bound by it.

use std::sync::Arc;

use sluice_core::{Binding, Cause, Digest, Entry, Fault, Severity, State, Verdict};

use crate::finding::taken;
use crate::guest::{Guest, GuestFault, Prepared, Told};
use crate::library::{Library, Unfit};
use crate::run::{Ran, run};
use crate::trial::{Trial, faulty, segments, sieve, stopped};

/// A component at hand, with a binding. Asked as often as one likes, from any thread.
pub struct Candidate<'l> {
    library: &'l Library,
    component: Arc<Prepared>,
    /// What calls begin from, where one was made before.
    image: Option<Arc<Prepared>>,
    binding: &'l Binding,
}

impl Library {
    /// Compiles a component, unless that was done before, and puts a binding to it.
    ///
    /// # Errors
    /// When the component cannot be a validator.
    pub fn candidate<'l>(&'l self, bytes: &[u8], binding: &'l Binding) -> Result<Candidate<'l>, Unfit> {
        let component = self.add(Digest::of(bytes), bytes)?;
        Ok(Candidate { library: self, component, image: self.at_hand(self.image_name(binding)), binding })
    }
}

impl Candidate<'_> {
    /// Whether its calls begin from an image that has the settings.
    pub fn has_image(&self) -> bool {
        self.image.is_some()
    }

    /// Gives it its settings, as hosts do before they let a binding in: rejected if they would not.
    pub fn configure(&self) -> Trial {
        let Binding { name, settings, limits, .. } = self.binding;
        let ask = |guest: &Guest, store: &mut _| guest.configure(store, settings);
        let Ran { result, cost, configured_fuel, journal, backtrace } =
            run(&self.library.machine, &self.component, limits, None, ask);
        let has_failed = matches!(&result, Ok(Err(GuestFault::Internal(_))));
        let judgement = match result {
            Ok(Ok(found)) => {
                let findings = taken(name, found, &[]);
                let is_wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
                Ok(match is_wrong {
                    true => Verdict::Reject(Cause::Verdict, findings.into()),
                    false => Verdict::Accept(findings.into()),
                })
            }
            Ok(Err(fault)) => Ok(faulty(name, fault)),
            Err(stop) => stopped(name, stop),
        };
        Trial { judgement, has_warned: false, has_failed, cost, configured_fuel, journal, backtrace }
    }

    /// Asks it about an entry, as a host with this binding would. Of the space only `before` counts, which gives
    /// the old values and what is looked up. An entry whose keys the binding does not name is accepted unheard.
    ///
    /// # Errors
    /// When the entry holds no change.
    pub fn judge(&self, entry: &Entry, before: &State) -> Result<Trial, Unfit> {
        let change = entry.content.as_ref().map_err(|malformed| Unfit(format!("was given no change: {malformed}")))?;
        let told = match Told::new(entry, change, before) {
            Ok(told) => told,
            Err(digest) => return Ok(Trial::of(Err((Fault::Missing, format!("blob {digest} is not at hand"))))),
        };
        let sieve = sieve(self.binding, &segments(change));
        let Some(sieve) = sieve else { return Ok(Trial::of(Ok(Verdict::accept()))) };
        Ok(self.library.try_prepared(&self.component, self.image.as_deref(), self.binding, &told, &sieve))
    }
}
