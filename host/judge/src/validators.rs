//! The port: all bound validators of a space, on each change.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use sluice_core::{Binding, Cause, Change, Digest, Entry, Fault, Finding, Mode, Severity, State, Verdict};
use sluice_node::{Blobs, Judge, Judgement};
use tokio::runtime::Handle;

use crate::finding::said;
use crate::guest::{Prepared, Sieve, Told};
use crate::library::{Gap, Library};
use crate::meter::Meter;
use crate::trial::{segments, sieve};
use crate::verdicts::{self, Verdicts};
use crate::workshop::Workshop;

/// Bindings whose meters are kept at hand. Far more than a space has; at the limit all are looked up again.
const METERS_MAX: usize = 4096;

/// Judges changes by the bindings of the state before them.
pub struct Validators {
    pub(crate) library: Arc<Library>,
    workshop: Workshop,
    is_patient: bool,
    verdicts: Verdicts,
    meters: RwLock<HashMap<Arc<str>, Arc<Meter>>>,
}

/// A binding that names some of a change's keys.
struct Bound<'s> {
    binding: &'s Binding,
    sieve: Sieve,
}

impl Validators {
    /// `blobs` has the components; `runtime` fetches them.
    pub fn new(library: Library, blobs: Arc<dyn Blobs>, runtime: Handle) -> Validators {
        let library = Arc::new(library);
        let workshop = Workshop::new(library.clone(), blobs, runtime);
        Validators { library, workshop, is_patient: false, verdicts: Verdicts::default(), meters: RwLock::default() }
    }

    /// The same, but waits for components that are not at hand: for commands, which serve nobody meanwhile.
    pub fn patient(self) -> Validators {
        Validators { is_patient: true, ..self }
    }

    /// Waits until every component that was asked for so far is compiled, or cannot be had. For tests and
    /// benchmarks: a node comes again by itself.
    pub fn wait(&self) {
        self.workshop.wait();
    }

    /// The bindings in force that name a key of this change, in the order of their names.
    fn bound<'s>(change: &Change, before: &'s State) -> Result<Vec<Bound<'s>>, (Fault, String)> {
        if !before.has_bindings() {
            return Ok(Vec::new());
        }
        let keys = segments(change);
        let mut all = Vec::new();
        for (key, read) in before.bindings().near(change.edits.iter().map(|edit| &edit.key)) {
            match &**read {
                Ok(binding) if !binding.is_on() => (),
                Ok(binding) => {
                    if let Some(sieve) = sieve(binding, &keys) {
                        all.push(Bound { binding, sieve });
                    }
                }
                // It was let in by a version that read it. Without it a change cannot be judged, but for
                // one that puts the binding right.
                Err(_) if change.edits.iter().any(|edit| edit.key == *key) => (),
                Err(error) => return Err((Fault::Internal, format!("{key}: {}", error.message))),
            }
        }
        Ok(all)
    }

    fn meter(&self, name: &Arc<str>) -> Arc<Meter> {
        if let Some(meter) = self.meters.read().expect("nothing panics while it holds this lock").get(name) {
            return meter.clone();
        }
        let meter = Arc::new(Meter::of(name));
        let mut kept = self.meters.write().expect("nothing panics while it holds this lock");
        if kept.len() >= METERS_MAX {
            kept.clear();
        }
        kept.insert(name.clone(), meter.clone());
        meter
    }

    /// The component, from memory or disk. From afar it takes its time, and meanwhile it is missing.
    pub(crate) fn component(&self, digest: Digest) -> Result<Arc<Prepared>, Gap> {
        if let Some(prepared) = self.library.find(digest) {
            return Ok(prepared);
        }
        match self.workshop.component(digest) {
            Gap::Missing(_) if self.is_patient => {
                self.workshop.wait();
                self.library.find(digest).ok_or_else(|| self.workshop.component(digest))
            }
            gap => Err(gap),
        }
    }

    /// All validators' verdicts as one: every one must accept, and every one is heard.
    fn heard(&self, entry: &Entry, change: &Change, before: &State) -> Judgement {
        let all = Validators::bound(change, before)?;
        if all.is_empty() {
            return Ok(Verdict::accept());
        }
        let told = Told::new(entry, change, before)
            .map_err(|digest| (Fault::Missing, format!("blob {digest} is not at hand")))?;
        let question = |bound: &Bound| verdicts::question(bound.binding, &bound.sieve, entry, change, before);
        let (mut sum, mut given) = (Sum::default(), Vec::new());
        for bound in &all {
            let judgement = match self.verdicts.find(|| question(bound)) {
                Some(verdict) => Ok(verdict),
                None => self.asked(bound, &told),
            };
            if let Ok(verdict) = &judgement {
                given.push((bound, verdict.clone()));
            }
            match (bound.binding.mode, judgement) {
                (Mode::Enforce, Ok(verdict)) => sum.add(verdict),
                (Mode::Enforce, Err(fault)) => {
                    let given = given.into_iter().filter(|(bound, _)| !self.looks_up(bound.binding));
                    self.verdicts.keep(given.map(|(bound, verdict)| (question(bound), verdict)).collect());
                    return Err(fault);
                }
                (Mode::Monitor | Mode::Off, judgement) => sum.note(&bound.binding.name, judgement),
            }
        }
        Ok(sum.verdict())
    }

    /// What one validator says of a change.
    fn asked(&self, Bound { binding, sieve }: &Bound<'_>, told: &Told<'_>) -> Judgement {
        self.library.ceilings.check(binding)?;
        let component = match self.component(binding.component) {
            Ok(component) => component,
            Err(Gap::Missing(why)) => return Err((Fault::Missing, why)),
            Err(Gap::Unfit(why)) => return Ok(unfit(&binding.name, why)),
        };
        let image = self.library.at_hand(self.library.image_name(binding));
        let meter = self.meter(&binding.name);
        let trial = {
            let _pass = meter.gate.enter(binding.limits.concurrent_calls);
            self.library.try_prepared(&component, image.as_deref(), binding, told, sieve)
        };
        if trial.configured_fuel > 0 {
            self.workshop.configured(binding, trial.configured_fuel);
        }
        meter.seen(&trial);
        trial.judgement
    }

    /// Whether its verdicts depend on more than the change and the keys it edits.
    fn looks_up(&self, binding: &Binding) -> bool {
        self.library.at_hand(binding.component).is_none_or(|component| component.looks_up())
    }
}

