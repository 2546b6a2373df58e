//! What the log means, said a second time, as simply as can be: the hosts must come to the same.

use std::collections::BTreeMap;

use serde_json::Value;

/// The state after some entries.
#[derive(Default)]
pub struct Model {
    /// Revision and value of each key.
    pub keys: BTreeMap<String, (String, String)>,
    /// Revision and class of each entry that was refused, oldest first.
    pub refused: Vec<(String, String)>,
    tokens: BTreeMap<String, String>,
}

impl Model {
    /// Takes the next entry.
    pub fn fold(&mut self, revision: &str, fields: &[(String, String)]) {
        match self.objection(revision, fields) {
            Some(class) => self.refused.push((revision.to_owned(), class.to_owned())),
            None => fields.iter().for_each(|(name, value)| self.apply(revision, name, value)),
        }
    }

    fn objection(&mut self, revision: &str, fields: &[(String, String)]) -> Option<&'static str> {
        if fields.iter().any(|(name, _)| name.starts_with("putt:")) {
            return Some("malformed");
        }
        let token = fields.iter().find(|(name, _)| name == "token");
        if token.is_some_and(|(_, token)| self.tokens.insert(token.clone(), revision.to_owned()).is_some()) {
            return Some("duplicate");
        }
        let is_overtaken = |(name, base): &(String, String)| {
            let Some(key) = name.strip_prefix("base:") else { return false };
            self.keys.get(key).map_or("0", |(revision, _)| revision) != base
        };
        if fields.iter().any(is_overtaken) {
            return Some("conflict");
        }
        let is_over = |(name, value): &(String, String)| {
            let value: Value = serde_json::from_str(value).unwrap_or_default();
            name.starts_with("put:checked/") && value["max"].as_u64().is_some_and(|max| max > 100)
        };
        fields.iter().any(is_over).then_some("rejected")
    }

    fn apply(&mut self, revision: &str, name: &str, value: &str) {
        match name.split_once(':') {
            Some(("put", key)) => drop(self.keys.insert(key.to_owned(), (revision.to_owned(), value.to_owned()))),
            Some(("del", key)) => drop(self.keys.remove(key)),
            Some(_) | None => (),
        }
    }
}
