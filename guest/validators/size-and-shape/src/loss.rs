//! What went missing between the old value and the new one.

use serde_json::Value;
use sluice_documents::Place;
use sluice_guest::Finding;

use crate::settings::Settings;

/// Every list and object that lost a larger share of its items than `most`. Of a list items are counted, for
/// nobody knows which became which. Pointers lead into the new value.
pub(crate) fn losses(old: &Value, new: &Value, most: f64, settings: &Settings) -> Vec<Finding> {
    let mut walk = Walk { small: settings.small_items, most, place: Place::default(), found: Vec::new() };
    walk.compare(old, new, "the document");
    walk.found
}

struct Walk {
    small: usize,
    most: f64,
    place: Place,
    found: Vec<Finding>,
}

impl Walk {
    fn compare(&mut self, old: &Value, new: &Value, name: &str) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                self.weigh(old.len(), old.keys().filter(|name| new.contains_key(*name)).count(), name);
                for (name, item) in old {
                    match new.get(name) {
                        Some(new) => self.within(name, item, new),
                        // It has no place any more; its object has.
                        None => self.weigh(size(item), 0, name),
                    }
                }
            }
            (Value::Array(old), Value::Array(new)) => {
                self.weigh(old.len(), old.len().min(new.len()), name);
                if old.len() == new.len() {
                    old.iter().zip(new).enumerate().for_each(|(n, (old, new))| self.within(&n.to_string(), old, new));
                }
            }
            _ => self.weigh(size(old), 0, name),
        }
    }

    fn within(&mut self, name: &str, old: &Value, new: &Value) {
        let step = self.place.enter(name);
        self.compare(old, new, name);
        self.place.leave(step);
    }

    fn weigh(&mut self, before: usize, kept: usize, name: &str) {
        let gone = before - kept;
        if before > self.small && gone as f64 > self.most * before as f64 {
            let share = percent(self.most);
            let message = format!("{gone} of {before} items of `{name}` are gone, at most {share} may go at once");
            self.found.push(Finding::error("many-removed", message).at(self.place.pointer()));
        }
    }
}

/// How many items a list or an object holds; anything else holds none.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => items.len(),
        Value::Object(items) => items.len(),
    }
}

/// A share as people read it.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}
