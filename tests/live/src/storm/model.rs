//! What the log means, said a second time, as simply as can be: the hosts must come to the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::host::order;

/// Names and values of an entry, in their order.
pub type Fields = Vec<(String, String)>;

/// A revision as numbers.
pub type Order = (u64, u64);

/// All that the log came to.
#[derive(Default)]
pub struct Model {
    /// Each value a key ever had, oldest first; none where it was deleted.
    pub values: BTreeMap<String, Vec<(Order, Option<String>)>>,
    /// What became of each entry.
    pub outcomes: BTreeMap<Order, Outcome>,
    tokens: BTreeMap<String, Order>,
}

/// What became of an entry, and which change it was meant to be.
pub struct Outcome {
    pub class: &'static str,
    /// The field `reason`, which in a storm names the change: tokens are what is to be proved.
    pub change: Option<String>,
}

impl Model {
    /// The model of a whole log. `checked/**` is bound to at most 100 as `max`.
    pub fn of(log: &[(String, Fields)]) -> Model {
        let mut model = Model::default();
        log.iter().for_each(|(revision, fields)| model.fold(order(revision), fields));
        model
    }

    /// The newest value of each key that is there, with its revision.
    pub fn keys(&self) -> BTreeMap<&str, (Order, &str)> {
        let newest = self.values.iter().filter_map(|(key, values)| Some((key, values.last()?)));
        newest.filter_map(|(key, (revision, value))| Some((key.as_str(), (*revision, value.as_deref()?)))).collect()
    }

    fn fold(&mut self, revision: Order, fields: &Fields) {
        let class = self.objection(revision, fields).unwrap_or("applied");
        if class == "applied" {
            fields.iter().for_each(|(name, value)| self.apply(revision, name, value));
        }
        let change = fields.iter().find(|(name, _)| name == "reason").map(|(_, change)| change.clone());
        self.outcomes.insert(revision, Outcome { class, change });
    }

    fn objection(&mut self, revision: Order, fields: &Fields) -> Option<&'static str> {
        if fields.iter().any(|(name, _)| name.starts_with("putt:")) {
            return Some("malformed");
        }
        if let Some((_, token)) = fields.iter().find(|(name, _)| name == "token") {
            if self.tokens.contains_key(token) {
                return Some("duplicate");
            }
            self.tokens.insert(token.clone(), revision);
        }
        let is_overtaken = |(name, base): &(String, String)| {
            let Some(key) = name.strip_prefix("base:") else { return false };
            let newest = self.values.get(key).and_then(|values| values.last());
            newest.filter(|(_, value)| value.is_some()).map_or((0, 0), |(revision, _)| *revision) != order(base)
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

    fn apply(&mut self, revision: Order, name: &str, value: &str) {
        let (key, value) = match name.split_once(':') {
            Some(("put", key)) => (key, Some(value.to_owned())),
            Some(("del", key)) => (key, None),
            Some(_) | None => return,
        };
        self.values.entry(key.to_owned()).or_default().push((revision, value));
    }
}
