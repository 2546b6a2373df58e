//! Judges changes by rules in CEL, the Common Expression Language.
//!
//! Settings: `{"rules": [{"expr": "new.max <= 2 * old.max", "message": "at most doubled", "on": ["update"]}]}`.
//! A rule is asked about each edit of the change; what it does not hold for, or cannot be worked out for, is
//! rejected.

mod scope;
mod settings;
mod value;

use std::sync::Arc;

use cel::{Context, Env, Value};
use settings::{Rule, Settings, check};
use sluice_guest::{Change, Finding, Verdict, validator};
use value::Variables;

/// Bytes of a message. Errors of the interpreter repeat the values they are about.
const MESSAGE_MAX: usize = 300;

validator!(judge, Settings, check);

/// Rejects a change if a rule of severity `error` does not hold, or a rule cannot be worked out.
fn judge(change: &Change, settings: &Settings) -> Verdict {
    let env = Arc::new(Env::stdlib());
    let mut found = Vec::new();
    let mut compiled = Vec::new();
    for (n, rule) in settings.rules.iter().enumerate() {
        match rule.compile(n, &env) {
            Ok(program) => compiled.push((rule, program)),
            // The host asks `check` before it lets a binding in, so this is a host that did not.
            Err(fault) => found.push(fault),
        }
    }
    let variables = Variables::used(compiled.iter().map(|(_, program)| program));
    for edit in change.edits.iter().filter(|edit| edit.bound) {
        let rules: Vec<_> = compiled.iter().filter(|(rule, _)| rule.is_on(edit.operation)).collect();
        if rules.is_empty() {
            continue;
        }
        let mut context = Context::with_env(env.clone());
        match variables.tell(&mut context, change, edit) {
            Ok(()) => found.extend(
                rules
                    .iter()
                    .filter_map(|(rule, program)| Some(objection(rule, program.execute(&context))?.on(&edit.key))),
            ),
            Err(finding) => found.push(finding.on(&edit.key)),
        }
    }
    found.into_iter().collect()
}

fn objection(rule: &Rule, answer: cel::objects::ResolveResult) -> Option<Finding> {
    let why = match answer {
        Ok(Value::Bool(true)) => return None,
        Ok(Value::Bool(false)) => return Some(rule.objection()),
        Ok(other) => format!("it is {}, neither true nor false", other.type_of()),
        Err(error) => error.to_string(),
    };
    let mut message = format!("`{}` cannot be worked out: {why}", rule.expr);
    if message.len() > MESSAGE_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_MAX));
        message.push('…');
    }
    Some(Finding::error("expression", message))
}

#[cfg(test)]
mod rule_tests;
