//! What a validator may call: the look-up and the log. Both cost fuel, by what they move, so that what a
//! host does on behalf of a guest ends with the guest's means.

use wasmtime::component::Linker;
use wasmtime::{Engine, Result, StoreContextMut, Trap};

use sluice_core::Item;

use crate::journal::Level;
use crate::run::Sandbox;
use crate::sight::Blind;

use super::bindings::sluice::validator::log::Level as Spoken;
use super::types::{ContentResult as Body, DocumentResult as Document};

/// The interfaces offered, the look-up first, without their version.
pub(crate) const OFFERED: [&str; 2] = ["sluice:validator/current@1.", "sluice:validator/log@1."];
/// Fuel of a call to the host beside its bytes: about what it takes in time.
const CALL_FUEL: u64 = 1000;

/// All that there is to link against.
pub(super) fn linker(engine: &Engine) -> Result<Linker<Sandbox>> {
    let mut linker = Linker::new(engine);
    let mut current = linker.instance("sluice:validator/current@1.0.0")?;
    current.func_wrap("get", |store, (key,): (String,)| Ok((get(store, &key)?,)))?;
    current.func_wrap("keys", |store, (prefix, after): (String, Option<String>)| {
        Ok((keys(store, &prefix, after.as_deref())?,))
    })?;
    let mut log = linker.instance("sluice:validator/log@1.0.0")?;
    log.func_wrap("log", |store, (level, message): (Spoken, String)| write(store, level, &message))?;
    Ok(linker)
}

fn get(mut store: StoreContextMut<'_, Sandbox>, key: &str) -> Result<Option<Document>> {
    spend(&mut store, CALL_FUEL)?;
    let found = store.data().sight(key)?.get(key)?.cloned();
    let Some(Item { bytes, media, revision, .. }) = found else { return Ok(None) };
    spend(&mut store, bytes.len() as u64)?;
    let body = match std::str::from_utf8(&bytes) {
        Ok(text) => Body::Text(text.to_owned()),
        Err(_) => Body::Bytes(bytes.to_vec()),
    };
    let (media_type, revision) = (media.as_str().to_owned(), super::revision(revision));
    Ok(Some(Document { body, media_type, revision }))
}

fn keys(mut store: StoreContextMut<'_, Sandbox>, prefix: &str, after: Option<&str>) -> Result<Vec<String>> {
    spend(&mut store, CALL_FUEL)?;
    let sandbox = store.data();
    let names = sandbox.sight(prefix)?.names(prefix, after, sandbox.until)?;
    let bytes: usize = names.iter().map(String::len).sum();
    spend(&mut store, CALL_FUEL / 10 * names.len() as u64 + bytes as u64)?;
    Ok(names)
}

fn write(mut store: StoreContextMut<'_, Sandbox>, level: Spoken, message: &str) -> Result<()> {
    spend(&mut store, CALL_FUEL + message.len() as u64)?;
    let level = match level {
        Spoken::Error => Level::Error,
        Spoken::Warn => Level::Warn,
        Spoken::Info => Level::Info,
        Spoken::Debug => Level::Debug,
    };
    store.data_mut().write(level, message);
    Ok(())
}

/// Takes fuel, or ends the call as the guest's own code would have.
fn spend(store: &mut StoreContextMut<'_, Sandbox>, fuel: u64) -> Result<()> {
    let left = store.get_fuel()?;
    store.set_fuel(left.saturating_sub(fuel))?;
    if left < fuel { Err(Trap::OutOfFuel.into()) } else { Ok(()) }
}

impl Sandbox {
    fn sight(&self, asked: &str) -> Result<&crate::sight::Sight, Blind> {
        self.sight.as_ref().ok_or_else(|| Blind::Denied(asked.to_owned()))
    }
}
