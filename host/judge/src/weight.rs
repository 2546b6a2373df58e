//! How much work a component is for the compiler, told from its bytes alone.
//!
//! Nothing bounds the compiler while it runs, and a bound by time or memory would fall differently on each
//! host: some would have the validator and others not. These bounds are a function of the bytes, so what is
//! too heavy is refused alike everywhere, before any work goes into it. Cranelift's time and memory grow with
//! the number of functions (some 30 us and 5 KB each, empty ones included), with the size of the largest, with
//! blocks times variables within one, and with the values that control carries: two bytes call a function with a
//! thousand results, and each is worth some 10 us and 2 KB. Beside the functions that are written there are those
//! that the compiler makes: between each type of function and the host, and to set up memories, tables and globals.

mod flow;

use std::ops::Range;

use wasmparser::{
    CompositeInnerType, DataKind, ElementKind, FunctionBody, Parser, Payload, RecGroup, SubType, TypeRef,
};

use crate::library::Unfit;
use crate::weight::flow::flow;

/// Functions of all modules together; an interpreter of JavaScript or Python has about half as many.
const FUNCTIONS_MAX: u64 = 60_000;
/// Bytes of one function; Python's main loop has two fifths of this.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// From so many bytes on a function is large: a byte of one takes up to four times as long as in small ones, 7 us.
const LARGE_BYTES: u64 = 64 << 10;
/// Bytes of all large functions together: 30 s.
const LARGE_ALL_MAX: u64 = 4 << 20;
/// Blocks times variables (parameters and locals) in one function: two or three seconds, and some 70 bytes of memory
/// each. A branch that may not be taken is a block too, and a call through a table two. Python's main loop is half.
const TANGLE_MAX: u64 = 2_000_000;
/// The same, added up over all functions: time alone, for the memory is given back after each.
const TANGLES_MAX: u64 = 16_000_000;
/// So many blocks weigh on each of them as one more variable does: 20,000 in a function of none take three seconds.
const BLOCKS_A_VARIABLE: u64 = 256;
/// Values that calls return and blocks and branches carry, but for the first of each, in one function. Compilers
/// of most languages make none; 100,000 take a second and 200 MB.
const CARRIED_MAX: u64 = 100_000;
/// The same, added up over all functions: time alone.
const CARRIED_ALL_MAX: u64 = 1_000_000;
/// Loops in one function, each counted as often as it lies deep in others: some 16 us each time. 400 within each
/// other are 80,000; honest functions stay below a few thousand.
const NESTED_MAX: u64 = 100_000;
/// The same, added up over all functions.
const NESTED_ALL_MAX: u64 = 1_000_000;
/// Values, variables and what lies on the stack, that each call in one function leaves as they are: some 80 ns each
/// time. 10,000 calls whose results are all used at the end are 50 million and take 4 s; Python's main loop has 34,000.
const KEPT_MAX: u64 = 10_000_000;
/// The same, added up over all functions; Python has a million.
const KEPT_ALL_MAX: u64 = 100_000_000;
/// Types of functions, functions, and the parameters and results of each: 5 us in a function, and up to 40 us in the
/// code between a type, or a function that is exported, and the host.
const SIGNATURES_MAX: u64 = 500_000;
/// Segments of data and elements that are put where they belong when an instance is made, by one function a module:
/// 6,000 take four seconds and 200 MB, 20,000 take 26 and 600 MB. A JavaScript that was begun beforehand has 6,000.
const SEGMENTS_MAX: u64 = 20_000;

#[derive(Default)]
struct Weight {
    functions: u64,
    largest: u64,
    large_all: u64,
    tangle: u64,
    tangles: u64,
    carried: u64,
    carried_all: u64,
    nested: u64,
    nested_all: u64,
    kept: u64,
    kept_all: u64,
    signatures: u64,
    segments: u64,
}

/// How many values a type takes and gives.
#[derive(Clone, Copy, Default)]
struct Arity {
    parameters: u64,
    results: u64,
}

