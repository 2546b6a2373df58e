//! Speaks `sluice:validator@1.0`: our words to the guest's and back.

mod imports;

use std::borrow::Cow;

use sluice_core::{self as core, Action, Content, Entry};
use wasmtime::component::{Component, Instance};
use wasmtime::{Engine, Store};

use crate::guest::wanted;
use crate::run::{Sandbox, Stage};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/1.0.0",
        world: "validating",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(crate) use bindings::Validating as Guest;
use bindings::sluice::validator::types;
pub(crate) use types::{Decision, Description, Fault, Finding, Severity, Verdict};

/// What a component of this version exports, without the version.
pub(crate) const EXPORT: &str = "sluice:validator/validator@1.";

pub(crate) use imports::OFFERED;

/// A component that fits the world, ready to be instantiated.
pub(crate) struct Prepared {
    pre: bindings::ValidatingPre<Sandbox>,
    /// Whether it imports the look-up: else none need be prepared.
    pub(crate) looks_up: bool,
}

impl Prepared {
    /// Links it against the look-up and the log.
    ///
    /// # Errors
    /// In words for whoever pushed it.
    pub(crate) fn new(engine: &Engine, component: &Component) -> Result<Prepared, String> {
        let imports = wanted(engine, component);
        let linker = imports::linker(engine).map_err(|error| format!("{error:#}"))?;
        let pre = linker.instantiate_pre(component).map_err(|error| format!("does not fit: {error:#}"))?;
        let pre = bindings::ValidatingPre::new(pre)
            .map_err(|error| format!("does not export sluice:validator/validator@1.0.0: {error:#}"))?;
        let looks_up = imports.iter().any(|name| name.starts_with(OFFERED[0]));
        Ok(Prepared { pre, looks_up })
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Guest> {
        self.instantiate_both(store).map(|(_, guest)| guest)
    }

    /// An instance with all it exports, not only what the contract knows.
    pub(crate) fn instantiate_both(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<(Instance, Guest)> {
        let instance = self.pre.instance_pre().instantiate(&mut *store)?;
        store.data_mut().stage = Stage::Calling;
        let guest = Guest::new(store, &instance)?;
        Ok((instance, guest))
    }
}

/// A change in the guest's words, but for which of its edits are bound. Borrows all it can.
pub(crate) struct Told<'c> {
    edits: Vec<types::Edit<'c>>,
    metadata: Vec<(&'c str, Cow<'c, str>)>,
    author: Option<&'c str>,
    reason: Option<&'c str>,
    revision: types::Revision,
}

impl<'c> Told<'c> {
    /// The bytes of the change are at hand.
    pub(crate) fn new(entry: &Entry, change: &'c core::Change, before: &core::State) -> Told<'c> {
        Told {
            edits: change.edits.iter().map(|edit| told(edit, entry.judged_at(), before)).collect(),
            metadata: change.extras.iter().map(|(name, value)| (&**name, String::from_utf8_lossy(value))).collect(),
            author: change.author.as_deref(),
            reason: change.reason.as_deref(),
            revision: revision(entry.judged_at()),
        }
    }

    /// Asks a guest. `bound` says which edits are bound, `shown` which it sees.
    pub(crate) fn ask(
        &self,
        guest: &Guest,
        store: &mut Store<Sandbox>,
        bound: &[bool],
        shown: &[bool],
    ) -> wasmtime::Result<Result<Verdict, Fault>> {
        let edits = self.edits.iter().zip(bound).zip(shown).filter(|(_, shown)| **shown);
        let edits: Vec<_> = edits.map(|((edit, bound), _)| types::Edit { bound: *bound, ..edit.clone() }).collect();
        let metadata: Vec<(&str, &str)> = self.metadata.iter().map(|(name, value)| (*name, &**value)).collect();
        let change = types::Change {
            edits: &edits,
            revision: self.revision,
            author: self.author,
            reason: self.reason,
            metadata: &metadata,
        };
        guest.sluice_validator_validator().call_validate(store, change)
    }
}

fn told<'c>(edit: &'c core::Edit, written: core::Revision, before: &core::State) -> types::Edit<'c> {
    let new = match &edit.action {
        Action::Put(core::Put { content: Content::Here(bytes), media, .. }) => {
            Some(document(bytes, media.as_str(), written))
        }
        Action::Put(core::Put { content: Content::At(_), .. }) | Action::Delete => None,
    };
    let operation = match &edit.action {
        Action::Delete => types::Operation::Delete,
        Action::Put(_) if before.item(&edit.key).is_none() => types::Operation::Create,
        Action::Put(_) => types::Operation::Update,
    };
    types::Edit { key: edit.key.as_str(), operation, bound: false, new }
}

fn document<'c>(bytes: &'c [u8], media_type: &'c str, written: core::Revision) -> types::DocumentParam<'c> {
    let body = match std::str::from_utf8(bytes) {
        Ok(text) => types::ContentParam::Text(text),
        Err(_) => types::ContentParam::Bytes(bytes),
    };
    types::DocumentParam { body, media_type, revision: revision(written) }
}

fn revision(revision: core::Revision) -> types::Revision {
    types::Revision { millis: revision.ms, sequence: revision.seq }
}
