//! The WebAssembly engine: what guests may do at all, where their memory comes from, and the clock that
//! stops them.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use sluice_core::Limits;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Result};

/// Length of one tick of the clock that stops guests.
const TICK: Duration = Duration::from_millis(10);
/// How often the clock looks whether a guest runs, while none does. Waking it for each call would cost a
/// call of 20 us as much again; so the first tick may come this much late, behind limits of seconds.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes of native stack; a guest that recurses deeper traps.
const STACK_BYTES: usize = 1 << 20;
/// Parts of one component. Ours have one module and one memory; components composed of parts have more: JavaScript
/// 11 modules and 3 memories, Python 38 modules, for each library of its own is one.
const MODULES_MAX: u32 = 64;
pub(crate) const MEMORIES_MAX: u32 = 4;
const TABLES_MAX: u32 = 4;
pub(crate) const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Bytes of a memory that are cleared in place for the next call instead of being given back to the
/// system: two system calls fewer for guests that stay below.
const KEEP_RESIDENT: usize = 256 << 10;

/// How an engine makes code and comes by memory. Verdicts and fuel are the same with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Build {
    /// Optimised, memory from a pool that is set aside once: what hosts use.
    #[default]
    Pooled,
    /// Memory asked of the system for each call: slower, for where address space is scarce.
    OnDemand,
    /// Code as the compiler first writes it.
    Unoptimised,
    /// Bytecode for wasmtime's own interpreter, Pulley, which is no processor's.
    Interpreted,
}

/// An engine with room for a number of calls at the same time.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) build: Build,
    slots: Arc<Slots>,
}

/// Room for one call. Given back when dropped.
pub(crate) struct Slot<'m>(&'m Slots);

/// Counts calls under way: no more than there is room for, and the clock ticks only while there are any.
struct Slots {
    count: Mutex<Count>,
    freed: Condvar,
    closing: Condvar,
}

struct Count {
    free: usize,
    most: usize,
    /// Calls that wait for room. Waking is a system call even if nobody waits.
    waiting: usize,
    closed: bool,
}

impl Machine {
    /// `slots` calls at the same time; further ones wait.
    pub(crate) fn new(slots: NonZeroUsize, build: Build) -> Result<Machine> {
        let engine = Engine::new(&config(slots.get() as u32, build)?)?;
        let count = Count { free: slots.get(), most: slots.get(), waiting: 0, closed: false };
        let slots = Arc::new(Slots { count: Mutex::new(count), freed: Condvar::new(), closing: Condvar::new() });
        let (clock, ticking) = (engine.weak(), slots.clone());
        thread::Builder::new().name("sluice-tick".into()).spawn(move || {
            while let Some(is_busy) = ticking.wait() {
                let Some(engine) = clock.upgrade() else { break };
                if is_busy {
                    engine.increment_epoch();
                }
            }
        })?;
        Ok(Machine { engine, build, slots })
    }

    /// Names what must be the same for code of one engine to run in another: version, processor, configuration.
    pub(crate) fn fingerprint(&self) -> u64 {
        fingerprint(&self.engine)
    }

    /// Waits for room. Bounded by the time limits of the calls that hold it.
    pub(crate) fn slot(&self) -> Slot<'_> {
        let mut count = self.slots.count();
        while count.free == 0 {
            count.waiting += 1;
            count = self.slots.freed.wait(count).expect("nothing panics while it holds this lock");
            count.waiting -= 1;
        }
        count.free -= 1;
        Slot(&self.slots)
    }

    /// The deadline of a call, in ticks from now: never early, and late by a tick and a look at most.
    pub(crate) fn ticks(time_ms: u64) -> u64 {
        time_ms.div_ceil(TICK.as_millis() as u64) + 1
    }
}

impl Slots {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().expect("nothing panics while it holds this lock")
    }

    /// Sleeps until the next tick or look, and says whether anything runs; none when the machine is gone.
    fn wait(&self) -> Option<bool> {
        let count = self.count();
        let pause = if count.is_idle() { LOOK } else { TICK };
        let waited = self.closing.wait_timeout_while(count, pause, |count| !count.closed);
        let (count, _) = waited.expect("nothing panics while it holds this lock");
        (!count.closed).then_some(!count.is_idle())
    }
}

impl Count {
    fn is_idle(&self) -> bool {
        self.free == self.most
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut count = self.0.count();
        count.free += 1;
        let is_awaited = count.waiting > 0;
        drop(count);
        if is_awaited {
            self.0.freed.notify_one();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.slots.count().closed = true;
        self.slots.closing.notify_one();
    }
}

/// See [`Machine::fingerprint`].
pub(crate) fn fingerprint(engine: &Engine) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// FNV-1a: what std hashes with may change from one build to the next, and must not.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn config(slots: u32, build: Build) -> Result<Config> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(slots)
        .total_core_instances(slots * MODULES_MAX)
        .total_memories(slots * MEMORIES_MAX)
        .total_tables(slots * TABLES_MAX)
        .max_core_instances_per_component(MODULES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_memories_per_module(1)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(Limits::MAX.memory_bytes as usize)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(128 << 10);
    let memory = match build {
        Build::Pooled | Build::Unoptimised => InstanceAllocationStrategy::Pooling(pool),
        Build::OnDemand | Build::Interpreted => InstanceAllocationStrategy::OnDemand,
    };
    let speed = match build {
        Build::Pooled | Build::OnDemand | Build::Interpreted => OptLevel::Speed,
        Build::Unoptimised => OptLevel::None,
    };
    let mut config = Config::new();
    if build == Build::Interpreted {
        config.target("pulley64")?;
    }
    config
        .allocation_strategy(memory)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .cranelift_opt_level(speed)
        // All that could answer differently on another processor.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        // Multi-memory stays on: wasmtime's own adapters between the parts of a component use two.
        .concurrency_support(false)
        .generate_address_map(false);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_room_gets_it() {
        let machine = Machine::new(NonZeroUsize::MIN, Build::OnDemand).unwrap();
        let held = machine.slot();
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..3).map(|_| scope.spawn(|| drop(machine.slot()))).collect();
            while machine.slots.count().waiting < 3 {
                thread::yield_now();
            }
            drop(held);
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
        assert!(machine.slots.count().is_idle());
        assert_eq!(machine.slots.count().waiting, 0);
    }
}
