//! Speaks `sluice:validator@0.1`: our words to the guest's and back. A later version gets a module beside
//! this one, and the two are served at the same time.

use std::borrow::Cow;

use sluice_core::{self as core, Action, Content, Digest, Entry, Fault, State};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::run::Sandbox;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "validating",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(crate) use bindings::Validating as Guest;
use bindings::sluice::validator::types;
pub(crate) use types::{Decision, Fault as GuestFault, Finding, Severity, Verdict};

/// A component that fits the world, ready to be instantiated.
pub(crate) struct Prepared(bindings::ValidatingPre<Sandbox>);

impl Prepared {
    /// Links it against nothing, which is all there is.
    ///
    /// # Errors
    /// In words for whoever pushed it.
    pub(crate) fn new(engine: &Engine, component: &Component) -> Result<Prepared, String> {
        let world = component.component_type();
        let wanted = world.imports(engine).filter(|(_, import)| wants_something(engine, &import.ty));
        let imports: Vec<&str> = wanted.map(|(name, _)| name).collect();
        if !imports.is_empty() {
            return Err(format!("asks for {}; a validator gets nothing but its arguments", imports.join(", ")));
        }
        let pre = Linker::new(engine).instantiate_pre(component).map_err(|error| format!("{error:#}"))?;
        let fitting = bindings::ValidatingPre::new(pre);
        fitting.map(Prepared).map_err(|error| format!("does not export sluice:validator/validator@0.1: {error:#}"))
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Guest> {
        self.0.instantiate(store)
    }
}

/// Whether an import is more than words for types: those every component that uses a shared interface names,
/// and they need nothing behind them.
pub(crate) fn wants_something(engine: &Engine, import: &ComponentItem) -> bool {
    match import {
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).any(|(_, export)| !matches!(export.ty, ComponentItem::Type(_)))
        }
        ComponentItem::Type(_) => false,
        ComponentItem::ComponentFunc(_)
        | ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_)
        | ComponentItem::Resource(_) => true,
    }
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
    /// # Errors
    /// When bytes of the change are not at hand, naming them.
    pub(crate) fn new(entry: &Entry, change: &'c core::Change, before: &'c State) -> Result<Told<'c>, (Fault, Digest)> {
        let edits = change.edits.iter().map(|edit| told(edit, entry.revision, before));
        Ok(Told {
            edits: edits.collect::<Result<_, _>>()?,
            metadata: change.extras.iter().map(|(name, value)| (&**name, String::from_utf8_lossy(value))).collect(),
            author: change.author.as_deref(),
            reason: change.reason.as_deref(),
            published_at: entry.revision.ms,
        })
    }

    /// Asks a guest, with those edits bound that `bound` says.
    pub(crate) fn ask(
        &self,
        guest: &Guest,
        store: &mut Store<Sandbox>,
        settings: &str,
        bound: &[bool],
    ) -> wasmtime::Result<Result<Verdict, GuestFault>> {
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
        guest.sluice_validator_validator().call_validate(store, change, settings)
    }
}

fn told<'c>(
    edit: &'c core::Edit,
    revision: core::Revision,
    before: &'c State,
) -> Result<types::Edit<'c>, (Fault, Digest)> {
    let old = before.item(&edit.key);
    let new = match &edit.action {
        Action::Delete => None,
        Action::Put(put) => match &put.content {
            Content::Here(bytes) => Some(document(bytes, put.media.as_str(), revision)),
            Content::At(blob) => return Err((Fault::Missing, blob.digest)),
        },
    };
    let operation = match (&new, old) {
        (None, _) => types::Operation::Delete,
        (Some(_), None) => types::Operation::Create,
        (Some(_), Some(_)) => types::Operation::Update,
    };
    let old = old.map(|item| document(&item.bytes, item.media.as_str(), item.revision));
    Ok(types::Edit { key: edit.key.as_str(), operation, bound: false, old, new })
}

fn document<'c>(bytes: &'c [u8], media_type: &'c str, revision: core::Revision) -> types::Document<'c> {
    let body = match std::str::from_utf8(bytes) {
        Ok(text) => types::Content::Text(text),
        Err(_) => types::Content::Bytes(bytes),
    };
    types::Document { body, media_type, revision: types::Revision { millis: revision.ms, sequence: revision.seq } }
}

impl GuestFault {
    /// The fault as a code and a sentence of a finding.
    pub(crate) fn words(self) -> (&'static str, String) {
        match self {
            GuestFault::Settings(why) => ("settings", format!("cannot use its settings: {why}")),
            GuestFault::Unsupported(why) => ("unsupported", why),
            GuestFault::Internal(why) => ("internal", format!("the validator failed: {why}")),
        }
    }
}
