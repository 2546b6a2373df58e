//! A change, as a rule sees it.

use std::collections::HashMap;
use std::sync::Arc;

use cel::{Context, Program, Value};
use serde_json::Value as Json;
use sluice_documents::parse;
use sluice_guest::{Change, Content, Document, Edit, Finding, Operation};

/// Which of the costly variables the rules use: a document nobody asks about is not read.
pub(crate) struct Variables {
    new: bool,
    old: bool,
    edits: bool,
}

impl Variables {
    /// Those that any of the rules uses.
    pub(crate) fn used<'p>(programs: impl Iterator<Item = &'p Program> + Clone) -> Self {
        let any = |name: &str| programs.clone().any(|program| program.references().has_variable(name));
        Self { new: any("new"), old: any("old"), edits: any("edits") }
    }

    /// Gives the rules an edit to speak of; a finding if its new value cannot be read.
    pub(crate) fn tell(&self, context: &mut Context, change: &Change, edit: &Edit) -> Result<(), Finding> {
        context.add_variable_from_value("key", text(&edit.key));
        context.add_variable_from_value("operation", operation(edit.operation));
        context.add_variable_from_value("author", optional(change.author.as_deref()));
        context.add_variable_from_value("reason", optional(change.reason.as_deref()));
        context
            .add_variable_from_value("published_at", Value::Int(change.published_at().try_into().unwrap_or(i64::MAX)));
        // Of a name that repeats the last value counts, as where the names are those of fields.
        let pairs = change.metadata.iter().map(|(name, value)| (name.as_str(), text(value)));
        context.add_variable_from_value("metadata", map(pairs));
        if self.new {
            context.add_variable_from_value("new", read(edit, edit.new.as_ref())?);
        }
        if self.old {
            context.add_variable_from_value("old", before(edit));
        }
        if self.edits {
            let edits = change.edits.iter().map(edit_of).collect::<Result<Vec<_>, _>>()?;
            context.add_variable_from_value("edits", Value::List(Arc::new(edits)));
        }
        Ok(())
    }
}

fn edit_of(edit: &Edit) -> Result<Value, Finding> {
    // What is not bound is not this validator's to refuse, so it may be unreadable.
    let new = if edit.bound { read(edit, edit.new.as_ref())? } else { text_of(edit, edit.new.as_ref()) };
    let fields = [
        ("key", text(&edit.key)),
        ("operation", operation(edit.operation)),
        ("bound", Value::Bool(edit.bound)),
        ("new", new),
        ("old", before(edit)),
    ];
    Ok(map(fields.into_iter()))
}

/// A document as a value: what it holds if it is JSON, YAML or TOML, else its text or its bytes.
fn read(edit: &Edit, document: Option<&Document>) -> Result<Value, Finding> {
    let Some(document) = document else { return Ok(Value::Null) };
    match (&document.body, parse(&edit.key, document)) {
        (_, Ok(value)) => Ok(from(value)),
        (Content::Bytes(bytes), Err(_)) => Ok(Value::Bytes(Arc::new(bytes.clone()))),
        (Content::Text(body), Err(finding)) if finding.code == "media-type" => Ok(text(body)),
        (Content::Text(_), Err(finding)) => Err(finding),
    }
}

/// The same of what is there already and nobody can refuse any more.
fn text_of(edit: &Edit, document: Option<&Document>) -> Value {
    read(edit, document)
        .unwrap_or_else(|_| document.and_then(|document| document.text().ok()).map_or(Value::Null, text))
}

fn before(edit: &Edit) -> Value {
    text_of(edit, edit.old().as_ref())
}

fn from(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(truth),
        // Whole numbers are `int`, as literals are: of `uint` and `int` there is no sum.
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(large)) => Value::UInt(large),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(Arc::new(text)),
        Json::Array(items) => Value::List(Arc::new(items.into_iter().map(from).collect())),
        Json::Object(items) => map(items.into_iter().map(|(name, item)| (name, from(item)))),
    }
}

fn map<K: Into<cel::objects::Key>>(pairs: impl Iterator<Item = (K, Value)>) -> Value {
    let pairs = pairs.map(|(name, item)| (name.into(), item));
    Value::Map(cel::objects::Map { map: Arc::new(pairs.collect::<HashMap<_, _>>()) })
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn optional(found: Option<&str>) -> Value {
    found.map_or(Value::Null, text)
}

fn operation(operation: Operation) -> Value {
    text(match operation {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
    })
}
