use bytes::Bytes;

use super::*;
use crate::digest::Digest;
use crate::fold::fold;
use crate::glob::Glob;
use crate::revision::Revision;
use crate::verdict::Verdict;

fn entry(text: &str) -> Entry {
    let fields = text.split(' ').map(|field| field.split_once('=').unwrap_or((field, "")));
    let fields = fields.map(|(name, value)| match name.split_once(':') {
        Some(("bind", name)) => (format!("put:{VALIDATORS}{name}"), document(value)),
        Some(_) | None => (name.to_owned(), value.to_owned()),
    });
    Entry::read(Revision { ms: 1, seq: 0 }, fields.map(|(n, v)| (Bytes::from(n), Bytes::from(v))).collect())
}

fn document(text: &str) -> String {
    let (keys, reads) = text.split_once('<').unwrap();
    format!(r#"{{"keys":["{keys}"],"reads":["{reads}"],"component":"{}"}}"#, Digest::ZERO)
}

fn state(bindings: &[&str]) -> State {
    let mut state = State::default();
    bindings.iter().for_each(|text| drop(fold(&mut state, &entry(text), |_, _| Verdict::accept())));
    state
}

/// What is read, then what is governed.
fn shown(text: &str, state: &State) -> (Vec<String>, Vec<String>) {
    let reach = Reach::of(&entry(text), state);
    let wide = reach.wide().map_or_else(Wide::default, |wide| Wide::clone(wide));
    let name = |extent: &Extent| match extent {
        Extent::Under(prefix) => format!("under {prefix}"),
        Extent::Globs(globs) => globs.iter().map(Glob::to_string).collect(),
    };
    (wide.reads.iter().map(name).collect(), wide.governs.iter().map(|rule| name(&rule.keys)).collect())
}

#[track_caller]
fn check(text: &str, state: &State, reads: &[&str], governs: &[&str]) {
    assert_eq!(
        shown(text, state),
        (reads.iter().map(|s| s.to_string()).collect(), governs.iter().map(|s| s.to_string()).collect())
    );
}

#[test]
fn an_entry_reads_what_the_bindings_that_name_it_may_look_up() {
    let state = state(&["bind:v=a/*<b/*", "bind:w=**<c"]);
    check("put:a/x=1", &state, &["b/*", "c"], &[]);
    check("put:z=1 base:a/x=0", &state, &["c"], &[]);
    check("put:_sluice/trust=1 put:a/x=1", &state, &[], &[]);
    assert!(Reach::of(&entry("put:a/x=1"), &State::default()).wide().is_none());
}

#[test]
fn whether_a_component_may_be_withdrawn_depends_on_what_is_bound() {
    check("del:_sluice/components/aa", &State::default(), &["under _sluice/validators/"], &[]);
    check("put:_sluice/components/aa={}", &State::default(), &[], &[]);
}

#[test]
fn a_change_of_a_binding_governs_what_it_named_and_what_it_will_name() {
    let state = state(&["bind:v=a/*<b/*"]);
    check("bind:v=c<d", &state, &["under _sluice/components/"], &["c", "a/*"]);
    check("del:_sluice/validators/v", &state, &["under _sluice/components/"], &["a/*"]);
    check("bind:w=c<d put:a/x=1", &state, &["b/*", "under _sluice/components/"], &["c"]);
    check("put:_sluice/validators/w=oops", &state, &["under _sluice/components/"], &[]);
    check("put:_sluice/components/aa=1", &state, &[], &[]);
}

#[test]
fn what_cannot_be_read_names_and_reads_everything() {
    let state = state(&["put:_sluice/validators/v=oops"]);
    check("put:a=1", &state, &["under "], &[]);
    check("bind:v=a<b", &state, &["under _sluice/components/"], &["a", "under "]);
}

#[test]
fn an_extent_meets_only_keys_it_has() {
    let keys = |names: &[&str]| -> BTreeMap<Key, ()> {
        names.iter().map(|name| (Key::parse(name.as_bytes()).unwrap(), ())).collect()
    };
    let extent = |glob: &str| Extent::Globs([Glob::parse(glob).unwrap()].into_iter().collect());
    assert!(extent("app/**").meets(&keys(&["app"])) && extent("app/**").meets(&keys(&["ap", "app/x/y", "apple"])));
    assert!(
        !extent("app/**").meets(&keys(&["ap", "apple", "b"])) && !extent("app/*").meets(&keys(&["app", "app/x/y"]))
    );
    assert!(extent("*/z").meets(&keys(&["a", "b/z"])) && !extent("**").meets(&keys(&["_sluice/trust"])));
    assert!(Extent::Under("").meets(&keys(&["_sluice/trust"])) && !Extent::Under("").meets(&keys(&[])));
}
