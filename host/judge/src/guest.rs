//! A validator of whichever version of the contract. Version 1 gives the words; what older ones say is put
//! into them.

use std::cell::OnceCell;

use sluice_core::{Action, Change, Content, Digest, Entry, State};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Engine, Store};

use crate::run::Sandbox;
use crate::{v0_1, v1};

pub(crate) use v1::{Decision, Description, Fault as GuestFault, Finding, Severity, Verdict};

/// A component that fits one of the versions, ready to be instantiated.
pub(crate) enum Prepared {
    V0_1(v0_1::Prepared),
    V1(v1::Prepared),
}

/// An instance, for one call.
pub(crate) enum Guest {
    V0_1(v0_1::Guest),
    V1(v1::Guest),
}

impl Prepared {
    /// # Errors
    /// In words for whoever pushed it.
    pub(crate) fn new(engine: &Engine, component: &Component) -> Result<Prepared, String> {
        let imports = wanted(engine, component);
        let is_ours = |name: &&String| v1::OFFERED.iter().any(|ours| name.starts_with(ours));
        let foreign: Vec<&str> = imports.iter().filter(|name| !is_ours(name)).map(String::as_str).collect();
        if !foreign.is_empty() {
            let offered = "a validator gets its arguments, sluice:validator/current and sluice:validator/log";
            return Err(format!("asks for {}; {offered}", foreign.join(", ")));
        }
        let world = component.component_type();
        let exports: Vec<&str> = world.exports(engine).map(|(name, _)| name).collect();
        let speaks = |version: &str| exports.iter().any(|name| name.starts_with(version));
        if speaks(v1::EXPORT) {
            return v1::Prepared::new(engine, component).map(Prepared::V1);
        }
        if speaks(v0_1::EXPORT) {
            return v0_1::Prepared::new(engine, component).map(Prepared::V0_1);
        }
        let exported = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        Err(format!("exports {exported}, and not sluice:validator/validator@1.0.0"))
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Guest> {
        match self {
            Prepared::V0_1(prepared) => prepared.instantiate(store).map(Guest::V0_1),
            Prepared::V1(prepared) => prepared.instantiate(store).map(Guest::V1),
        }
    }

    /// Whether its calls see more of the state than the keys of the change, or old values of those.
    pub(crate) fn looks_up(&self) -> bool {
        match self {
            Prepared::V0_1(_) => true,
            Prepared::V1(prepared) => prepared.looks_up,
        }
    }
}

impl Guest {
    /// What it says of itself.
    pub(crate) fn describe(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Description> {
        match self {
            Guest::V0_1(guest) => v0_1::describe(guest, store),
            Guest::V1(guest) => guest.sluice_validator_validator().call_describe(store),
        }
    }

    /// Gives it its settings, and hears what is wrong with them.
    pub(crate) fn configure(
        &self,
        store: &mut Store<Sandbox>,
        settings: &str,
    ) -> wasmtime::Result<Result<Vec<Finding>, GuestFault>> {
        match self {
            Guest::V0_1(guest) => v0_1::check(guest, store, settings),
            Guest::V1(guest) => guest.sluice_validator_validator().call_configure(store, settings),
        }
    }

    /// Its verdict. An instance that is no image gets its settings first.
    pub(crate) fn validate(
        &self,
        store: &mut Store<Sandbox>,
        told: &Told<'_>,
        bound: &Sieve,
        settings: Option<&str>,
    ) -> wasmtime::Result<Result<Verdict, GuestFault>> {
        match (self, settings) {
            (Guest::V0_1(guest), settings) => told.v0_1().ask(guest, store, settings.unwrap_or("null"), &bound.bound),
            (Guest::V1(guest), settings) => {
                let fuel = store.data().fuel;
                if let Some(settings) = settings {
                    let sight = store.data_mut().sight.take();
                    match guest.sluice_validator_validator().call_configure(&mut *store, settings)? {
                        Ok(findings) => {
                            if let Some(finding) = findings.into_iter().find(|one| one.severity == Severity::Error) {
                                return Ok(Ok(unusable(finding)));
                            }
                        }
                        Err(fault) => return Ok(Err(fault)),
                    }
                    let configured_fuel = fuel - store.get_fuel()?;
                    store.data_mut().begin(sight, configured_fuel);
                }
                // Counted from here, so that a call costs the same whether an image spared it what came before.
                store.set_fuel(fuel)?;
                told.v1().ask(guest, store, &bound.bound, &bound.shown)
            }
        }
    }
}

/// The verdict of one that cannot be configured. No host comes to it: such a binding is not let in.
fn unusable(finding: Finding) -> Verdict {
    let place = finding.pointer.map(|pointer| format!(" at {pointer}")).unwrap_or_default();
    let message = format!("cannot use its settings: {}{place}", finding.message);
    let finding = Finding { code: "settings".into(), message, key: None, pointer: None, ..finding };
    Verdict { decision: Decision::Reject, findings: vec![finding] }
}

/// Which edits of a change are a binding's to judge, and which its validator sees.
#[derive(Clone, Debug)]
pub(crate) struct Sieve {
    pub(crate) bound: Vec<bool>,
    pub(crate) shown: Vec<bool>,
}

/// A change in the words of each version, made when first asked for.
pub(crate) struct Told<'c> {
    entry: &'c Entry,
    change: &'c Change,
    before: &'c State,
    v0_1: OnceCell<v0_1::Told<'c>>,
    v1: OnceCell<v1::Told<'c>>,
}

impl<'c> Told<'c> {
    /// # Errors
    /// When bytes of the change are not at hand, naming them.
    pub(crate) fn new(entry: &'c Entry, change: &'c Change, before: &'c State) -> Result<Told<'c>, Digest> {
        for edit in &change.edits {
            if let Action::Put(put) = &edit.action
                && let Content::At(blob) = &put.content
            {
                return Err(blob.digest);
            }
        }
        Ok(Told { entry, change, before, v0_1: OnceCell::new(), v1: OnceCell::new() })
    }

    /// The change itself.
    pub(crate) fn change(&self) -> &'c Change {
        self.change
    }

    /// The state before it.
    pub(crate) fn before(&self) -> &'c State {
        self.before
    }

    fn v0_1(&self) -> &v0_1::Told<'c> {
        self.v0_1.get_or_init(|| v0_1::Told::new(self.entry, self.change, self.before))
    }

    fn v1(&self) -> &v1::Told<'c> {
        self.v1.get_or_init(|| v1::Told::new(self.entry, self.change, self.before))
    }
}

/// What a component asks for that is more than words for types: those every component that uses a shared
/// interface names, and they need nothing behind them.
pub(crate) fn wanted(engine: &Engine, component: &Component) -> Vec<String> {
    let world = component.component_type();
    let imports = world.imports(engine).filter(|(_, import)| wants_something(engine, &import.ty));
    imports.map(|(name, _)| name.to_owned()).collect()
}

fn wants_something(engine: &Engine, import: &ComponentItem) -> bool {
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

/// The fault as a code and a sentence of a finding.
pub(crate) fn words(fault: GuestFault) -> (&'static str, String) {
    match fault {
        GuestFault::Unsupported(why) => ("unsupported", why),
        GuestFault::Internal(why) => ("internal", format!("the validator failed: {why}")),
    }
}