/// What is known of a module while its sections go by.
#[derive(Default)]
struct Module {
    types: Vec<SubType>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    /// The function whose body comes next.
    next: usize,
    /// Bytes of the expressions that globals, tables and memories begin with: one function, which is not written.
    start: u64,
}

/// Refuses what would keep the compiler busy for too long.
///
/// # Errors
/// Names what there is too much of. What is no WebAssembly is left to the compiler, which says it better.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Unfit> {
    let weight = weigh(bytes);
    let too_much = |what: &str, found: u64, most: u64| match found > most {
        true => Err(Unfit(format!("has {found} {what}: at most {most} are compiled"))),
        false => Ok(()),
    };
    too_much("functions", weight.functions, FUNCTIONS_MAX)?;
    too_much("bytes in one function", weight.largest, BODY_BYTES_MAX)?;
    too_much("bytes in functions of 64 KiB and more", weight.large_all, LARGE_ALL_MAX)?;
    too_much("blocks times variables in one function", weight.tangle, TANGLE_MAX)?;
    too_much("blocks times variables in its functions", weight.tangles, TANGLES_MAX)?;
    too_much("values carried in one function", weight.carried, CARRIED_MAX)?;
    too_much("values carried in its functions", weight.carried_all, CARRIED_ALL_MAX)?;
    too_much("loops times their depth in one function", weight.nested, NESTED_MAX)?;
    too_much("loops times their depth in its functions", weight.nested_all, NESTED_ALL_MAX)?;
    too_much("values kept over calls in one function", weight.kept, KEPT_MAX)?;
    too_much("values kept over calls in its functions", weight.kept_all, KEPT_ALL_MAX)?;
    too_much("types and functions with their parameters and results", weight.signatures, SIGNATURES_MAX)?;
    too_much("segments of memories and tables", weight.segments, SEGMENTS_MAX)
}

fn weigh(bytes: &[u8]) -> Weight {
    let (mut weight, mut open) = (Weight::default(), Vec::<Module>::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            // A component has a place on the stack too, so that beginnings and ends pair.
            Ok(Payload::Version { .. }) => open.push(Module::default()),
            Ok(Payload::End(_)) => drop(open.pop()),
            Ok(Payload::TypeSection(types)) => {
                let Some(module) = open.last_mut() else { continue };
                let types = types.into_iter().map_while(Result::ok).flat_map(RecGroup::into_types);
                types.for_each(|kind| weight.add_type(kind, module));
            }
            // Those that are declared outside of modules, for what is imported.
            Ok(Payload::CoreTypeSection(types)) => {
                weight.signatures += span(&types.range());
            }
            Ok(Payload::ImportSection(imports)) => {
                let Some(module) = open.last_mut() else { continue };
                let function = |kind| if let TypeRef::Func(kind) = kind { Some(kind) } else { None };
                let imports = imports.into_imports().map_while(Result::ok);
                module.functions.extend(imports.filter_map(|import| function(import.ty)));
                module.next = module.functions.len();
            }
            Ok(Payload::FunctionSection(types)) => {
                let Some(module) = open.last_mut() else { continue };
                for kind in types.into_iter().map_while(Result::ok) {
                    weight.signatures += module.kind(kind).values() + 1;
                    module.functions.push(kind);
                }
            }
            Ok(Payload::GlobalSection(section)) => weight.begin(&mut open, span(&section.range())),
            Ok(Payload::ElementSection(section)) => {
                weight.begin(&mut open, span(&section.range()));
                let active = |kind| matches!(kind, ElementKind::Active { .. });
                let found = section.into_iter().map_while(Result::ok).filter(|part| active(part.kind.clone()));
                weight.segments += found.count() as u64;
            }
            Ok(Payload::DataSection(section)) => {
                for part in section.into_iter().map_while(Result::ok) {
                    if let DataKind::Active { offset_expr, .. } = part.kind {
                        weight.begin(&mut open, span(&offset_expr.get_binary_reader().range()));
                        weight.segments += 1;
                    }
                }
            }
            Ok(Payload::CodeSectionEntry(body)) => {
                if let Some(module) = open.last_mut() {
                    weight.add(&body, module);
                    module.next += 1;
                }
            }
            Ok(_) => (),
            Err(_) => return weight,
        }
    }
    weight
}

