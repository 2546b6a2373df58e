//! What one document may look like.

use serde_json::Value;
use sluice_documents::Place;
use sluice_guest::Finding;

use crate::settings::Settings;

/// Every place of a document that is larger than it may be.
pub(crate) fn oversized(value: &Value, settings: &Settings) -> Vec<Finding> {
    let mut walk = Walk { settings, place: Place::default(), found: Vec::new() };
    walk.visit(value, 0);
    walk.found
}

struct Walk<'s> {
    settings: &'s Settings,
    place: Place,
    found: Vec<Finding>,
}

impl Walk<'_> {
    /// Looks at a value that lies within `outer` lists and objects.
    fn visit(&mut self, value: &Value, outer: usize) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => (),
            Value::String(text) => {
                self.limit("long-string", text.len(), self.settings.string_bytes_max, "bytes in a string");
            }
            Value::Array(items) => {
                self.limit("many-items", items.len(), self.settings.items_max, "items in a list");
                if self.may_enter(outer) {
                    items.iter().enumerate().for_each(|(n, item)| {
                        let step = self.place.enter(n);
                        self.visit(item, outer + 1);
                        self.place.leave(step);
                    });
                }
            }
            Value::Object(items) => {
                self.limit("many-names", items.len(), self.settings.names_max, "names in an object");
                // The pointer stops above a name that is too long: a finding is meant to be read.
                let most = self.settings.string_bytes_max;
                let longest = items.keys().map(String::len).max().unwrap_or(0);
                self.limit("long-string", longest, most, "bytes in a name");
                if self.may_enter(outer) {
                    items.iter().filter(|(name, _)| most.is_none_or(|most| name.len() <= most)).for_each(
                        |(name, item)| {
                            let step = self.place.enter(name);
                            self.visit(item, outer + 1);
                            self.place.leave(step);
                        },
                    );
                }
            }
        }
    }

    /// One level too many is told once, where it begins, and not again of all that lies within.
    fn may_enter(&mut self, outer: usize) -> bool {
        self.limit("deep", outer + 1, self.settings.depth_max, "levels of lists and objects")
    }

    fn limit(&mut self, code: &str, size: usize, most: Option<usize>, of: &str) -> bool {
        let Some(most) = most.filter(|most| size > *most) else { return true };
        let message = format!("{size} {of}, at most {most} are allowed");
        self.found.push(Finding::error(code, message).at(self.place.pointer()));
        false
    }
}
