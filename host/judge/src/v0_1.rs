//! Speaks `sluice:validator@0.1`, which imports nothing, copies old values and takes the settings with each
//! call. Its answers are put into the words of version 1.

use std::borrow::Cow;

use sluice_core::{self as core, Action, Content, Entry, State};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::guest::wanted;
use crate::run::{Sandbox, Stage};
use crate::v1;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "validating",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(crate) use bindings::Validating as Guest;
use bindings::sluice::validator::types;

/// What a component of this version exports, without the last part of the version.
pub(crate) const EXPORT: &str = "sluice:validator/validator@0.1.";

/// A component that fits the world, ready to be instantiated.
pub(crate) struct Prepared(bindings::ValidatingPre<Sandbox>);

impl Prepared {
    /// Links it against nothing, which is all there is.
    ///
    /// # Errors
    /// In words for whoever pushed it.
    pub(crate) fn new(engine: &Engine, component: &Component) -> Result<Prepared, String> {
        let imports = wanted(engine, component);
        if !imports.is_empty() {
            return Err(format!("asks for {}; a validator of version 0.1 gets nothing", imports.join(", ")));
        }
        let pre = Linker::new(engine).instantiate_pre(component).map_err(|error| format!("{error:#}"))?;
        let fitting = bindings::ValidatingPre::new(pre);
        fitting.map(Prepared).map_err(|error| format!("does not export sluice:validator/validator@0.1.0: {error:#}"))
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Guest> {
        let instance = self.0.instance_pre().instantiate(&mut *store)?;
        store.data_mut().stage = Stage::Calling;
        Guest::new(store, &instance)
    }
}

/// What it says of itself.
pub(crate) fn describe(guest: &Guest, store: &mut Store<Sandbox>) -> wasmtime::Result<v1::Description> {
    let said = guest.sluice_validator_validator().call_describe(store)?;
    Ok(v1::Description {
        name: said.name,
        version: said.version,
        summary: said.summary,
        keys: Vec::new(),
        reads: Vec::new(),
        settings_schema: None,
    })
}

/// What it says of settings.
pub(crate) fn check(
    guest: &Guest,
    store: &mut Store<Sandbox>,
    settings: &str,
) -> wasmtime::Result<Result<Vec<v1::Finding>, v1::Fault>> {
    Ok(match guest.sluice_validator_validator().call_check(store, settings)? {
        Ok(findings) => Ok(findings.into_iter().map(finding).collect()),
        Err(types::Fault::Settings(why)) => Ok(vec![unusable(why)]),
        Err(fault) => Err(self::fault(fault)),
    })
}

/// A change in the guest's words, but for which of its edits are bound. Borrows all it can.
pub(crate) struct Told<'c> {
    edits: Vec<types::Edit<'c>>,
    metadata: Vec<(&'c str, Cow<'c, str>)>,
    author: Option<&'c str>,
    reason: Option<&'c str>,
    published_at: u64,
}

impl<'c> Told<'c> {
    /// The bytes of the change are at hand.
    pub(crate) fn new(entry: &Entry, change: &'c core::Change, before: &'c State) -> Told<'c> {
        Told {
            edits: change.edits.iter().map(|edit| told(edit, entry.judged_at(), before)).collect(),
            metadata: change.extras.iter().map(|(name, value)| (&**name, String::from_utf8_lossy(value))).collect(),
            author: change.author.as_deref(),
            reason: change.reason.as_deref(),
            published_at: entry.judged_at().ms,
        }
    }

    /// Asks a guest, with those edits bound that `bound` says.
    pub(crate) fn ask(
        &self,
        guest: &Guest,
        store: &mut Store<Sandbox>,
        settings: &str,
        bound: &[bool],
    ) -> wasmtime::Result<Result<v1::Verdict, v1::Fault>> {
        let mut edits = self.edits.clone();
        edits.iter_mut().zip(bound).for_each(|(edit, bound)| edit.bound = *bound);
        let metadata: Vec<(&str, &str)> = self.metadata.iter().map(|(name, value)| (*name, &**value)).collect();
        let change = types::Change {
            edits: &edits,
            published_at: self.published_at,
            author: self.author,
            reason: self.reason,
            metadata: &metadata,
        };
        Ok(match guest.sluice_validator_validator().call_validate(store, change, settings)? {
            Ok(said) => Ok(verdict(said)),
            Err(types::Fault::Settings(why)) => {
                Ok(v1::Verdict { decision: v1::Decision::Reject, findings: vec![unusable(why)] })
            }
            Err(fault) => Err(self::fault(fault)),
        })
    }
}

fn told<'c>(edit: &'c core::Edit, written: core::Revision, before: &'c State) -> types::Edit<'c> {
    let old = before.item(&edit.key);
    let new = match &edit.action {
        Action::Put(core::Put { content: Content::Here(bytes), media, .. }) => {
            Some(document(bytes, media.as_str(), written))
        }
        Action::Put(core::Put { content: Content::At(_), .. }) | Action::Delete => None,
    };
    let operation = match (&edit.action, old) {
        (Action::Delete, _) => types::Operation::Delete,
        (Action::Put(_), None) => types::Operation::Create,
        (Action::Put(_), Some(_)) => types::Operation::Update,
    };
    let old = old.map(|item| document(&item.bytes, item.media.as_str(), item.revision));
    types::Edit { key: edit.key.as_str(), operation, bound: false, old, new }
}

fn document<'c>(bytes: &'c [u8], media_type: &'c str, revision: core::Revision) -> types::Document<'c> {
    let body = match std::str::from_utf8(bytes) {
        Ok(text) => types::Content::Text(text),
        Err(_) => types::Content::Bytes(bytes),
    };
    types::Document { body, media_type, revision: types::Revision { millis: revision.ms, sequence: revision.seq } }
}

fn verdict(said: types::Verdict) -> v1::Verdict {
    let decision = match said.decision {
        types::Decision::Accept => v1::Decision::Accept,
        types::Decision::Reject => v1::Decision::Reject,
    };
    v1::Verdict { decision, findings: said.findings.into_iter().map(finding).collect() }
}

fn finding(said: types::Finding) -> v1::Finding {
    let severity = match said.severity {
        types::Severity::Error => v1::Severity::Error,
        types::Severity::Warning => v1::Severity::Warning,
        types::Severity::Info => v1::Severity::Info,
    };
    let types::Finding { code, message, key, pointer, help, .. } = said;
    v1::Finding { severity, code, message, key, pointer, help }
}

fn fault(said: types::Fault) -> v1::Fault {
    match said {
        types::Fault::Settings(why) | types::Fault::Internal(why) => v1::Fault::Internal(why),
        types::Fault::Unsupported(why) => v1::Fault::Unsupported(why),
    }
}

fn unusable(why: String) -> v1::Finding {
    let message = format!("cannot use its settings: {why}");
    v1::Finding {
        severity: v1::Severity::Error,
        code: "settings".into(),
        message,
        key: None,
        pointer: None,
        help: None,
    }
}