fn span(range: &Range<u64>) -> u64 {
    range.end - range.start
}

impl Arity {
    fn of(kind: &SubType) -> Arity {
        match &kind.composite_type.inner {
            CompositeInnerType::Func(kind) => {
                Arity { parameters: kind.params().len() as u64, results: kind.results().len() as u64 }
            }
            _ => Arity::default(),
        }
    }

    fn values(self) -> u64 {
        self.parameters + self.results
    }
}

impl Module {
    /// What is out of range is left to the compiler, here too.
    fn kind(&self, index: u32) -> Arity {
        self.types.get(index as usize).map(Arity::of).unwrap_or_default()
    }

    fn function(&self, index: u32) -> Arity {
        self.functions.get(index as usize).map(|kind| self.kind(*kind)).unwrap_or_default()
    }
}

impl Weight {
    fn add_type(&mut self, kind: SubType, module: &mut Module) {
        self.signatures += Arity::of(&kind).values() + 1;
        module.types.push(kind);
    }

    /// So many bytes more of what an instance begins with.
    fn begin(&mut self, open: &mut [Module], bytes: u64) {
        if let Some(module) = open.last_mut() {
            module.start += bytes;
            self.largest = self.largest.max(module.start);
        }
    }

    fn add(&mut self, body: &FunctionBody<'_>, module: &Module) {
        self.functions += 1;
        let bytes = span(&body.range());
        self.largest = self.largest.max(bytes);
        self.large_all += if bytes < LARGE_BYTES { 0 } else { bytes };
        let own = module.function(module.next as u32);
        let variables = own.parameters + locals(body);
        let flow = flow(body, module, own);
        let tangle = flow.blocks.saturating_mul(variables + flow.blocks / BLOCKS_A_VARIABLE);
        let kept = flow.calls.saturating_mul(variables).saturating_add(flow.kept);
        self.tangle = self.tangle.max(tangle);
        self.tangles = self.tangles.saturating_add(tangle);
        self.carried = self.carried.max(flow.carried);
        self.carried_all = self.carried_all.saturating_add(flow.carried);
        self.nested = self.nested.max(flow.nested);
        self.nested_all = self.nested_all.saturating_add(flow.nested);
        self.kept = self.kept.max(kept);
        self.kept_all = self.kept_all.saturating_add(kept);
    }
}

