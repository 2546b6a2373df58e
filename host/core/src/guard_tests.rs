use bytes::Bytes;

use super::*;
use crate::entry::Entry;
use crate::fold::fold;
use crate::outcome::{Outcome, Refusal};
use crate::policy::POLICY;
use crate::revision::Revision;
use crate::verdict::Verdict;

fn publish(state: &mut State, fields: impl IntoIterator<Item = (String, String)>) -> Outcome {
    let fields = fields.into_iter().map(|(name, value)| (Bytes::from(name), Bytes::from(value)));
    let revision = Revision { ms: state.cursor.ms + 1, seq: 0 };
    fold(state, &Entry::read(revision, fields.collect()), |_, _| Verdict::accept())
}

/// `app/00` and so on, and `web/00` and so on.
fn state(app: usize, web: usize) -> State {
    let mut state = State::default();
    let names = (0..app).map(|n| format!("app/{n:04}")).chain((0..web).map(|n| format!("web/{n:04}")));
    let outcome = publish(&mut state, names.map(|name| (format!("put:{name}"), "1".to_owned())));
    assert_eq!(outcome.class(), "applied");
    state
}

fn policy(state: &mut State, text: &str) {
    let outcome = publish(state, [(format!("put:{POLICY}"), text.to_owned())]);
    assert_eq!(outcome.class(), "applied", "{outcome:?}");
}

fn deletes(prefix: &str, count: usize) -> Vec<(String, String)> {
    (0..count).map(|n| (format!("del:{prefix}{n:04}"), String::new())).collect()
}

/// What the guard says about a change, and nothing has changed.
fn guarded(state: &mut State, fields: Vec<(String, String)>) -> String {
    let root = state.root();
    match publish(state, fields) {
        Outcome::Refused(Refusal::Guarded(why)) => {
            assert_eq!(state.root(), root);
            assert!(why.ends_with("if it is meant, publish it again with override guard"), "{why}");
            why
        }
        other => panic!("not guarded: {other:?}"),
    }
}

#[test]
fn few_deletes_are_everyday_even_the_last_ones() {
    let mut state = state(9, 0);
    assert_eq!(publish(&mut state, deletes("app/", 9)).class(), "applied");
    assert!(state.is_empty());
}

#[test]
fn deleting_more_than_the_share_needs_somebody_who_means_it() {
    let mut state = state(30, 30);
    assert!(guarded(&mut state, deletes("app/", 31)).contains("deletes all that is under \"app/\""));
    let mut both = deletes("app/", 20);
    both.extend(deletes("web/", 20));
    assert!(guarded(&mut state, both.clone()).starts_with("it deletes 40 of 60 keys, more than 50 %"));
    both.extend([("override", "guard"), ("author", "mei"), ("reason", "moved")].map(|(n, v)| (n.into(), v.into())));
    assert_eq!(publish(&mut state, both).class(), "applied");
    assert_eq!(state.len(), 20);
}

#[test]
fn keys_that_are_not_there_and_those_of_the_system_do_not_count() {
    let mut state = state(9, 0);
    policy(&mut state, r#"{"guard": {"deletes_max": 10}}"#);
    assert_eq!(publish(&mut state, deletes("app/", 200)).class(), "applied");
}

#[test]
fn the_number_of_deletes_has_a_bound_of_its_own() {
    let mut state = state(10, 2000);
    assert!(guarded(&mut state, deletes("web/", 1001)).starts_with("it deletes 1001 keys, more than 1000;"));
    policy(&mut state, r#"{"guard": {"deletes_max": 12, "may_empty_prefixes": true}}"#);
    assert!(guarded(&mut state, deletes("web/", 13)).starts_with("it deletes 13 keys, more than 12;"));
    assert_eq!(publish(&mut state, deletes("app/", 10)).class(), "applied", "may empty prefixes");
}

#[test]
fn a_prefix_that_gets_a_new_key_in_the_same_change_is_not_emptied() {
    let mut state = state(10, 100);
    let mut change = deletes("app/", 10);
    assert!(guarded(&mut state, change.clone()).starts_with("it deletes all that is under \"app/\";"));
    change.push(("put:app/new".to_owned(), "1".to_owned()));
    assert_eq!(publish(&mut state, change).class(), "applied");
}

#[test]
fn values_change_their_size_within_the_factors_of_the_policy() {
    let mut state = State::default();
    let put = |bytes: usize| vec![("put:list".to_owned(), "x".repeat(bytes))];
    publish(&mut state, put(10_000));
    assert_eq!(publish(&mut state, put(0)).class(), "applied", "no factors by default");
    policy(&mut state, r#"{"guard": {"shrink_max": 4, "grow_max": 3, "small_bytes": 1000}}"#);
    assert_eq!(publish(&mut state, put(3000)).class(), "applied", "3 times of what counts as 1000");
    assert!(
        guarded(&mut state, put(9001)).starts_with("\"list\" grows from 3000 to 9001 bytes, to more than 3 times;")
    );
    assert_eq!(publish(&mut state, put(9000)).class(), "applied");
    assert!(guarded(&mut state, put(0)).starts_with("\"list\" shrinks from 9000 to 0 bytes, to less than 1/4;"));
    assert_eq!(publish(&mut state, put(2250)).class(), "applied");
}

#[test]
fn an_override_says_who_and_why() {
    let mut state = state(1, 0);
    let put = |more: &[(&str, &str)]| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        more.chain([("put:a".to_owned(), "1".to_owned())]).collect::<Vec<_>>()
    };
    for fields in [
        put(&[("override", "guard")]),
        put(&[("override", "guard"), ("author", "mei")]),
        put(&[("override", "all"), ("author", "mei"), ("reason", "x")]),
        put(&[("override", "guard"), ("override", "guard"), ("author", "mei"), ("reason", "x")]),
        put(&[("tick", "")]),
        vec![("tick".to_owned(), "1".to_owned())],
        vec![("tick".to_owned(), String::new()), ("tick".to_owned(), String::new())],
        vec![(format!("put:{POLICY}"), "{\"guard\": 1}".to_owned())],
        vec![(format!("put-blob:{POLICY}"), format!("{} 2", crate::Digest::of(b"{}")))],
    ] {
        assert_eq!(publish(&mut state, fields.clone()).class(), "malformed", "{fields:?}");
    }
}

#[test]
fn a_tick_moves_time_on_and_nothing_else() {
    let mut state = state(1, 0);
    let (root, index, at) = (state.root(), state.index, state.cursor);
    assert_eq!(publish(&mut state, [("tick".to_owned(), String::new())]).class(), "applied");
    assert_eq!((state.root(), state.index), (root, index + 1));
    assert!(state.cursor > at);
}

#[test]
fn a_withdrawn_policy_leaves_the_defaults() {
    let mut state = state(10, 2);
    policy(&mut state, r#"{"guard": {"may_empty_prefixes": true, "deletes_percent_max": 100}}"#);
    let with = state.clone();
    publish(&mut state, [(format!("del:{POLICY}"), String::new())]);
    assert_eq!(state.policy(), &crate::Policy::default());
    assert!(guarded(&mut state, deletes("app/", 10)).contains("more than 50 %"));
    assert_eq!(publish(&mut { with }, deletes("app/", 10)).class(), "applied");
}
