//! Every outcome, and that the order of settling does not matter where keys differ.

use std::collections::BTreeMap;

use bytes::Bytes;
use expect_test::{Expect, expect};
use proptest::prelude::{Strategy, proptest};

use super::*;
use crate::binding::Binding;
use crate::digest::Digest;
use crate::effect::Settled;
use crate::key::{Key, VALIDATORS};
use crate::reach::{Reach, segments};
use crate::state::REFUSED_MAX;
use crate::touched::Touched;
use crate::verdict::{Cause, Finding, Severity};

fn entry(ms: u64, text: &str) -> Arc<Entry> {
    let fields = text.split_whitespace().map(|field| field.split_once('=').unwrap_or((field, "")));
    let fields = fields.map(|(n, v)| (Bytes::copy_from_slice(n.as_bytes()), Bytes::copy_from_slice(v.as_bytes())));
    Arc::new(Entry::read(Revision { ms, seq: 0 }, fields.collect()))
}

fn finding(message: &str) -> Arc<[Finding]> {
    let (validator, code, message) = ("limits".into(), "x".into(), message.into());
    let severity = Severity::Warning;
    Arc::new([Finding { validator, severity, code, message, key: None, pointer: None, help: None }])
}

/// Looks at nothing but the new values, as a real validator might.
fn judge(_: &State, change: &Change) -> Verdict {
    let has = |word: &str| {
        let mut values = change.puts().map(|put| &put.content);
        values.any(|content| matches!(content, Content::Here(bytes) if bytes.starts_with(word.as_bytes())))
    };
    match (has("bad"), has("odd")) {
        (true, _) => Verdict::Reject(Cause::Verdict, finding("that is bad")),
        (false, true) => Verdict::Accept(finding("that is odd")),
        (false, false) => Verdict::accept(),
    }
}

/// Folds a log, one entry a line, and shows what became of each, then the values at the end.
#[track_caller]
fn check(log: &str, expected: Expect) {
    let mut state = State::default();
    let mut shown = String::new();
    for (ms, line) in log.trim().lines().enumerate() {
        let outcome = fold(&mut state, &entry(ms as u64 + 1, line), judge);
        let words = match &outcome {
            Outcome::Applied(findings) => findings.iter().map(|finding| finding.message.to_string()).collect(),
            Outcome::Scheduled(_) | Outcome::Staged => String::new(),
            Outcome::Refused(refusal) => refusal.to_string(),
        };
        shown += format!("{} {} {words}", ms + 1, outcome.class()).trim_end();
        shown += "\n";
    }
    for (key, item) in state.range("", None) {
        shown += &format!("{key} {} = {}\n", item.revision, item.bytes.escape_ascii());
    }
    expected.assert_eq(&shown);
}

const BIND: &str = "put:_sluice/validators/v={}";

