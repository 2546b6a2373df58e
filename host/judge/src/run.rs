//! One call of one guest: a fresh instance, under limits, thrown away afterwards.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;
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

/// How far a call had come. While an instance is made, most of what can go wrong is the host's; afterwards it is the
/// guest's, for the host only checks what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Beginning,
    Calling,
}

/// What one instance may use, and what became of it.
pub(crate) struct Sandbox {
    left: usize,
    held: usize,
    /// Whether more was asked for than there was.
    denied: bool,
    /// How far the call has come.
    pub(crate) stage: Stage,
    /// Whether a table was to be larger than it may.
    denied_table: bool,
    /// Whether the memory that grows at present would be larger than it says itself.
    is_beyond: bool,
    /// Why this host had no memory that the guest was allowed.
    lacking: Option<String>,
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
    if sandbox.lacking.is_some() || is_short_of_room(error) {
        let why = sandbox.lacking.clone().unwrap_or_else(|| told(error));
        return Stop::Fault(Fault::Memory, format!("this host has no room for an instance: {why}"));
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
        None if sandbox.stage == Stage::Calling || is_of_the_guest(error, sandbox) => Stop::Trap(told(error)),
        None => Stop::Fault(Fault::Internal, format!("this host cannot make an instance: {}", told(error))),
    }
}

/// Whether the system had no memory, descriptor or place in the pool. No guest has a say in that.
pub(crate) fn is_short_of_room(error: &Error) -> bool {
    let is_short = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<io::Error>()
            || cause.is::<Errno>()
            || cause.is::<OutOfMemory>()
            || cause.is::<PoolConcurrencyLimitError>()
    };
    error.is::<OutOfMemory>() || error.is::<PoolConcurrencyLimitError>() || error.chain().any(is_short)
}

/// Whether making an instance failed, without a trap, for what the component is: its start function was at work, it
/// begins with a table larger than it may have, or consists of more instances than the binding allows.
fn is_of_the_guest(error: &Error, sandbox: &Sandbox) -> bool {
    // A test of ours holds on to the words.
    let is_counted = || format!("{error:#}").contains("resource limit exceeded: instance count");
    error.downcast_ref::<WasmBacktrace>().is_some() || sandbox.denied_table || is_counted()
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
            stage: Stage::Beginning,
            denied_table: false,
            is_beyond: false,
            lacking: None,
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
    fn memory_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        self.is_beyond = most.is_some_and(|most| desired > most);
        let more = desired.saturating_sub(current);
        if more > self.left {
            self.denied = true;
            return Ok(false);
        }
        self.left -= more;
        self.held += more;
        Ok(true)
    }

    /// The guest would take it for an answer, and another host would give another.
    fn memory_grow_failed(&mut self, error: Error) -> wasmtime::Result<()> {
        if self.is_beyond {
            return Ok(());
        }
        self.lacking = Some(told(&error));
        Err(error)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.denied_table |= desired > self.table_elements;
        Ok(desired <= self.table_elements)
    }

    fn instances(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { memory_bytes: 10, ..Limits::DEFAULT };

    fn sandbox() -> Sandbox {
        Sandbox::new(&LIMITS, None, Instant::now())
    }

    fn stopped(stage: Stage, error: Error, sandbox: Sandbox) -> Stop {
        stop(&error, &Sandbox { stage, ..sandbox }, &LIMITS)
    }

    #[test]
    fn memory_refused_while_it_is_configured_explains_no_trap_of_the_call() {
        let trap = || Error::from(Trap::UnreachableCodeReached);
        let refused = || {
            let mut sandbox = sandbox();
            assert!(!sandbox.memory_growing(0, 11, None).unwrap());
            sandbox
        };
        assert!(matches!(stopped(Stage::Calling, trap(), refused()), Stop::Limit(_)));
        let mut begun = refused();
        begun.begin(None, 7);
        assert!(matches!(stopped(Stage::Calling, trap(), begun), Stop::Trap(_)));
    }

    #[test]
    fn what_fails_before_the_guest_runs_is_the_hosts() {
        let strange = || Error::msg("cannot add seals to the memfd");
        let fault = stopped(Stage::Beginning, strange(), sandbox());
        assert!(matches!(fault, Stop::Fault(Fault::Internal, why) if why.contains("cannot add seals")));
        assert!(matches!(stopped(Stage::Calling, strange(), sandbox()), Stop::Trap(_)));
        let trap = Error::from(Trap::MemoryOutOfBounds);
        assert!(matches!(stopped(Stage::Beginning, trap, sandbox()), Stop::Trap(_)), "a segment that does not fit");
        let words = "resource limit exceeded: instance count too high at 65";
        assert!(matches!(stopped(Stage::Beginning, Error::msg(words), sandbox()), Stop::Trap(_)));
        for stage in [Stage::Beginning, Stage::Calling] {
            let system = Error::from(io::Error::from(Errno::NOMEM)).context("no memory could be had");
            assert!(matches!(stopped(stage, system, sandbox()), Stop::Fault(Fault::Memory, _)));
        }
    }

    #[test]
    fn memory_that_the_system_does_not_have_is_no_answer_of_the_guests() {
        let mut sandbox = sandbox();
        assert!(sandbox.memory_growing(0, 10, Some(5)).unwrap());
        sandbox.memory_grow_failed(Error::msg("it is larger than it may be")).unwrap();
        assert!(sandbox.memory_growing(0, 0, Some(5)).unwrap());
        let error = sandbox.memory_grow_failed(Error::msg("mprotect failed")).unwrap_err();
        assert!(matches!(stopped(Stage::Calling, error, sandbox), Stop::Fault(Fault::Memory, _)));
    }
}
