//! What an entry has to do with beyond the keys it names, under the bindings of one state.
//!
//! A verdict depends on the old values of the entry's own keys, on the bindings that name its edits, and on what
//! these look up. None of it is found out by watching validators run; all is declared in the bindings. So it is
//! known beforehand, and alike on every host:
//!
//! - an entry **reads** what is meant by the `reads` of the bindings that name one of its edits;
//! - a change of a binding **governs** what is meant by the `keys` of the document it puts, and of the one that
//!   was there: whether an entry there is judged before or after it makes a difference.
//!
//! What is reached follows from the state as it is now, though what counts is the state just before the entry. They
//! agree for an entry that waits for nobody: a change of a binding which is still open, and names an edit of the
//! entry, keeps it waiting; one that does not name it adds nothing to what it reads. For an entry that does wait,
//! `Touched` adds what those before it are about to bring, and once they are settled the
//! bindings are others and its reach is worked out again.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::binding::Binding;
use crate::bindings::Bindings;
use crate::change::{Action, Change, Content, Edit};
use crate::entry::Entry;
use crate::glob::Globs;
use crate::key::{COMPONENTS, Key, VALIDATORS};
use crate::state::State;

/// What an entry reaches. Copies cost a reference count or two, and nothing where no validator is bound.
#[derive(Clone, Debug)]
pub struct Reach {
    under: Bindings,
    wide: Option<Arc<Wide>>,
}

/// The reach of an entry that reads or governs anything at all.
#[derive(Clone, Debug, Default)]
pub struct Wide {
    /// Keys it may look up.
    pub reads: Vec<Extent>,
    /// Keys whose validators it changes.
    pub governs: Vec<Rule>,
}

/// A binding that comes or goes.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The keys whose changes it judges.
    pub keys: Extent,
    /// What it may look up then; none if it goes, for then the bindings in force say so.
    pub reads: Option<Extent>,
}

/// A set of keys.
#[derive(Clone, Debug)]
pub enum Extent {
    /// All that begin so.
    Under(&'static str),
    /// All that one of these means.
    Globs(Globs),
}

impl Reach {
    /// The reach of an entry under the bindings of a state.
    pub fn of(entry: &Entry, state: &State) -> Reach {
        let under = state.bindings().clone();
        let change = entry.content.as_ref().ok();
        // A barrier stands in the way of everything as it is.
        let change = change.filter(|change| (state.has_bindings() || change.is_about_rules()) && !change.is_barrier());
        let wide = change.map(|change| wide(change, &under)).filter(|wide| !wide.is_empty()).map(Arc::new);
        Reach { under, wide }
    }

    /// Whether it was worked out under the bindings of this state.
    pub fn is_under(&self, state: &State) -> bool {
        self.under.is_shared_with(state.bindings())
    }

    /// What it reads and governs, if anything.
    pub fn wide(&self) -> Option<&Arc<Wide>> {
        self.wide.as_ref()
    }
}

fn wide(change: &Change, bindings: &Bindings) -> Wide {
    let edits: Vec<Segments> = change.edits.iter().map(|edit| segments(&edit.key)).collect();
    let mut wide = Wide::default();
    for (key, binding) in bindings.near(change.edits.iter().map(|edit| &edit.key)) {
        match &**binding {
            Ok(binding) if binding.reads.is_empty() || !binding.is_on() => (),
            Ok(binding) => {
                if edits.iter().any(|key| binding.names(key)) {
                    wide.reads.push(Extent::Globs(binding.reads.clone()));
                }
            }
            // Nobody knows what it names and reads. What puts it right is not left to it.
            Err(_) if change.edits.iter().any(|edit| edit.key == *key) => (),
            Err(_) => wide.reads.push(Extent::Under("")),
        }
    }
    for edit in &change.edits {
        // Whether a component is bound decides whether it may be withdrawn.
        if edit.key.as_str().starts_with(COMPONENTS) && edit.action == Action::Delete {
            wide.reads.push(Extent::Under(VALIDATORS));
        }
        if let Some(name) = edit.key.as_str().strip_prefix(VALIDATORS) {
            // Whether a component has been announced decides whether its binding is let in.
            wide.reads.push(Extent::Under(COMPONENTS));
            wide.governs.extend(coming(name, edit));
            wide.governs.extend(bindings.get(&edit.key).and_then(|binding| going((**binding).as_ref().ok())));
        }
    }
    wide
}

/// The binding that an edit puts.
fn coming(name: &str, edit: &Edit) -> Option<Rule> {
    let Action::Put(put) = &edit.action else { return None };
    match &put.content {
        // One that cannot be read is refused, so it governs nothing.
        Content::Here(bytes) => Binding::parse(name, bytes).ok().filter(Binding::is_on).map(|binding| Rule {
            keys: Extent::Globs(binding.keys),
            reads: Some(Extent::Globs(binding.reads)).filter(|reads| !reads.is_empty()),
        }),
        // Until its bytes are there it may be anything.
        Content::At(_) => Some(Rule { keys: Extent::Under(""), reads: Some(Extent::Under("")) }),
    }
}

/// The binding that an edit takes away or replaces; none if it could not be read.
fn going(binding: Option<&Binding>) -> Option<Rule> {
    match binding {
        Some(binding) if !binding.is_on() => None,
        Some(binding) => Some(Rule { keys: Extent::Globs(binding.keys.clone()), reads: None }),
        None => Some(Rule { keys: Extent::Under(""), reads: None }),
    }
}

/// A key cut at its slashes, once for all globs it is held against.
pub type Segments<'k> = Vec<&'k str>;

/// Cuts a key into its segments.
pub fn segments(key: &Key) -> Segments<'_> {
    key.as_str().split('/').collect()
}

impl Rule {
    /// Whether it is the same binding, coming or going alike.
    pub fn is_same(&self, other: &Rule) -> bool {
        let reads = match (&self.reads, &other.reads) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            (None, Some(_)) | (Some(_), None) => false,
        };
        reads && self.keys.is_same(&other.keys)
    }
}

impl Wide {
    fn is_empty(&self) -> bool {
        self.reads.is_empty() && self.governs.is_empty()
    }
}

impl Extent {
    /// Whether a key, also given by its segments, is part of it.
    pub fn has(&self, key: &Key, segments: &[&str]) -> bool {
        match self {
            Extent::Under(prefix) => key.as_str().starts_with(prefix),
            Extent::Globs(globs) => globs.matches(segments),
        }
    }

    /// Whether one of some keys is part of it. Looks only at those that begin as its globs do: the line may be long.
    pub fn meets<T>(&self, keys: &BTreeMap<Key, T>) -> bool {
        let begin = |prefix: &str, is_meant: &dyn Fn(&Key) -> bool| {
            let from = keys.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
            from.map(|(key, _)| key).take_while(|key| key.as_str().starts_with(prefix)).any(is_meant)
        };
        match self {
            Extent::Under(prefix) => begin(prefix, &|_| true),
            Extent::Globs(globs) => globs.iter().any(|glob| begin(glob.prefix(), &|key| glob.matches(&segments(key)))),
        }
    }

    /// Whether it is the same set, told the same way.
    pub fn is_same(&self, other: &Extent) -> bool {
        match (self, other) {
            (Extent::Under(one), Extent::Under(other)) => one == other,
            (Extent::Globs(one), Extent::Globs(other)) => one.is_shared_with(other),
            (Extent::Under(_), Extent::Globs(_)) | (Extent::Globs(_), Extent::Under(_)) => false,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Extent::Under(_) => false,
            Extent::Globs(globs) => globs.is_empty(),
        }
    }
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
