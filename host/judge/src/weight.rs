//! How much work a component is for the compiler, told from its bytes alone.
//!
//! Nothing bounds the compiler while it runs, and a bound by time or memory would fall differently on each
//! host: some would have the validator and others not. These bounds are a function of the bytes, so what is
//! too heavy is refused alike everywhere, before any work goes into it. Cranelift's time and memory grow with
//! the number of functions (some 30 us and 5 KB each, empty ones included), with the size of the largest, with
//! blocks times variables within one, and with the values that control carries: two bytes call a function with a
//! thousand results, and each is worth some 10 us and 2 KB.

use wasmparser::{BlockType, FuncType, FunctionBody, Operator, Parser, Payload, TypeRef};

use crate::library::Unfit;

/// Functions of all modules together; an interpreter of JavaScript or Python has about half as many.
const FUNCTIONS_MAX: u64 = 60_000;
/// Bytes of one function; the largest honest ones are the main loops of interpreters, a tenth of this.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// Blocks times variables (parameters and locals) in one function: a second or two, and some 70 bytes of memory each.
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

#[derive(Default)]
struct Weight {
    functions: u64,
    largest: u64,
    tangle: u64,
    tangles: u64,
    carried: u64,
    carried_all: u64,
    nested: u64,
    nested_all: u64,
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
    types: Vec<Arity>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    /// The function whose body comes next.
    next: usize,
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
    too_much("blocks times variables in one function", weight.tangle, TANGLE_MAX)?;
    too_much("blocks times variables in its functions", weight.tangles, TANGLES_MAX)?;
    too_much("values carried in one function", weight.carried, CARRIED_MAX)?;
    too_much("values carried in its functions", weight.carried_all, CARRIED_ALL_MAX)?;
    too_much("loops times their depth in one function", weight.nested, NESTED_MAX)?;
    too_much("loops times their depth in its functions", weight.nested_all, NESTED_ALL_MAX)
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
                module
                    .types
                    .extend(types.into_iter_err_on_gc_types().map_while(Result::ok).map(|kind| Arity::of(&kind)));
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
                module.functions.extend(types.into_iter().map_while(Result::ok));
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

impl Arity {
    fn of(kind: &FuncType) -> Arity {
        Arity { parameters: kind.params().len() as u64, results: kind.results().len() as u64 }
    }
}

impl Module {
    /// What is out of range is left to the compiler, here too.
    fn kind(&self, index: u32) -> Arity {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn function(&self, index: u32) -> Arity {
        self.functions.get(index as usize).map(|kind| self.kind(*kind)).unwrap_or_default()
    }

    fn block(&self, kind: BlockType) -> Arity {
        match kind {
            BlockType::Empty => Arity::default(),
            BlockType::Type(_) => Arity { parameters: 0, results: 1 },
            BlockType::FuncType(index) => self.kind(index),
        }
    }
}

impl Weight {
    fn add(&mut self, body: &FunctionBody<'_>, module: &Module) {
        let range = body.range();
        self.functions += 1;
        self.largest = self.largest.max(range.end - range.start);
        let own = module.function(module.next as u32);
        let flow = flow(body, module, own);
        let tangle = flow.blocks.saturating_mul(own.parameters + locals(body) + flow.blocks / BLOCKS_A_VARIABLE);
        self.tangle = self.tangle.max(tangle);
        self.tangles = self.tangles.saturating_add(tangle);
        self.carried = self.carried.max(flow.carried);
        self.carried_all = self.carried_all.saturating_add(flow.carried);
        self.nested = self.nested.max(flow.nested);
        self.nested_all = self.nested_all.saturating_add(flow.nested);
    }
}

fn locals(body: &FunctionBody<'_>) -> u64 {
    let Ok(groups) = body.get_locals_reader() else { return 0 };
    groups.into_iter().map_while(Result::ok).map(|(count, _)| u64::from(count)).sum()
}

/// How control goes in one function.
#[derive(Default)]
struct Flow {
    /// Places where it may come together.
    blocks: u64,
    carried: u64,
    nested: u64,
    /// The blocks around, and whether each is a loop.
    around: Vec<bool>,
    loops_around: u64,
}

impl Flow {
    fn open(&mut self, is_loop: bool) {
        self.blocks += 1;
        self.loops_around += u64::from(is_loop);
        self.nested += if is_loop { self.loops_around } else { 0 };
        self.around.push(is_loop);
    }

    fn close(&mut self) {
        self.loops_around -= u64::from(self.around.pop() == Some(true));
    }
}

fn flow(body: &FunctionBody<'_>, module: &Module, own: Arity) -> Flow {
    let Ok(operators) = body.get_operators_reader() else { return Flow::default() };
    let mut flow = Flow::default();
    // A branch is taken to carry as much as the widest block before it: where it leads would take a stack to tell.
    let mut widest = own.results;
    let past_first = |values: u64| values.saturating_sub(1);
    for operator in operators.into_iter().map_while(Result::ok) {
        let carried = match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let Arity { parameters, results } = module.block(blockty);
                flow.open(matches!(operator, Operator::Loop { .. }));
                widest = widest.max(parameters).max(results);
                past_first(parameters + results)
            }
            Operator::End => {
                flow.close();
                0
            }
            Operator::Call { function_index } => past_first(module.function(function_index).results),
            Operator::CallIndirect { type_index, .. } => past_first(module.kind(type_index).results),
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return => past_first(widest),
            Operator::BrTable { targets } => past_first(widest).saturating_mul(u64::from(targets.len()) + 1),
            _ => 0,
        };
        flow.carried = flow.carried.saturating_add(carried);
    }
    flow
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        BlockType, CodeSection, Component, Function, FunctionSection, Module, ModuleSection, TypeSection, ValType,
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
        let mut module = Module::new();
        module.section(&types).section(&declared).section(&code);
        let mut component = Component::new();
        component.section(&ModuleSection(&module));
        component.finish()
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
        let mut module = Module::new();
        module.section(&types).section(&declared).section(&code);
        let mut component = Component::new();
        component.section(&ModuleSection(&module));
        component.finish()
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
        }
    }

    #[test]
    fn what_is_no_webassembly_is_left_to_the_compiler() {
        assert_eq!(check(b""), Ok(()));
        assert_eq!(check(b"\0asm\x0d\0\x01\0 and rubbish"), Ok(()));
    }
}
