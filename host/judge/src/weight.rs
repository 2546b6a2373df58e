//! How much work a component is for the compiler, told from its bytes alone.
//!
//! Nothing bounds the compiler while it runs, and a bound by time or memory would fall differently on each
//! host: some would have the validator and others not. These bounds are a function of the bytes, so what is
//! too heavy is refused alike everywhere, before any work goes into it. Cranelift's time and memory grow with
//! the number of functions (some 30 us and 5 KB each, empty ones included), with the size of the largest, and
//! with blocks times variables within one.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::library::Unfit;

/// Functions of all modules together; an interpreter of JavaScript or Python has about half as many.
const FUNCTIONS_MAX: u64 = 60_000;
/// Bytes of one function; the largest honest ones are the main loops of interpreters, a tenth of this.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// Blocks times variables (parameters and locals) in one function: time, and some 70 bytes of memory each.
const TANGLE_MAX: u64 = 8_000_000;
/// The same, added up over all functions: time alone, for the memory is given back after each.
const TANGLES_MAX: u64 = 64_000_000;

#[derive(Default)]
struct Weight {
    functions: u64,
    largest: u64,
    tangle: u64,
    tangles: u64,
}

/// What is known of a module while its sections go by.
#[derive(Default)]
struct Module {
    /// Parameters of each type.
    parameters: Vec<u64>,
    /// The type of each function with a body.
    types: Vec<u32>,
    /// Bodies seen.
    bodies: usize,
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
    too_much("blocks times variables in its functions", weight.tangles, TANGLES_MAX)
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
                let types = types.into_iter_err_on_gc_types().map_while(Result::ok);
                module.parameters.extend(types.map(|kind| kind.params().len() as u64));
            }
            Ok(Payload::FunctionSection(types)) => {
                let Some(module) = open.last_mut() else { continue };
                module.types.extend(types.into_iter().map_while(Result::ok));
            }
            Ok(Payload::CodeSectionEntry(body)) => {
                let parameters = open.last_mut().map_or(0, Module::next_parameters);
                weight.add(&body, parameters);
            }
            Ok(_) => (),
            Err(_) => return weight,
        }
    }
    weight
}

impl Module {
    /// Parameters of the function whose body comes next.
    fn next_parameters(&mut self) -> u64 {
        let kind = self.types.get(self.bodies).copied();
        self.bodies += 1;
        kind.and_then(|kind| self.parameters.get(kind as usize)).copied().unwrap_or(0)
    }
}

impl Weight {
    fn add(&mut self, body: &FunctionBody<'_>, parameters: u64) {
        let range = body.range();
        self.functions += 1;
        self.largest = self.largest.max(range.end - range.start);
        let tangle = blocks(body).saturating_mul(parameters + locals(body));
        self.tangle = self.tangle.max(tangle);
        self.tangles = self.tangles.saturating_add(tangle);
    }
}

fn locals(body: &FunctionBody<'_>) -> u64 {
    let Ok(groups) = body.get_locals_reader() else { return 0 };
    groups.into_iter().map_while(Result::ok).map(|(count, _)| u64::from(count)).sum()
}

/// Places where control may come together.
fn blocks(body: &FunctionBody<'_>) -> u64 {
    let Ok(operators) = body.get_operators_reader() else { return 0 };
    let opens = |operator: &Operator<'_>| {
        matches!(operator, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. })
    };
    operators.into_iter().map_while(Result::ok).filter(opens).count() as u64
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
        refused(&bomb(30, 0, 1000, 3000), "90000000 blocks times variables");
        refused(&bomb(30, 1000, 0, 3000), "90000000 blocks times variables");
        refused(&bomb(1, 1000, 1000, 5000), "10000000 blocks times variables in one function");
        refused(&bomb(1, 0, 0, 400_000), "bytes in one function: at most 1048576");
    }

    #[test]
    fn honest_components_are_far_from_the_bounds() {
        for (name, bytes) in sluice_artifacts::ALL {
            let weight = weigh(bytes);
            assert!(weight.functions > 0, "{name} was not looked into");
            assert!(weight.functions < FUNCTIONS_MAX / 4, "{name} has {} functions", weight.functions);
            assert!(weight.largest < BODY_BYTES_MAX / 4, "{name} has {} bytes in one", weight.largest);
            assert!(weight.tangle < TANGLE_MAX / 4, "{name} has a tangle of {}", weight.tangle);
            assert!(weight.tangles < TANGLES_MAX / 4, "{name} has tangles of {}", weight.tangles);
        }
    }

    #[test]
    fn what_is_no_webassembly_is_left_to_the_compiler() {
        assert_eq!(check(b""), Ok(()));
        assert_eq!(check(b"\0asm\x0d\0\x01\0 and rubbish"), Ok(()));
    }
}
