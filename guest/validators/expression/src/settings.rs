//! Rules, as a binding writes them.

use std::sync::Arc;

use cel::{Context, Env, ExecutionError, Program};
use serde::Deserialize;
use sluice_guest::{Finding, Operation, Severity};

use crate::scope::{Scope, VARIABLES};
use crate::value::Variables;

/// Most rules of a binding: each is asked about each edit.
const RULES_MAX: usize = 64;

/// Bytes of an expression.
const EXPR_BYTES_MAX: usize = 4096;
/// Levels of an expression, each a call or more of the interpreter: it bounds the guest's stack.
const DEPTH_MAX: usize = 128;

/// What a binding says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// What has to be true.
    pub expr: String,
    message: String,
    #[serde(default = "code")]
    code: String,
    #[serde(default)]
    pointer: Option<String>,
    #[serde(default = "severity")]
    severity: Severity,
    #[serde(default = "on")]
    on: Vec<On>,
}

/// What is done to a key.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum On {
    Create,
    Update,
    Delete,
}

fn code() -> String {
    "rule".into()
}

fn severity() -> Severity {
    Severity::Error
}

/// Deletes have no new value, which is what most rules are about.
fn on() -> Vec<On> {
    vec![On::Create, On::Update]
}

impl Rule {
    /// The expression, ready to be asked; a finding with line and column if it is none.
    pub(crate) fn compile(&self, number: usize, env: &Env) -> Result<Program, Finding> {
        let wrong = |message: String| Finding::error("expression", message).at(format!("/rules/{number}/expr"));
        if self.expr.len() > EXPR_BYTES_MAX {
            return Err(wrong(format!("{} bytes, at most {EXPR_BYTES_MAX} are allowed", self.expr.len())));
        }
        let program = env.compile(&self.expr).map_err(|faults| match faults.errors.first() {
            // What follows the first fault follows from it.
            Some(fault) => wrong(format!("line {}, column {}: {}", fault.pos.0, fault.pos.1, fault.msg)),
            None => wrong("it is no expression".into()),
        })?;
        match Scope::of(program.expression()) {
            Scope { depth, .. } if depth > DEPTH_MAX => {
                Err(wrong(format!("it nests deeper than {DEPTH_MAX} levels: make two rules of it")))
            }
            Scope { unknown: Some(name), .. } => {
                Err(wrong(format!("nothing is called `{name}`")).help(format!("there are {}", VARIABLES.join(", "))))
            }
            Scope { unknown: None, .. } => Ok(program),
        }
    }

    /// Whether it is asked about such an edit.
    pub(crate) fn is_on(&self, operation: Operation) -> bool {
        self.on.contains(&match operation {
            Operation::Create => On::Create,
            Operation::Update => On::Update,
            Operation::Delete => On::Delete,
        })
    }

    /// What is told when it does not hold.
    pub(crate) fn objection(&self) -> Finding {
        let finding = Finding::error(&self.code, &self.message);
        Finding { severity: self.severity, pointer: self.pointer.clone(), ..finding }
    }
}

/// The rules, compiled once a binding.
pub(crate) struct Rules {
    pub env: Arc<Env>,
    pub compiled: Vec<(Rule, Program)>,
    /// What they speak of.
    pub variables: Variables,
}

/// The rules ready to be asked, or what is wrong with the settings.
pub(crate) fn prepare(settings: Settings) -> Result<Rules, Vec<Finding>> {
    let count = settings.rules.len();
    if !(1..=RULES_MAX).contains(&count) {
        return Err(vec![Finding::error("settings", format!("{count} rules: give 1 to {RULES_MAX}")).at("/rules")]);
    }
    let env = Arc::new(Env::stdlib());
    let (mut compiled, mut faults) = (Vec::new(), Vec::new());
    for (n, rule) in settings.rules.into_iter().enumerate() {
        match rule.compile(n, &env).map(|program| (unknown_function(&program, &env), program)) {
            Ok((None, program)) => compiled.push((rule, program)),
            Ok((Some(name), _)) => {
                let wrong = Finding::error("expression", format!("no function is called `{name}`"));
                faults.push(wrong.at(format!("/rules/{n}/expr")));
            }
            Err(fault) => faults.push(fault),
        }
    }
    let variables = Variables::used(compiled.iter().map(|(_, program)| program));
    if faults.is_empty() { Ok(Rules { env, compiled, variables }) } else { Err(faults) }
}

/// A function that is there neither alone, nor on a value, nor in the one library. The interpreter has no list of
/// its functions, but tells one it does not know from one that wants other arguments. Only asked when a rule is
/// bound, for it costs as much as several rules.
fn unknown_function(program: &Program, env: &Arc<Env>) -> Option<String> {
    let is_undeclared = |expr: String| {
        let answer = env.compile(&expr).map(|program| program.execute(&Context::with_env(env.clone())));
        matches!(answer, Ok(Err(ExecutionError::UndeclaredReference(_))))
    };
    let references = program.references();
    let mut names = references.functions();
    names.sort_unstable();
    // Operators are functions too; theirs are no names.
    let mut names = names.into_iter().filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()));
    let unknown = names.find(|name| ["", "''.", "optional."].iter().all(|on| is_undeclared(format!("{on}{name}()"))));
    unknown.map(str::to_owned)
}
