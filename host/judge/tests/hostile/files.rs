//! Components that are damaged, foreign, huge or heavy: told by their bytes, or by the compiler, and no panic.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use sluice_artifacts::BOUNDS;
use sluice_judge::{COMPONENT_BYTES_MAX, Library, Settings};
use wasm_encoder::{
    BlockType, CodeSection, Component, ConstExpr, DataSection, Function, FunctionSection, GlobalSection, GlobalType,
    MemorySection, MemoryType, Module, ModuleSection, TypeSection, ValType,
};

use super::rig::{FEW, fixture, goes_on, library, tried};

/// Bits flipped, each in a copy of its own.
const FLIPS: usize = 400;
/// Far more than the heaviest component within the bounds takes on a slow machine that does other things.
const COMPILE_TIME_MAX: Duration = Duration::from_secs(60);

#[track_caller]
fn refused(component: &[u8], words: &str) {
    let begun = Instant::now();
    let refusal = library().inspect(component).refusal.unwrap();
    assert!(refusal.contains(words), "{refusal}");
    assert!(begun.elapsed() < COMPILE_TIME_MAX);
    goes_on();
}

#[test]
fn what_is_no_validator_is_refused_in_words() {
    refused(b"hello", "is not a WebAssembly component");
    refused(b"", "is not a WebAssembly component");
    refused(b"\0asm\x01\0\0\0", "is not a WebAssembly component");
    refused(b"\0asm\x0d\0\x01\0", "exports nothing, and not sluice:validator/validator@1.0.0");
    refused(b"\0asm\x0d\0\x01\0junk", "does not compile");
    refused(include_bytes!("../imports_a_clock.wasm"), "asks for wasi:clocks/wall-clock");
}

#[test]
fn a_hundred_megabytes_are_refused_before_any_work() {
    let mut huge = BOUNDS.to_vec();
    huge.resize(100 << 20, 0);
    let begun = Instant::now();
    refused(&huge, &format!("has 104857600 bytes: at most {COMPONENT_BYTES_MAX} are compiled"));
    println!("refused after {:?}", begun.elapsed());
}

#[test]
fn what_was_cut_short_is_refused_wherever_the_cut_is() {
    for component in [fixture("floods_the_log"), BOUNDS] {
        for n in 0..64 {
            let cut = &component[..component.len() * n / 64];
            assert!(library().inspect(cut).refusal.is_some(), "cut at {n}/64");
        }
    }
    goes_on();
}

#[test]
fn a_flipped_bit_is_refused_or_makes_another_validator() {
    let whole = fixture("floods_the_log");
    let (mut dice, mut survived) = (7u32, 0);
    for _ in 0..FLIPS {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let bit = (dice >> 4) as usize % (8 * whole.len());
        let mut flipped = whole.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if library().inspect(&flipped).refusal.is_none() {
            survived += 1;
            // Whatever it is now, it comes to an end that is the same on every host.
            assert!(tried(&flipped, FEW).judgement.is_ok());
        }
    }
    println!("{survived} of {FLIPS} still are validators");
    assert!(survived < FLIPS / 2);
    goes_on();
}

/// A component with one module; `write` makes the bodies of its functions.
fn heavy(functions: u32, locals: &[(u32, ValType)], write: impl Fn(&mut Function)) -> Vec<u8> {
    let (mut types, mut declared, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    let mut globals = GlobalSection::new();
    let kind = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
    globals.global(kind, &ConstExpr::i64_const(0));
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    for _ in 0..functions {
        declared.function(0);
        let mut body = Function::new(locals.to_vec());
        write(&mut body);
        body.instructions().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&memories).section(&globals).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

/// What compiling takes, of components that are no validators for another reason than their weight.
#[track_caller]
fn compiles(name: &str, component: &[u8]) {
    let fresh = Library::open(&Settings { cache: None, slots: NonZeroUsize::MIN, ..Settings::default() }).unwrap();
    let inspection = fresh.inspect(component);
    println!("{name}: {} KiB compiled in {:?}", component.len() >> 10, inspection.compile_time);
    assert_eq!(inspection.refusal.unwrap(), "exports nothing, and not sluice:validator/validator@1.0.0");
    assert!(inspection.compile_time < COMPILE_TIME_MAX);
}

#[test]
fn ten_thousand_functions_compile() {
    compiles("10,000 functions", &heavy(10_000, &[], |_| ()));
}

/// What is just within the bounds: one function of each kind.
#[test]
fn the_heaviest_functions_within_the_bounds_compile() {
    let ifs = |body: &mut Function| {
        for n in 0..1900 {
            body.instructions().local_get(n % 1000).i32_wrap_i64().if_(BlockType::Empty);
            body.instructions().local_get(n % 1000).local_set((n + 7) % 1000).end();
        }
    };
    compiles("1,900 branches over 1,000 variables", &heavy(1, &[(1000, ValType::I64)], ifs));
    let nest = |body: &mut Function| {
        for n in 0..440 {
            body.instructions().loop_(BlockType::Empty).local_get(n).local_set(n + 7);
        }
        for _ in 0..440 {
            body.instructions().i32_const(0).br_if(0).end();
        }
    };
    compiles("440 loops in each other", &heavy(1, &[(1000, ValType::I64)], nest));
    let line = |body: &mut Function| {
        for _ in 0..140_000 {
            body.instructions().local_get(0).local_get(1).i64_mul().local_set(0);
        }
    };
    compiles("560,000 steps in a line", &heavy(1, &[(2, ValType::I64)], line));
}

#[test]
fn bombs_are_refused_by_their_bytes() {
    refused(&heavy(60_001, &[], |_| ()), "has 60001 functions: at most 60000");
    let loops = |count: usize| {
        move |body: &mut Function| {
            for _ in 0..count {
                body.instructions().loop_(BlockType::Empty);
            }
            for _ in 0..count {
                body.instructions().end();
            }
        }
    };
    refused(&heavy(1, &[(50_000, ValType::I64)], loops(1000)), "50003000 blocks times variables in one function");
    refused(&heavy(1, &[], loops(400_000)), "bytes in one function: at most 1048576");
}

#[test]
fn a_memory_begun_with_too_much_is_refused() {
    let (mut memories, mut data) = (MemorySection::new(), DataSection::new());
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    data.active(0, &ConstExpr::i32_const(-1), [7; 100]);
    let mut module = Module::new();
    module.section(&memories).section(&data);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    refused(&component.finish(), "exports nothing");
}
