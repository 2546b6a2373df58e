//! Violations of a schema, told as findings.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use sluice_guest::Finding;

use crate::Rules;

/// Bytes of a message; a schema can list thousands of allowed values.
const MESSAGE_MAX: usize = 300;
/// Bytes of a string that is quoted in a message; longer ones, lists and objects are called "value".
const QUOTED_MAX: usize = 60;

/// The first `most` violations.
pub(crate) fn objections(value: &Value, rules: &Rules, most: usize) -> Vec<Finding> {
    // Asking first is far cheaper than collecting errors, and nearly every document is valid.
    if rules.is_valid(value) {
        return Vec::new();
    }
    rules.iter_errors(value).take(most).map(|error| finding(&error)).collect()
}

fn finding(error: &ValidationError) -> Finding {
    let finding = Finding::error(error.kind().keyword(), message(error)).at(error.instance_path().as_str());
    match closest(error.kind()) {
        Some(inner) => finding.help(format!("the closest alternative: {}: {}", place(inner), message(inner))),
        None => finding,
    }
}

fn message(error: &ValidationError) -> String {
    let short = match &**error.instance() {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.len() <= QUOTED_MAX,
        Value::Array(_) | Value::Object(_) => false,
    };
    let mut message = if short { error.to_string() } else { error.masked().to_string() };
    if message.len() > MESSAGE_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_MAX));
        message.push('…');
    }
    message
}

/// Of alternatives that all failed, the error of the one that got deepest into the document.
fn closest(kind: &ValidationErrorKind) -> Option<&ValidationError<'static>> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = kind else {
        return None;
    };
    let depth = |error: &ValidationError| error.instance_path().as_str().matches('/').count();
    context.iter().filter_map(|branch| branch.first()).max_by_key(|error| depth(error))
}

fn place<'e>(error: &'e ValidationError) -> &'e str {
    match error.instance_path().as_str() {
        "" => "here",
        pointer => pointer,
    }
}
