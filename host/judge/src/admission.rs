//! Whether a binding may come into force: judged natively, before any validator is asked.

use std::sync::Arc;

use sluice_core::{Binding, Content, Fault, Finding, Key, Put, Severity, Verdict};
use sluice_node::Judgement;

use crate::finding::{clean, said, taken};
use crate::guest::{Finding as Said, Guest, GuestFault, Severity as How, words};
use crate::library::Gap;
use crate::run::{Stop, run};
use crate::trial::stopped;
use crate::validators::{Sum, Validators};

impl Validators {
    /// A binding is refused if it cannot be read, if its component is no validator, or if the validator
    /// refuses the settings.
    pub(crate) fn judge_binding(&self, key: &Key, name: &str, put: &Put) -> Judgement {
        let name: Arc<str> = name.into();
        let bytes = match &put.content {
            Content::Here(bytes) => bytes,
            Content::At(blob) => return Err((Fault::Missing, format!("blob {} is not at hand", blob.digest))),
        };
        let binding = match Binding::parse(&name, bytes) {
            Ok(binding) => binding,
            Err(error) => return Ok(refused(key, &name, "binding", &error.pointer, error.message)),
        };
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
