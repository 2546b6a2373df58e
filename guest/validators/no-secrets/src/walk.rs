//! A walk through a document, past every name and string in it.

use serde_json::{Map, Value};
use sluice_documents::Place;
use sluice_guest::Finding;

use crate::assignment::{NAMED, assigned};
use crate::format::tokens;
use crate::guess::is_random;
use crate::hit::Hit;
use crate::key_block::key_blocks;
use crate::link::passwords;
use crate::name::is_secret;
use crate::settings::Settings;

/// What was found in a document.
pub(crate) struct Walk<'s, 'v> {
    settings: &'s Settings,
    place: Place,
    /// Findings, at their places.
    pub found: Vec<Finding>,
    /// All secrets that are known by their looks, the allowed ones too.
    pub seen: Vec<&'v str>,
}

/// What the surroundings of a value say of it.
#[derive(Clone, Copy)]
struct Under<'v> {
    name: &'v str,
    /// Whether it is the data of a Kubernetes `Secret`, where every value is one.
    is_secret: bool,
}

/// Everything that is known by its looks, wherever it stands.
pub(crate) fn known(text: &str) -> Vec<Hit<'_>> {
    let mut hits = tokens(text);
    // Looking for one character is far cheaper than for several, and most texts have neither.
    if text.contains('-') {
        hits.extend(key_blocks(text));
    }
    if text.contains('@') {
        hits.extend(passwords(text));
    }
    hits
}

impl<'s, 'v> Walk<'s, 'v> {
    /// Walks through the whole document.
    pub(crate) fn through(value: &'v Value, settings: &'s Settings) -> Self {
        let mut walk = Self { settings, place: Place::default(), found: Vec::new(), seen: Vec::new() };
        walk.visit(value, Under { name: "", is_secret: false });
        walk
    }

    fn visit(&mut self, value: &'v Value, under: Under<'v>) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => (),
            Value::String(text) => self.text(text, under),
            // The items of a list are what the list is called.
            Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| {
                let step = self.place.enter(n);
                self.visit(item, under);
                self.place.leave(step);
            }),
            Value::Object(items) => self.object(items, under),
        }
    }

    fn object(&mut self, items: &'v Map<String, Value>, under: Under<'v>) {
        let word = |name: &str| items.get(name).and_then(Value::as_str);
        // RFC 7517 and 7518: `d` is the private part of a key, `k` a key both sides share.
        if word("kty").is_some() && (word("d").is_some() || word("k").is_some()) {
            let secret = word("d").or(word("k")).unwrap_or_default();
            self.tell(&Hit { code: "private-key", kind: "a private JSON Web Key", prefix: "", text: secret });
        }
        let is_kubernetes = word("kind") == Some("Secret");
        for (name, item) in items {
            let under = Under {
                // `{name: DB_PASSWORD, value: …}`, and `password: {value: …}`.
                name: if name == "value" { word("name").or(word("key")).unwrap_or(under.name) } else { name },
                is_secret: under.is_secret || is_kubernetes && matches!(name.as_str(), "data" | "stringData"),
            };
            let hits = known(name);
            if hits.is_empty() {
                let step = self.place.enter(name);
                self.visit(item, under);
                self.place.leave(step);
            } else {
                // The pointer would hold the secret, so it ends at the object, for all that is within too.
                hits.iter().for_each(|hit| self.tell(hit));
                self.seen.extend(hits.iter().map(|hit| hit.text));
                self.hidden(item, under);
            }
        }
    }

    /// Walks through a value that no pointer may lead to.
    fn hidden(&mut self, value: &'v Value, under: Under<'v>) {
        let outer = std::mem::take(&mut self.found);
        let pointer = self.place.pointer().to_owned();
        let step = self.place.enter("");
        self.visit(value, under);
        self.place.leave(step);
        let inner = std::mem::replace(&mut self.found, outer);
        self.found.extend(inner.into_iter().map(|finding| finding.at(pointer.clone())));
    }

    fn text(&mut self, text: &'v str, under: Under<'v>) {
        let hits = known(text);
        hits.iter().for_each(|hit| self.tell(hit));
        self.seen.extend(hits.iter().map(|hit| hit.text));
        if !hits.is_empty() {
            return;
        }
        let is_long = text.len() >= self.settings.length_min;
        if is_long && (under.is_secret || is_secret(under.name)) && is_random(text, self.settings) {
            return self.tell(&Hit { code: "named-secret", kind: NAMED, prefix: "", text });
        }
        if text.contains(['=', '\n']) {
            assigned(text, self.settings).iter().for_each(|hit| self.tell(hit));
        }
    }

    fn tell(&mut self, hit: &Hit) {
        if !self.settings.allows(self.place.pointer()) {
            self.found.push(hit.finding().at(self.place.pointer()));
        }
    }
}
