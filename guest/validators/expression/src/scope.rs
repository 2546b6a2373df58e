//! Names an expression uses, and which of them nobody knows.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};

/// What a rule can speak of.
pub(crate) const VARIABLES: [&str; 9] =
    ["key", "operation", "new", "old", "author", "reason", "metadata", "published_at", "edits"];
/// Names of types, and of the library whose functions have a dot.
const TYPES: [&str; 12] =
    ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "optional", "string", "type", "uint"];

/// What an expression speaks of.
pub(crate) struct Scope<'e> {
    /// Names that macros such as `all` have made, the newest last.
    names: Vec<&'e str>,
    /// Levels above what is looked at.
    level: usize,
    /// Levels there are.
    pub depth: usize,
    /// The first name that stands for nothing. Found when a rule is bound, for a rule that misspells a variable
    /// would reject everything.
    pub unknown: Option<&'e str>,
}

impl<'e> Scope<'e> {
    /// Looks through an expression.
    pub(crate) fn of(expression: &'e IdedExpr) -> Self {
        let mut scope = Self { names: Vec::new(), level: 0, depth: 0, unknown: None };
        scope.visit(expression);
        scope
    }

    fn visit(&mut self, expression: &'e IdedExpr) {
        self.level += 1;
        self.depth = self.depth.max(self.level);
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => (),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Call(call) => {
                call.target.iter().for_each(|target| self.visit(target));
                call.args.iter().for_each(|argument| self.visit(argument));
            }
            Expr::List(list) => list.elements.iter().for_each(|item| self.visit(item)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(value) => value.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(fold) => {
                self.visit(&fold.iter_range);
                self.visit(&fold.accu_init);
                let outer = self.names.len();
                self.names.extend([fold.iter_var.as_str(), fold.accu_var.as_str()]);
                self.names.extend(fold.iter_var2.as_deref());
                self.visit(&fold.loop_cond);
                self.visit(&fold.loop_step);
                self.visit(&fold.result);
                self.names.truncate(outer);
            }
        }
        self.level -= 1;
    }

    fn entry(&mut self, entry: &'e EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key);
                self.visit(&entry.value);
            }
        }
    }

    fn name(&mut self, name: &'e str) {
        if !VARIABLES.contains(&name) && !TYPES.contains(&name) && !self.names.contains(&name) {
            self.unknown.get_or_insert(name);
        }
    }
}
