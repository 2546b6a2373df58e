//! Whether a binding may come into force: judged natively, before any validator is asked.

use std::sync::Arc;

use sluice_core::key::{COMPONENTS, VALIDATORS};
use sluice_core::{Action, Binding, Change, Content, Digest, Fault, Finding, Key, Put, Severity, State, Verdict};
use sluice_node::Judgement;

use crate::finding::{clean, said, taken};
use crate::guest::{Finding as Said, Guest, GuestFault, Severity as How, words};
use crate::library::Gap;
use crate::run::{Stop, run};
use crate::trial::stopped;
use crate::validators::{Sum, Validators};

impl Validators {
    /// What a change does to the rules: bindings that come, components that are announced or withdrawn.
    pub(crate) fn admitted(&self, change: &Change, before: &State) -> Judgement {
        let mut sum = Sum::default();
        for edit in &change.edits {
            let name = edit.key.as_str();
            match (&edit.action, name.strip_prefix(VALIDATORS), name.strip_prefix(COMPONENTS)) {
                (Action::Put(put), Some(name), _) => {
                    sum.add(self.judge_binding(&edit.key, name, put, &Announced { change, before })?);
                }
                (Action::Put(_), _, Some(digest)) => announced(&mut sum, &edit.key, digest),
                (Action::Delete, _, Some(digest)) => withdrawn(&mut sum, &edit.key, digest, change, before),
                (Action::Delete, Some(_), _) | (_, None, None) => (),
            }
        }
        Ok(sum.verdict())
    }

    /// A binding is refused if it cannot be read, if its component was not announced or is no validator, or if
    /// the validator refuses the settings.
    fn judge_binding(&self, key: &Key, name: &str, put: &Put, components: &Announced<'_>) -> Judgement {
        let name: Arc<str> = name.into();
        let bytes = match &put.content {
            Content::Here(bytes) => bytes,
            Content::At(blob) => return Err((Fault::Missing, format!("blob {} is not at hand", blob.digest))),
        };
        let binding = match Binding::parse(&name, bytes) {
            Ok(binding) => binding,
            Err(error) => return Ok(refused(key, &name, "binding", &error.pointer, error.message)),
        };
        if !components.has(binding.component) {
            let why = format!(
                "component {} was not announced: sluice validator push does, or a document {COMPONENTS}{}",
                binding.component, binding.component
            );
            return Ok(refused(key, &name, "component", "/component", why));
        }
        self.library.ceilings.check(&binding)?;
        let guest = match self.component(binding.component) {
            Ok(guest) => guest,
            Err(Gap::Missing(why)) => return Err((Fault::Missing, why)),
            Err(Gap::Unfit(why)) => return Ok(refused(key, &name, "component", "/component", why)),
        };
        let configure = |guest: &Guest, store: &mut _| guest.configure(store, &binding.settings);
        let ran = run(&self.library.machine, &guest, &binding.limits, None, configure);
        checked(key, &name, ran.result)
    }
}

/// The components that bindings of a change may name.
///
/// Whether the bytes of a component are at hand differs between hosts, and may change any time. Whether somebody
/// has said that they are stored is part of the state, the same on all hosts. So a digest that nobody ever pushed
/// is refused, and one that was pushed and cannot be had holds what it judges.
struct Announced<'c> {
    change: &'c Change,
    before: &'c State,
}

impl Announced<'_> {
    fn has(&self, component: Digest) -> bool {
        let name = format!("{COMPONENTS}{component}");
        match self.change.edits.iter().find(|edit| edit.key.as_str() == name) {
            Some(edit) => matches!(edit.action, Action::Put(_)),
            None => self.before.find(name.as_bytes()).is_some(),
        }
    }
}

fn announced(sum: &mut Sum, key: &Key, digest: &str) {
    if digest.parse::<Digest>().is_err() {
        let why = format!("{digest} is no digest: announce a component by the 64 hex digits of its BLAKE3");
        sum.add(refused(key, &"sluice".into(), "component", "", why));
    }
}

/// A component that is bound stays announced.
fn withdrawn(sum: &mut Sum, key: &Key, digest: &str, change: &Change, before: &State) {
    let is_replaced = |binding: &Key| change.edits.iter().any(|edit| edit.key == *binding);
    let bound = before.bindings().iter().find(|(key, binding)| {
        !is_replaced(key) && (***binding).as_ref().is_ok_and(|binding| binding.component.to_string() == digest)
    });
    if let Some((binding, _)) = bound {
        let why = format!("{binding} is bound to this component: unbind it first, or in the same change");
        sum.add(refused(key, &"sluice".into(), "in-use", "", why));
    }
}

/// What the validator says of its settings; its pointers go into them, ours into the document.
fn checked(key: &Key, name: &Arc<str>, answer: Result<Result<Vec<Said>, GuestFault>, Stop>) -> Judgement {
    let mut found = match answer {
        Ok(Ok(found)) => found,
        Ok(Err(fault)) => {
            let (code, message) = words(fault);
            return Ok(refused(key, name, code, "/settings", message));
        }
        Err(stop) => return stopped(name, stop),
    };
    let is_wrong = found.iter().any(|finding| matches!(finding.severity, How::Error));
    let place = |finding: &mut Said| {
        finding.key = Some(key.to_string());
        finding.pointer = Some(format!("/settings{}", finding.pointer.take().unwrap_or_default()));
    };
    found.iter_mut().for_each(place);
    let mut sum = Sum::default();
    let findings = taken(name, found, std::slice::from_ref(key));
    match is_wrong {
        false => sum.add(Verdict::Accept(findings.into())),
        true => findings.into_iter().for_each(|finding| sum.refuse(finding)),
    }
    Ok(sum.verdict())
}

fn refused(key: &Key, name: &Arc<str>, code: &str, pointer: &str, message: String) -> Verdict {
    let mut sum = Sum::default();
    let finding = said(name, Severity::Error, code, message);
    sum.refuse(Finding { key: Some(key.clone()), pointer: Some(clean(pointer, 1024)), ..finding });
    sum.verdict()
}