/// Verdicts put together. The first that rejects gives the cause.
#[derive(Default)]
pub(crate) struct Sum {
    cause: Option<Cause>,
    findings: Vec<Finding>,
}

impl Sum {
    pub(crate) fn add(&mut self, verdict: Verdict) {
        let findings = match &verdict {
            Verdict::Accept(findings) => findings,
            Verdict::Reject(cause, findings) => {
                self.cause.get_or_insert(*cause);
                findings
            }
        };
        self.findings.extend_from_slice(findings);
    }

    /// What a validator that only watches has to say. It holds nothing up either: what a host could not find
    /// out is told to the host's operator, and no part of any outcome.
    fn note(&mut self, name: &Arc<str>, judgement: Judgement) {
        match judgement {
            Ok(Verdict::Accept(findings)) => self.findings.extend_from_slice(&findings),
            Ok(Verdict::Reject(cause, findings)) => {
                let why = format!("it would have rejected this change ({cause}), and only monitors");
                self.findings.push(said(name, Severity::Warning, "monitored", why));
                self.findings.extend_from_slice(&findings);
            }
            Err((fault, why)) => tracing::warn!(validator = %name, %fault, why, "not judged, only monitored"),
        }
    }

    pub(crate) fn refuse(&mut self, finding: Finding) {
        self.cause.get_or_insert(Cause::Verdict);
        self.findings.push(finding);
    }

    pub(crate) fn verdict(self) -> Verdict {
        match self.cause {
            None => Verdict::Accept(self.findings.into()),
            Some(cause) => Verdict::Reject(cause, self.findings.into()),
        }
    }
}

impl Judge for Validators {
    fn judge(&self, entry: &Entry, before: &State) -> Judgement {
        let Ok(change) = &entry.content else { return Ok(Verdict::accept()) };
        let heard = self.heard(entry, change, before)?;
        if !change.is_about_rules() {
            return Ok(heard);
        }
        let mut sum = Sum::default();
        sum.add(self.admitted(change, before)?);
        sum.add(heard);
        Ok(sum.verdict())
    }

    fn is_ready(&self, entry: &Entry, before: &State) -> bool {
        let Ok(change) = &entry.content else { return true };
        if change.is_about_rules() {
            return false;
        }
        let at_hand = |bound: &Bound| self.library.at_hand(bound.binding.component).is_some();
        Validators::bound(change, before).is_ok_and(|all| all.iter().all(at_hand))
    }
}

fn unfit(name: &Arc<str>, why: String) -> Verdict {
    Verdict::Reject(Cause::Verdict, Arc::new([said(name, Severity::Error, "component", why)]))
}