#[test]
fn puts_and_deletes_become_current() {
    check(
        "put:a=1 put:b=1\nput:a=2\ndel:b\ndel:never",
        expect![[r#"
        1 applied
        2 applied
        3 applied
        4 applied
        a 2-0 = 2
    "#]],
    );
}

#[test]
fn many_edits_are_all_or_none() {
    check(
        &format!("{BIND}\nput:a=1 put:b=1\nput:a=2 put:b=bad del:c\nput:a=2 put:b=odd"),
        expect![[r#"
        1 applied
        2 applied
        3 rejected limits: that is bad
        4 applied that is odd
        _sluice/validators/v 1-0 = {}
        a 4-0 = 2
        b 4-0 = odd
    "#]],
    );
}

#[test]
fn a_malformed_entry_changes_nothing_and_holds_nobody_up() {
    check(
        "put:a=1\nput:a=2 pt:b=1\nput:a=3",
        expect![[r#"
        1 applied
        2 malformed field "pt:b": unknown field: did you mean "put:"?
        3 applied
        a 3-0 = 3
    "#]],
    );
}

#[test]
fn a_base_must_be_what_the_key_has() {
    let log = "put:a=1 base:a=0\nput:a=2 base:a=0\nput:a=2 base:a=1-0\nput:a=3 base:a=1-0\ndel:a base:a=3-0
               put:a=4 base:a=3-0\nput:b=1 base:a=0\nput:b=2 base:c=9-0";
    check(
        log,
        expect![[r#"
        1 applied
        2 conflict key "a" exists at 1-0, not absent: read it again and retry
        3 applied
        4 conflict key "a" is at 3-0, not 1-0: read it again and retry
        5 applied
        6 conflict key "a" is absent, not at 3-0: read it again and retry
        7 applied
        8 conflict key "c" is absent, not at 9-0: read it again and retry
        b 7-0 = 1
    "#]],
    );
}

#[test]
fn the_first_conflict_in_the_order_of_keys_is_named() {
    check(
        "put:z=1 base:z=7 base:b=7 base:a=0",
        expect![[r#"
        1 conflict key "b" is absent, not at 7-0: read it again and retry
    "#]],
    );
}

#[test]
fn the_same_token_twice_is_one_change() {
    check(
        "put:a=1 token=t\nput:a=2 token=t\nput:a=3 token=u\nput:a=4 token=t",
        expect![[r#"
        1 applied
        2 duplicate the same token was published before, at 1-0
        3 applied
        4 duplicate the same token was published before, at 1-0
        a 3-0 = 3
    "#]],
    );
}

#[test]
fn a_token_is_spent_by_a_refused_change_and_not_by_a_malformed_one() {
    check(
        "put:a=1 base:a=9 token=t\nput:a=2 token=t\nput:a=3 oops token=u\nput:a=4 token=u",
        expect![[r#"
            1 conflict key "a" is absent, not at 9-0: read it again and retry
            2 duplicate the same token was published before, at 1-0
            3 malformed field "oops": unknown field: use put:<key> put-blob:<key> del:<key> type:<key> base:<key> fence:<lock> author reason token override tick from until, or x-… for your own
            4 applied
            a 4-0 = 4
        "#]],
    );
}

#[test]
fn a_duplicate_is_told_before_a_conflict_and_a_conflict_before_a_verdict() {
    check(
        &format!("{BIND}\nput:a=1 token=t\nput:a=bad base:a=0 token=t\nput:a=bad base:a=0"),
        expect![[r#"
        1 applied
        2 applied
        3 duplicate the same token was published before, at 2-0
        4 conflict key "a" exists at 2-0, not absent: read it again and retry
        _sluice/validators/v 1-0 = {}
        a 2-0 = 1
    "#]],
    );
}

#[test]
fn validators_have_a_say_only_where_some_are_bound() {
    check(
        &format!("put:a=bad\n{BIND}\nput:a=bad\ndel:_sluice/validators/v\nput:a=bad2"),
        expect![[r#"
        1 applied
        2 applied
        3 rejected limits: that is bad
        4 applied
        5 applied
        a 5-0 = bad2
    "#]],
    );
}

#[test]
fn a_change_of_the_rules_is_judged_even_when_none_are_bound() {
    check(
        "put:_sluice/validators/v=bad\nput:_sluice/trust=bad",
        expect![[r#"
        1 rejected limits: that is bad
        2 rejected limits: that is bad
    "#]],
    );
}

#[test]
fn a_refused_change_moves_the_revision_on_and_is_remembered() {
    let mut state = State::default();
    let text = "put:a=1 del:b base:a=5 author=mei reason=why";
    fold(&mut state, &entry(7, text), judge);
    assert_eq!((state.cursor, state.index, state.len()), (Revision { ms: 7, seq: 0 }, 1, 0));
    let refused = &state.refused[0];
    assert_eq!(refused.keys.iter().map(Key::as_str).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((refused.author.as_deref(), refused.reason.as_deref()), (Some("mei"), Some("why")));
    assert_eq!(refused.refusal.class(), "conflict");
}

#[test]
fn only_so_many_refusals_are_remembered_and_in_the_order_of_the_log() {
    let mut state = State::default();
    let held = entry(5, "put:a=1 base:a=9");
    hold(&mut state, &held);
    for ms in 6..6 + REFUSED_MAX as u64 - 1 {
        fold(&mut state, &entry(ms, "oops"), judge);
    }
    release(&mut state, &held, None);
    assert_eq!((state.refused.len(), state.refused[0].revision.ms), (REFUSED_MAX, 5));
    fold(&mut state, &entry(900, "oops"), judge);
    assert_eq!((state.refused.len(), state.refused[0].revision.ms), (REFUSED_MAX, 6));
}

#[test]
fn an_entry_that_needs_no_judging_is_never_kept_as_held() {
    let mut state = State::default();
    fold(&mut state, &entry(1, "put:a=1 token=t"), judge);
    hold(&mut state, &entry(2, "put:a=2 token=t"));
    hold(&mut state, &entry(3, "oops"));
    assert!(state.held.is_empty());
    assert_eq!(state.refused.iter().map(|r| r.refusal.class()).collect::<Vec<_>>(), ["duplicate", "malformed"]);
}

/// Everything that must be equal on two hosts that have folded the same log.
fn parts(state: &State) -> impl PartialEq + std::fmt::Debug {
    let tokens: Vec<_> = state.tokens.iter().map(|(token, first)| (token.clone(), first)).collect();
    let held: Vec<_> = state.held.keys().copied().collect();
    (state.cursor, state.index, state.chain, state.root(), tokens, state.refused.clone(), held, state.bytes())
}

/// Refuses a binding that cannot be read, and what one forbids: its settings name a key which must be absent while
/// one of its own is put.
fn forbid(before: &State, change: &Change) -> Verdict {
    for edit in &change.edits {
        let Action::Put(put) = &edit.action else { continue };
        let Content::Here(bytes) = &put.content else { continue };
        let name = edit.key.as_str().strip_prefix(VALIDATORS);
        if name.is_some_and(|name| Binding::parse(name, bytes).is_err()) {
            return Verdict::Reject(Cause::Verdict, finding("not a binding"));
        }
        for binding in before.bindings().values() {
            let binding = (**binding).as_ref().unwrap();
            let other = Key::parse(binding.settings.trim_matches('"').as_bytes()).unwrap();
            if binding.names(&segments(&edit.key)) && before.item(&other).is_some() {
                return Verdict::Reject(Cause::Verdict, finding(&binding.settings));
            }
        }
    }
    Verdict::accept()
}

/// Folds as a host would for which some verdicts fault: those entries, and what must wait for them, are held;
/// `turns` says when the oldest that may be is released.
fn fold_with_faults(log: &[Arc<Entry>], faults: &[bool], turns: &[bool]) -> (State, Vec<Step>) {
    let (mut state, mut steps) = (State::default(), Vec::new());
    let mut held: BTreeMap<Revision, Arc<Entry>> = BTreeMap::new();
    for ((entry, fault), turn) in log.iter().zip(faults).zip(turns) {
        let mut aside = Touched::default();
        held.values().for_each(|held| aside.add(held, &Reach::of(held, &state)));
        let reach = Reach::of(entry, &state);
        let token = entry.content.as_ref().ok().and_then(|change| change.token.clone());
        let is_refused = entry.content.is_err() || token.is_some_and(|token| state.tokens.first(&token).is_some());
        if !is_refused && (*fault || aside.blocks(entry, &reach) || aside.keeps(entry, &reach)) {
            hold(&mut state, entry);
            steps.push(Step::Held(entry.clone()));
            held.insert(entry.revision, entry.clone());
        } else {
            let mut verdict = None;
            let outcome = fold(&mut state, entry, |before, change| verdict.insert(forbid(before, change)).clone());
            steps.push(Step::Folded(Settled { entry: entry.clone(), verdict, outcome }));
        }
        if *turn {
            steps.extend(release_first(&mut state, &mut held));
        }
    }
    while let Some(step) = release_first(&mut state, &mut held) {
        steps.push(step);
    }
    (state, steps)
}

fn release_first(state: &mut State, held: &mut BTreeMap<Revision, Arc<Entry>>) -> Option<Step> {
    let (_, entry) = held.pop_first()?;
    let change = entry.content.as_ref().expect("a malformed entry is never held");
    let is_asked = stands(state, change).is_ok() && needs_verdict(state, change);
    let verdict = is_asked.then(|| forbid(state, change));
    let outcome = release(state, &entry, verdict.clone());
    Some(Step::Released(Settled { entry, verdict, outcome }))
}

fn line() -> impl Strategy<Value = String> {
    let keys = vec!["a", "b", "c", "d", "_sluice/validators/v", "_sluice/validators/w", "_sluice/trust"];
    let key = proptest::sample::select(keys);
    let field = (key, 0..9u8, 0..4usize, 0..4usize).prop_map(|(key, kind, of, by)| match kind {
        4.. if key.starts_with(VALIDATORS) => binding(key, ["a", "b", "c", "[ab]"][of], ["a", "b", "c", "d"][by]),
        0 => format!("del:{key}"),
        1 => format!("put:{key}=bad"),
        2 => format!("put:{key}=1 base:{key}=0"),
        3 => format!("base:{key}=2-0"),
        4 => format!("put:{key}=1 token=t{key}"),
        5 => "oops=1".to_owned(),
        _ => format!("put:{key}={kind}"),
    });
    proptest::collection::vec(field, 1..3).prop_map(|fields| fields.join(" "))
}

fn binding(key: &str, of: &str, by: &str) -> String {
    let (of, component) = (of.replace("[ab]", "a\",\"b"), Digest::ZERO);
    format!(r#"put:{key}={{"keys":["{of}"],"reads":["{by}"],"settings":"{by}","component":"{component}"}}"#)
}

type Turn = (String, bool, bool);

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    proptest::collection::vec((line(), proptest::bool::weighted(0.2), proptest::bool::weighted(0.3)), 1..24)
}

fn split(turns: Vec<Turn>) -> (Vec<Arc<Entry>>, Vec<bool>, Vec<bool>) {
    let log = turns.iter().enumerate().map(|(n, (line, ..))| entry(n as u64 + 1, line)).collect();
    (log, turns.iter().map(|turn| turn.1).collect(), turns.iter().map(|turn| turn.2).collect())
}

proptest! {
    #[test]
    fn holding_and_releasing_comes_to_the_state_of_the_plain_fold(turns in turns()) {
        let (log, faults, releases) = split(turns);
        let mut plain = State::default();
        log.iter().for_each(|entry| drop(fold(&mut plain, entry, forbid)));
        let (state, _) = fold_with_faults(&log, &faults, &releases);
        assert_eq!(parts(&state), parts(&plain));
    }

    #[test]
    fn replaying_the_steps_gives_the_state_again(turns in turns(), cut in 0..24usize) {
        let (log, faults, releases) = split(turns);
        let (state, steps) = fold_with_faults(&log, &faults, &releases);
        let mut again = State::default();
        steps.iter().for_each(|step| replay(&mut again, step));
        assert_eq!(parts(&again), parts(&state));
        // From any image on, not only from the beginning.
        let cut = cut.min(steps.len());
        let mut image = State::default();
        steps[..cut].iter().for_each(|step| replay(&mut image, step));
        let mut again = image.clone();
        steps[cut..].iter().for_each(|step| replay(&mut again, step));
        assert_eq!(parts(&again), parts(&state));
    }
}
