//! How control goes in one function, and what it carries and keeps.

use wasmparser::{BlockType, ContType, FrameKind, FuncType, FunctionBody, ModuleArity, Operator, RefType, SubType};

use crate::weight::{Arity, Module};

/// Blocks that the compiler makes of an instruction on a whole table: loops over its elements, in both directions.
const TABLE_BLOCKS: u64 = 64;

/// How control goes in one function.
#[derive(Default)]
pub(super) struct Flow {
    /// Places where it may part or come together.
    pub(super) blocks: u64,
    pub(super) carried: u64,
    pub(super) nested: u64,
    pub(super) calls: u64,
    /// Values on the stack that calls leave there, each counted at each call.
    pub(super) kept: u64,
    /// Values on the stack.
    height: u64,
}

/// A block that is open.
struct Frame {
    kind: FrameKind,
    block: BlockType,
    /// Values that were on the stack before it.
    below: u64,
}

/// The blocks around an instruction.
struct Around<'m> {
    module: &'m Module,
    frames: Vec<Frame>,
    loops: u64,
}

/// Goes through a function once. What no compiler would take is passed over.
pub(super) fn flow(body: &FunctionBody<'_>, module: &Module, own: Arity) -> Flow {
    let Ok(operators) = body.get_operators_reader() else { return Flow::default() };
    let (mut flow, mut around) = (Flow::default(), Around { module, frames: Vec::new(), loops: 0 });
    // A branch is taken to carry as much as the widest block before it: where it leads would take a stack to tell.
    let mut widest = own.results;
    for operator in operators.into_iter().map_while(Result::ok) {
        let (taken, given) = operator.operator_arity(&around).unwrap_or_default();
        flow.height = flow.height.saturating_sub(taken.into());
        flow.blocks = flow.blocks.saturating_add(places(&operator));
        let carried = match &operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let Arity { parameters, results } = around.arity(*blockty);
                flow.nested += around.open(&operator, *blockty, flow.height);
                widest = widest.max(parameters).max(results);
                past_first(parameters + results)
            }
            Operator::Else => {
                flow.height = around.frames.last().map_or(0, |frame| frame.below);
                0
            }
            Operator::End => {
                flow.height = around.close();
                0
            }
            Operator::Call { function_index } => flow.call(module.function(*function_index)),
            Operator::CallIndirect { type_index, .. } => flow.call(module.kind(*type_index)),
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return => past_first(widest),
            Operator::BrTable { targets } => past_first(widest).saturating_mul(u64::from(targets.len()) + 1),
            _ => 0,
        };
        flow.carried = flow.carried.saturating_add(carried);
        flow.height += u64::from(given);
    }
    flow
}

/// How many blocks the compiler makes of an instruction.
fn places(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::BrIf { .. } => 1,
        Operator::BrTable { targets } => u64::from(targets.len()) + 1,
        // What lies in a table may have to be made first.
        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } | Operator::TableGet { .. } => 2,
        Operator::TableCopy { .. }
        | Operator::TableFill { .. }
        | Operator::TableGrow { .. }
        | Operator::TableInit { .. } => TABLE_BLOCKS,
        _ => 0,
    }
}

fn past_first(values: u64) -> u64 {
    values.saturating_sub(1)
}

impl Flow {
    fn call(&mut self, callee: Arity) -> u64 {
        self.calls += 1;
        self.kept = self.kept.saturating_add(self.height);
        past_first(callee.results)
    }
}

impl Around<'_> {
    /// How deep a loop lies in others, itself included; nothing for other blocks.
    fn open(&mut self, operator: &Operator<'_>, block: BlockType, below: u64) -> u64 {
        let kind = match operator {
            Operator::Loop { .. } => FrameKind::Loop,
            Operator::If { .. } => FrameKind::If,
            _ => FrameKind::Block,
        };
        self.frames.push(Frame { kind, block, below });
        self.loops += u64::from(kind == FrameKind::Loop);
        if kind == FrameKind::Loop { self.loops } else { 0 }
    }

    /// Values on the stack behind the block that ends, but for its results.
    fn close(&mut self) -> u64 {
        let Some(frame) = self.frames.pop() else { return 0 };
        self.loops -= u64::from(frame.kind == FrameKind::Loop);
        frame.below
    }

    fn arity(&self, block: BlockType) -> Arity {
        match block {
            BlockType::Empty => Arity::default(),
            BlockType::Type(_) => Arity { parameters: 0, results: 1 },
            BlockType::FuncType(index) => self.module.kind(index),
        }
    }
}

impl ModuleArity for Around<'_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.module.types.get(index as usize)
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, index: u32) -> Option<u32> {
        self.module.functions.get(index as usize).copied()
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        self.frames.len() as u32 + 1
    }

    fn label_block(&self, depth: u32) -> Option<(BlockType, FrameKind)> {
        let frame = self.frames.iter().rev().nth(depth as usize)?;
        Some((frame.block, frame.kind))
    }
}
