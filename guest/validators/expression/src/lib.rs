//! Judges changes by rules in CEL, the Common Expression Language.
//!
//! Settings: `{"rules": [{"expr": "new.max <= 2 * old.max", "message": "at most doubled", "on": ["update"]}]}`.
//! A rule is asked about each edit of the change; what it does not hold for, or cannot be worked out for, is
//! rejected.

mod scope;
mod settings;
mod value;

use cel::{Context, Value};
use settings::{Rule, Rules, Settings, prepare};
use sluice_guest::{Change, Finding, Verdict, validator};

/// Bytes of a message. Errors of the interpreter repeat the values they are about.
const MESSAGE_MAX: usize = 300;

validator!(judge, Settings => Rules, prepare);

/// Rejects a change if a rule of severity `error` does not hold, or a rule cannot be worked out.
fn judge(change: &Change, rules: &Rules) -> Verdict {
    let mut found = Vec::new();
    for edit in change.edits.iter().filter(|edit| edit.bound) {
        let asked: Vec<_> = rules.compiled.iter().filter(|(rule, _)| rule.is_on(edit.operation)).collect();
        if asked.is_empty() {
            continue;
        }
        let mut context = Context::with_env(rules.env.clone());
        match rules.variables.tell(&mut context, change, edit) {
            Ok(()) => found.extend(
                asked
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
