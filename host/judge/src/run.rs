//! One call of one guest: a fresh instance, under limits, thrown away afterwards.

use std::time::{Duration, Instant};

use sluice_core::{Fault, Limits};
use wasmtime::{Error, FrameInfo, OutOfMemory, PoolConcurrencyLimitError, ResourceLimiter, Store, Trap, WasmBacktrace};

use crate::engine::Machine;
use crate::finding::clean;
use crate::guest::{Guest, Prepared};
use crate::journal::{Journal, Level};
use crate::sight::{Blind, Sight};

/// Bytes of a function's name that are shown.
const NAME_BYTES_MAX: usize = 256;

/// How wasmtime begins to tell where a call was; a test of ours holds on to the words.
const BACKTRACE: &str = "error while executing at wasm backtrace";

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Units of fuel. The same on every host of one version.
    pub fuel: u64,
    /// Most bytes of memory held.
    pub memory_bytes: u64,
    /// Instantiation, the call and what follows it.
    pub time: Duration,
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It ran out of fuel or memory, or said too much: the same on every host.
    Limit(String),
    /// It broke a rule of WebAssembly or of the component model: the same on every host.
    Trap(String),
    /// It looked up what its binding does not read: the same on every host.
    Denied(String),
    /// This host could not finish it.
    Fault(Fault, String),
}

impl Stop {
    /// In words, without what it means.
    pub(crate) fn why(&self) -> &str {
        match self {
            Stop::Limit(why) | Stop::Trap(why) | Stop::Denied(why) | Stop::Fault(_, why) => why,
        }
    }
}

/// What one instance may use, and what became of it.
pub(crate) struct Sandbox {
    left: usize,
    held: usize,
    /// Whether more was asked for than there was.
    denied: bool,
    table_elements: usize,
    instances: usize,
    /// What a call begins with once the settings are in.
    pub(crate) fuel: u64,
    /// What was used before.
    pub(crate) configured_fuel: u64,
    /// When the host's patience ends.
    pub(crate) until: Instant,
    /// What may be looked up; none while it is configured.
    pub(crate) sight: Option<Sight>,
    journal: Journal,
    lines_max: usize,
}

/// What came of a call.
pub(crate) struct Ran<T> {
    pub(crate) result: Result<T, Stop>,
    pub(crate) cost: Cost,
    /// What configuring took, if the call had to be preceded by it.
    pub(crate) configured_fuel: u64,
    pub(crate) journal: Journal,
    /// The functions it was in when it was stopped, the innermost first.
    pub(crate) backtrace: Vec<String>,
}

/// Runs `call` on a fresh instance.
pub(crate) fn run<T>(
    machine: &Machine,
    guest: &Prepared,
    limits: &Limits,
    sight: Option<Sight>,
    call: impl FnOnce(&Guest, &mut Store<Sandbox>) -> wasmtime::Result<T>,
) -> Ran<T> {
    let _slot = machine.slot();
    let begun = Instant::now();
    let mut store = store(machine, limits, sight);
    let result = guest.instantiate(&mut store).and_then(|guest| call(&guest, &mut store));
    let fuel = limits.fuel - store.get_fuel().expect("the engine counts fuel");
    let cost = Cost { fuel, memory_bytes: store.data().held as u64, time: begun.elapsed() };
    let backtrace = result.as_ref().err().map_or_else(Vec::new, frames);
    let result = result.map_err(|error| stop(&error, store.data(), limits));
    let Sandbox { journal, configured_fuel, .. } = store.into_data();
    Ran { result, cost, configured_fuel, journal, backtrace }
}

/// Room for one instance, with all its limits set.
pub(crate) fn store(machine: &Machine, limits: &Limits, sight: Option<Sight>) -> Store<Sandbox> {
    let mut store = Store::new(&machine.engine, Sandbox::new(limits, sight, Instant::now()));
    store.limiter(|sandbox| sandbox);
    store.set_fuel(limits.fuel).expect("the engine counts fuel");
    store.set_hostcall_fuel(limits.result_bytes as usize);
    store.set_epoch_deadline(Machine::ticks(limits.time_ms));
    store
}

/// The functions a failed call was in, by their names where the component keeps them.
fn frames(error: &Error) -> Vec<String> {
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    let name = |frame: &FrameInfo| match frame.func_name() {
        Some(name) => clean(name, NAME_BYTES_MAX).to_string(),
        None => format!("function {}", frame.func_index()),
    };
    frames.iter().map(name).collect()
}