fn locals(body: &FunctionBody<'_>) -> u64 {
    let Ok(groups) = body.get_locals_reader() else { return 0 };
    groups.into_iter().map_while(Result::ok).map(|(count, _)| u64::from(count)).sum()
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        BlockType, CodeSection, Component, ConstExpr, DataSection, Function, FunctionSection, GlobalSection,
        GlobalType, Module, ModuleSection, TypeSection, ValType,
    };

    use super::*;

    /// A component with one module of so many functions, each of so many loops within each other.
    fn bomb(functions: u32, parameters: usize, locals: u32, loops: usize) -> Vec<u8> {
        let (mut types, mut declared, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
        types.ty().function(vec![ValType::I32; parameters], []);
        for _ in 0..functions {
            declared.function(0);
            let mut body = Function::new([(locals, ValType::I32)]);
            let mut text = body.instructions();
            for _ in 0..loops {
                text.loop_(BlockType::Empty);
            }
            for _ in 0..=loops {
                text.end();
            }
            code.function(&body);
        }
        wrapped(Module::new().section(&types).section(&declared).section(&code))
    }

    #[track_caller]
    fn refused(component: &[u8], words: &str) {
        assert!(component.len() < 2 << 20, "a bomb is small: {} bytes", component.len());
        assert!(check(component).unwrap_err().0.contains(words), "{:?}", check(component));
    }

    #[test]
    fn bombs_are_refused_by_their_bytes() {
        refused(&bomb(200_000, 0, 0, 0), "has 200000 functions: at most 60000");
        refused(&bomb(1, 0, 10, 1000), "has 500500 loops times their depth in one function: at most 100000");
        refused(&bomb(20, 0, 10, 400), "has 1604000 loops times their depth in its functions: at most 1000000");
        refused(&bomb(30, 0, 1000, 1000), "30090000 blocks times variables in its functions");
        refused(&bomb(30, 1000, 0, 1000), "30090000 blocks times variables in its functions");
        refused(&bomb(1, 1000, 1000, 5000), "10095000 blocks times variables in one function");
        refused(&bomb(1, 0, 0, 40_000), "6240000 blocks times variables in one function");
        refused(&bomb(1, 0, 0, 400_000), "bytes in one function: at most 1048576");
        let large = weigh(&bomb(3, 0, 0, 30_000)).large_all;
        assert_eq!((large, weigh(&bomb(3, 0, 0, 20_000)).large_all), (3 * 90_004, 0));
    }

    /// A component with one module, of one function with so many parameters, results and variables.
    fn one(kind: (usize, usize), locals: u32, fill: impl FnOnce(&mut wasm_encoder::InstructionSink<'_>)) -> Vec<u8> {
        let (mut types, mut declared, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
        types.ty().function(vec![ValType::I32; kind.0], vec![ValType::I32; kind.1]);
        declared.function(0);
        let mut body = Function::new([(locals, ValType::I32)]);
        fill(&mut body.instructions());
        code.function(&body);
        wrapped(Module::new().section(&types).section(&declared).section(&code))
    }

    fn wrapped(module: &Module) -> Vec<u8> {
        let mut component = Component::new();
        component.section(&ModuleSection(module));
        component.finish()
    }

    #[test]
    fn blocks_that_nobody_wrote_are_counted() {
        let many = |count: u32, step: fn(&mut wasm_encoder::InstructionSink<'_>)| {
            one((0, 0), 200, |text| (0..count).for_each(|_| step(text)))
        };
        refused(&many(20_000, |text| _ = text.i32_const(0).br_if(0)), "5560000 blocks times variables");
        refused(&many(10_000, |text| _ = text.i32_const(0).call_indirect(0, 0)), "5560000 blocks times variables");
        refused(&many(200, |text| _ = text.br_table([0; 100], 0)), "5615600 blocks times variables");
        refused(&many(400, |text| _ = text.table_copy(0, 0)), "7680000 blocks times variables");
    }

    #[test]
    fn values_that_wait_for_others_are_counted() {
        let results = one((0, 1), 0, |text| (0..5000).for_each(|_| _ = text.call(0)));
        assert_eq!(weigh(&results).kept, 4999 * 5000 / 2);
        refused(&results, "values kept over calls in one function");
        let variables = one((0, 0), 1000, |text| (0..20_000).for_each(|_| _ = text.call(0)));
        refused(&variables, "has 20000000 values kept over calls in one function");
        let used = one((0, 1), 0, |text| (0..5000).for_each(|_| _ = text.call(0).drop()));
        assert_eq!(weigh(&used).kept, 0, "what is used at once is not kept");
    }

    /// A block leaves its results and nothing else, whatever was left unsaid in it.
    #[test]
    fn the_stack_is_told_across_blocks() {
        let text = one((0, 1), 0, |text| {
            text.i32_const(1).block(BlockType::Result(ValType::I32)).call(0).br(0).call(0).call(0).end();
            text.if_(BlockType::Empty).call(0).drop().else_().call(0).drop().end().call(0).end();
        });
        // One constant lies below each, and one result besides below the third, in code that is never reached.
        assert_eq!(weigh(&text).kept, 1 + 1 + 2 + 1 + 1 + 1);
    }

    #[test]
    fn what_the_compiler_adds_is_counted() {
        let mut types = TypeSection::new();
        (0..600).for_each(|_| types.ty().function(vec![ValType::I32; 1000], []));
        refused(&wrapped(Module::new().section(&types)), "has 600600 types and functions with their parameters");
        refused(&bomb(600, 1000, 0, 0), "has 601601 types and functions with their parameters");

        let start = ConstExpr::global_get(0);
        let mut data = DataSection::new();
        (0..20_001).for_each(|_| _ = data.active(0, &start, [1]));
        refused(&wrapped(Module::new().section(&data)), "has 20001 segments of memories and tables");

        let mut globals = GlobalSection::new();
        let kind = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(kind, &ConstExpr::raw([0x23, 0].into_iter().chain([0x23, 0, 0x6c].repeat(400_000))));
        refused(&wrapped(Module::new().section(&globals)), "bytes in one function");
    }

    /// A component with one function, which does something with many values at each step.
    fn carrier(steps: usize, step: impl Fn(&mut wasm_encoder::InstructionSink<'_>)) -> Vec<u8> {
        let (mut types, mut declared, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
        types.ty().function([], vec![ValType::I64; 1000]);
        declared.function(0).function(0);
        let mut body = Function::new([]);
        (0..steps).for_each(|_| step(&mut body.instructions()));
        body.instructions().end();
        code.function(&body).function(&body);
        wrapped(Module::new().section(&types).section(&declared).section(&code))
    }

    #[test]
    fn values_carried_are_counted_wherever_control_takes_them() {
        let counted = |step: fn(&mut wasm_encoder::InstructionSink<'_>)| weigh(&carrier(10, step)).carried;
        assert_eq!(counted(|text| _ = text.call(1)), 9990);
        assert_eq!(counted(|text| _ = text.call_indirect(0, 0)), 9990);
        assert_eq!(counted(|text| _ = text.br_if(0)), 9990);
        assert_eq!(counted(|text| _ = text.br_table([0, 0, 0], 0)), 39960);
        assert_eq!(counted(|text| _ = text.loop_(BlockType::FunctionType(0))), 9990);
        assert_eq!(counted(|text| _ = text.block(BlockType::Result(ValType::I64))), 0);
        refused(&carrier(1000, |text| _ = text.call(1)), "has 999000 values carried in one function: at most 100000");
    }

    #[test]
    fn honest_components_are_far_from_the_bounds() {
        for (name, bytes) in sluice_artifacts::ALL {
            let weight = weigh(bytes);
            println!(
                "{name}: {} functions, {} largest, {} tangle, {} tangles, {} {} carried",
                weight.functions, weight.largest, weight.tangle, weight.tangles, weight.carried, weight.carried_all
            );
            assert!(weight.functions > 0, "{name} was not looked into");
            assert!(weight.functions < FUNCTIONS_MAX / 4, "{name} has {} functions", weight.functions);
            assert!(weight.largest < BODY_BYTES_MAX / 4, "{name} has {} bytes in one", weight.largest);
            assert!(weight.tangle < TANGLE_MAX / 4, "{name} has a tangle of {}", weight.tangle);
            assert!(weight.tangles < TANGLES_MAX / 4, "{name} has tangles of {}", weight.tangles);
            assert!(weight.carried_all < CARRIED_ALL_MAX / 4, "{name} carries {} values", weight.carried_all);
            assert!(weight.nested_all < NESTED_ALL_MAX / 4, "{name} nests its loops {} deep", weight.nested_all);
            assert!(weight.kept < KEPT_MAX / 4, "{name} keeps {} values", weight.kept);
            assert!(weight.signatures < SIGNATURES_MAX / 4, "{name} has {} in signatures", weight.signatures);
        }
    }

    #[test]
    fn what_is_no_webassembly_is_left_to_the_compiler() {
        assert_eq!(check(b""), Ok(()));
        assert_eq!(check(b"\0asm\x0d\0\x01\0 and rubbish"), Ok(()));
    }
}
