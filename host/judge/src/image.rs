//! Images: a component as it is once it has its settings.
//!
//! A validator that compiles a large schema would do so in every call, for every call has a fresh instance. So
//! it is configured once, its memories and globals are written into a copy of the component (`wasmtime-wizer`),
//! and calls are instances of the copy. Each host makes its images itself; what a call answers, and the fuel it
//! takes from there on, is the same with and without one.

use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sluice_core::Limits;
use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime::{Error, Store, format_err};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use crate::engine::Machine;
use crate::guest::Prepared;
use crate::library::{Gap, Unfit};
use crate::run::{Sandbox, store};

/// Fuel of configuring below which an image is not worth its room: it would spare a call a few microseconds.
pub(crate) const WORTH_FUEL: u64 = 20_000;
/// Fuel for each byte of code that is about as long as compiling it. An image is made once a binding has used as much
/// for being configured again and again: then it has cost as much as it spares, and at most twice.
pub(crate) const COMPILE_FUEL: u64 = 200;

/// Whether images can be made of a component; if not, why not.
pub(crate) fn is_possible(bytes: &[u8]) -> Result<(), String> {
    guarded(|| Wizer::new().instrument_component(bytes).map(drop)).map_err(|error| unfit(error).0)
}

/// The bytes of an image. Slow, for the component is compiled in a form that tells its inner state.
///
/// # Errors
/// Why there can be none; the component itself goes on serving.
pub(crate) fn made(machine: &Machine, bytes: &[u8], settings: &str, limits: &Limits) -> Result<Vec<u8>, Gap> {
    let wizer = Wizer::new();
    let (context, telling) = guarded(|| wizer.instrument_component(bytes)).map_err(unfit)?;
    let code = machine.compiled(&telling)?;
    guarded(|| {
        // SAFETY: the engine has just made this code.
        let component = unsafe { Component::deserialize(&machine.engine, code)? };
        let Prepared::V1(prepared) = Prepared::new(&machine.engine, &component).map_err(|why| format_err!("{why}"))?
        else {
            return Err(format_err!("it speaks a version without configure"));
        };
        let _slot = machine.slot();
        let mut store = store(machine, limits, None);
        let (instance, guest) = prepared.instantiate_both(&mut store)?;
        let answer = guest.sluice_validator_validator().call_configure(&mut store, settings)?;
        answer.map_err(|fault| format_err!("{fault:?}"))?;
        // What follows is ours: it reads memories, whole.
        store.set_fuel(u64::MAX)?;
        store.set_hostcall_fuel(usize::MAX);
        ready(snapshot(&wizer, &context, Teller { store: &mut store, instance }))
    })
    .map_err(|error| unfit(error).into())
}

async fn snapshot(wizer: &Wizer, context: &ComponentContext<'_>, mut teller: Teller<'_>) -> wasmtime::Result<Vec<u8>> {
    wizer.snapshot_component(context, &mut teller).await
}

/// An instance that tells its inner state.
struct Teller<'s> {
    store: &'s mut Store<Sandbox>,
    instance: Instance,
}

impl Teller<'_> {
    /// Calls a function of the form that was made for telling, which has no imports and does not trap.
    fn told<R: Lift + Send + Sync + 'static>(&mut self, interface: &str, function: &str) -> R {
        let told = || -> wasmtime::Result<R> {
            let absent = || format_err!("{interface}#{function} is not there");
            let (_, interface) = self.instance.get_export(&mut *self.store, None, interface).ok_or_else(absent)?;
            let found = self.instance.get_export(&mut *self.store, Some(&interface), function);
            let (_, function) = found.ok_or_else(absent)?;
            let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, function)?;
            Ok(function.call(&mut *self.store, ())?.0)
        };
        let mut told = told;
        told().expect("what wizer has put in can be called")
    }
}

impl ComponentInstanceState for Teller<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        let list: WasmList<u8> = self.told(instance, func);
        contents(list.as_le_slice(&*self.store));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.told(instance, func)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.told(instance, func)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.told::<f32>(instance, func).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.told::<f64>(instance, func).to_bits()
    }
}

/// The result of a future that never waits, as none does whose state is asked for on this thread.
fn ready<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(format_err!("it waits for something")),
    }
}

/// What wizer cannot do it says by an error or by a panic.
fn guarded<T>(work: impl FnOnce() -> wasmtime::Result<T>) -> wasmtime::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::msg("it uses what images cannot hold")))
}

fn unfit(error: Error) -> Unfit {
    Unfit::new(&format!("{error:#}"))
}
