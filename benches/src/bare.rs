//! One bare call of a validator: wasmtime, a fresh instance, the same limits, and nothing of ours around it.

use std::time::Instant;

use anyhow::Result;
use sluice_core::Entry;
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits, StoreLimitsBuilder,
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/1.0.0",
        world: "validating",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use bindings::ValidatingPre;
use bindings::sluice::validator::{log, types as api};

/// Fuel, memory and time of a call: the defaults of a binding.
const FUEL: u64 = 2_000_000_000;
const MEMORY_BYTES: usize = 64 << 20;
const TICKS: u64 = 1001;

/// Microseconds a call over one document, over so many calls one after another.
pub fn call_us(component: &[u8], settings: &str, entry: &Entry, calls: usize) -> Result<f64> {
    let engine = Engine::new(&config()).map_err(plain)?;
    let component = Component::new(&engine, component).map_err(plain)?;
    let mut linker = Linker::new(&engine);
    let deaf = |_: wasmtime::StoreContextMut<'_, StoreLimits>, _: (log::Level, String)| Ok(());
    linker.instance("sluice:validator/log@1.0.0").and_then(|mut it| it.func_wrap("log", deaf)).map_err(plain)?;
    let pre = linker.instantiate_pre(&component).map_err(plain)?;
    let pre = ValidatingPre::new(pre).map_err(plain)?;
    let text = std::str::from_utf8(&entry.fields[0].1)?;
    let begun = Instant::now();
    for _ in 0..calls {
        call(&engine, &pre, settings, text).map_err(plain)?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / calls as f64)
}

fn call(engine: &Engine, pre: &ValidatingPre<StoreLimits>, settings: &str, text: &str) -> wasmtime::Result<()> {
    let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store.set_fuel(FUEL)?;
    store.set_epoch_deadline(TICKS);
    let guest = pre.instantiate(&mut store)?;
    let revision = api::Revision { millis: 1, sequence: 0 };
    let new = api::DocumentParam { body: api::ContentParam::Text(text), media_type: "application/json", revision };
    let edit = api::Edit { key: "tenant-1/x", operation: api::Operation::Create, bound: true, new: Some(new) };
    let change = api::Change { edits: &[edit], revision, author: None, reason: None, metadata: &[] };
    let validator = guest.sluice_validator_validator();
    validator.call_configure(&mut store, settings)?.map_err(|fault| wasmtime::Error::msg(format!("{fault:?}")))?;
    let answer = validator.call_validate(&mut store, change)?;
    match answer {
        Ok(verdict) if matches!(verdict.decision, api::Decision::Accept) => Ok(()),
        Ok(_) | Err(_) => Err(wasmtime::Error::msg("the bench's document is not accepted")),
    }
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(4)
        .total_core_instances(4 * 32)
        .total_memories(4 * 4)
        .total_tables(4 * 4)
        .max_memory_size(256 << 20)
        .table_elements(20_000)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(128 << 10);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(1 << 20)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .concurrency_support(false)
        .generate_address_map(false);
    config
}

/// wasmtime has an error type of its own.
fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