/// Sorts a failed call by what it means, not by who threw it.
fn stop(error: &Error, sandbox: &Sandbox, limits: &Limits) -> Stop {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() || error.downcast_ref::<OutOfMemory>().is_some() {
        return Stop::Fault(Fault::Memory, format!("no room for an instance: {error}"));
    }
    match error.downcast_ref::<Blind>() {
        Some(denied @ Blind::Denied(_)) => return Stop::Denied(denied.to_string()),
        Some(late @ Blind::Late) => return Stop::Fault(Fault::Time, format!("{late} after {} ms", limits.time_ms)),
        None => (),
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            Stop::Limit(format!("used up its fuel of {}{}", limits.fuel, raise("fuel", limits.fuel, Limits::MAX.fuel)))
        }
        Some(Trap::Interrupt) => {
            let remedy = raise("time_ms", limits.time_ms, Limits::MAX.time_ms);
            Stop::Fault(Fault::Time, format!("still running after {} ms, with fuel left{remedy}", limits.time_ms))
        }
        // How a guest takes a refused allocation is its own business; nearly all abort.
        Some(_) if sandbox.denied => Stop::Limit(wanted_memory(sandbox, limits)),
        Some(trap) => Stop::Trap(match &sandbox.journal.last_error {
            Some(said) => format!("{said} ({trap})"),
            None => trap.to_string(),
        }),
        None if said_too_much(error) => {
            let remedy = raise("result_bytes", limits.result_bytes, Limits::MAX.result_bytes);
            Stop::Limit(format!("said more than {} bytes at once{remedy}, or report less", limits.result_bytes))
        }
        None if sandbox.denied => Stop::Limit(wanted_memory(sandbox, limits)),
        None => Stop::Trap(told(error)),
    }
}

/// What went wrong, without where: that is told in the guest's own names, and findings are no place for these.
fn told(error: &Error) -> String {
    let causes = error.chain().map(|cause| cause.to_string());
    let causes: Vec<String> = causes.filter(|cause| !cause.starts_with(BACKTRACE)).collect();
    causes.join(": ")
}

fn wanted_memory(sandbox: &Sandbox, limits: &Limits) -> String {
    let (held, limit) = (sandbox.held, limits.memory_bytes);
    let remedy = raise("memory_bytes", limit, Limits::MAX.memory_bytes);
    format!("wanted more than its {limit} bytes of memory, {held} held{remedy}")
}

/// How to get more of what was not enough.
fn raise(name: &str, limit: u64, most: u64) -> String {
    match limit < most {
        true => format!(": raise limits.{name} of the binding, to {most} at most"),
        false => format!(": limits.{name} can be no higher"),
    }
}

// The type is private to wasmtime; a test of ours holds on to the words.
fn said_too_much(error: &Error) -> bool {
    format!("{error:#}").contains("fuel allocated for hostcalls has been exhausted")
}

impl Sandbox {
    fn new(limits: &Limits, sight: Option<Sight>, begun: Instant) -> Sandbox {
        Sandbox {
            left: limits.memory_bytes as usize,
            held: 0,
            denied: false,
            table_elements: limits.table_elements as usize,
            instances: limits.instances as usize,
            fuel: limits.fuel,
            configured_fuel: 0,
            until: begun + Duration::from_millis(limits.time_ms),
            sight,
            journal: Journal::default(),
            lines_max: limits.log_lines as usize,
        }
    }

    /// Goes on from configuring to the call. What was written before is not written where there is an image.
    pub(crate) fn begin(&mut self, sight: Option<Sight>, configured_fuel: u64) {
        self.sight = sight;
        self.configured_fuel = configured_fuel;
        // What was refused while it was configured explains no trap of the call: with an image nobody would know of it.
        self.denied = false;
        self.journal = Journal::default();
    }

    /// Takes a line of the guest's.
    pub(crate) fn write(&mut self, level: Level, message: &str) {
        self.journal.write(level, message, self.lines_max);
    }
}

impl ResourceLimiter for Sandbox {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        if more > self.left {
            self.denied = true;
            return Ok(false);
        }
        self.left -= more;
        self.held += more;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements)
    }

    fn instances(&self) -> usize {
        self.instances
    }
}
