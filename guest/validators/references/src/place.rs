//! The values a pointer with wildcards leads to.

use serde_json::Value;
use sluice_documents::Place;

/// Texts and numbers at a pointer whose `*` is any one step, each with its own pointer. A list there is all its
/// items.
pub(crate) fn names(value: &Value, at: &str) -> Vec<(String, String)> {
    let steps: Vec<String> = at.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let (mut place, mut found) = (Place::default(), Vec::new());
    walk(value, &steps, &mut place, &mut found);
    found
}

fn walk(value: &Value, steps: &[String], place: &mut Place, found: &mut Vec<(String, String)>) {
    let Some((step, rest)) = steps.split_first() else { return end(value, place, found) };
    match value {
        Value::Object(items) => {
            for (name, item) in items.iter().filter(|(name, _)| step == "*" || *name == step) {
                let entered = place.enter(name);
                walk(item, rest, place, found);
                place.leave(entered);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate().filter(|(n, _)| step == "*" || *step == n.to_string()) {
                let entered = place.enter(n);
                walk(item, rest, place, found);
                place.leave(entered);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

fn end(value: &Value, place: &mut Place, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((place.pointer().to_owned(), text.clone())),
        Value::Number(number) => found.push((place.pointer().to_owned(), number.to_string())),
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate().filter(|(_, item)| item.is_string() || item.is_number()) {
                let entered = place.enter(n);
                end(item, place, found);
                place.leave(entered);
            }
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => (),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::names;

    #[test]
    fn stars_are_any_step_and_lists_are_their_items() {
        let value = json!({"a": [{"to": "x"}, {"to": ["y", 7]}, {"to": null}], "b/c": "z"});
        let found = |at: &str| names(&value, at).into_iter().map(|(at, name)| at + " " + &name).collect::<Vec<_>>();
        assert_eq!(found("/a/*/to"), ["/a/0/to x", "/a/1/to/0 y", "/a/1/to/1 7"]);
        assert_eq!(found("/b~1c"), ["/b~1c z"]);
        assert!(found("/nothing").is_empty() && found("").is_empty());
    }
}
