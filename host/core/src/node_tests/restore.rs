//! What becomes of snapshots, and of a log that is not the one the node has followed.

use expect_test::expect;

use super::table::{check, check_from_start};
use crate::state::State;

const LOG: &str = "log 1 put:a=1; log 2 put:b=1; log 3 put:a=2; log 4 put:c=1";

#[test]
fn a_new_host_begins_with_a_snapshot_and_goes_on_from_it_in_the_log() {
    let script = "restored 3; persisted 1: ok; values; pulled 3: 4; persisted 2: ok; values";
    check_from_start(
        State::default(),
        &format!("{LOG}; {script}"),
        expect![[r#"
          restore beyond 0
          report 0, 0 held
        > restored 3
          persist #1: all of 3
        > persisted 1: ok
          install #1
          pull 3
        > values
          a = 2
          b = 1
        > pulled 3: 4
          persist #2: 4 applied
          pull 4
        > persisted 2: ok
          install #2
        > values
          a = 2
          b = 1
          c = 1
    "#]],
    );
}

#[test]
fn a_new_host_reads_the_log_when_there_is_no_snapshot_and_waits_when_nobody_can_tell() {
    check_from_start(
        State::default(),
        &format!("{LOG}; restored lost; deadline; at 50; tick; restored none; pulled 0: 1"),
        expect![[r#"
              restore beyond 0
              report 0, 0 held
            > restored lost
            > deadline
              deadline 50
            > at 50
            > tick
              restore beyond 0
            > restored none
              pull 0
            > pulled 0: 1
              persist #1: 1 applied
              pull 1
        "#]],
    );
}

#[test]
fn a_host_whose_log_was_trimmed_serves_on_until_a_snapshot_leads_on() {
    let script = "pulled 0: 1; judged 1: accept; persisted 1: ok; pulled 1: trimmed; restored none; values; deadline; \
                  at 50; tick; restored 3; persisted 2: lost; values; at 150; tick; persisted 2: ok; values; pulled 3: 4";
    check(
        &format!("{LOG}; {script}"),
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: accept
          persist #1: 1 applied
        > persisted 1: ok
          install #1
        > pulled 1: trimmed
          restore beyond 1
        > restored none
        > values
          a = 1
        > deadline
          deadline 50
        > at 50
        > tick
          restore beyond 1
          pull 1
        > restored 3
          persist #2: all of 3
        > persisted 2: lost
        > values
          a = 1
        > at 150
        > tick
          persist #2: all of 3
        > persisted 2: ok
          install #2
          pull 3
        > values
          a = 2
          b = 1
        > pulled 3: 4
          persist #3: 4 applied
          pull 4
    "#]],
    );
}

#[test]
fn a_snapshot_waits_until_what_was_folded_before_is_on_disk() {
    let script = "pulled 0: 1; judged 1: accept; pulled 1: trimmed; restored 3; pulled 1: 2 3; persisted 1: ok; served";
    check(
        &format!("{LOG}; {script}"),
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: accept
          persist #1: 1 applied
        > pulled 1: trimmed
          restore beyond 1
        > restored 3
        > pulled 1: 2 3
          judge 2 3 on 1
          pull 3
        > persisted 1: ok
          install #1
        > served
          served 1-0
    "#]],
    );
}

#[test]
fn an_old_snapshot_is_none() {
    let script =
        "pulled 0: 1 2; judged 1 2: accept; persisted 1: ok; pulled 2: trimmed; restored 2; restored 1; values";
    check(
        &format!("{LOG}; {script}"),
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          judge 1 2 on 0
          pull 2
        > judged 1 2: accept
          persist #1: 1 applied, 2 applied
        > persisted 1: ok
          install #1
        > pulled 2: trimmed
          restore beyond 2
        > restored 2
        > restored 1
        > values
          a = 1
          b = 1
    "#]],
    );
}

#[test]
fn a_snapshot_that_lacks_most_is_not_taken_but_a_log_folded_anew_is() {
    let many: String = (0..30).map(|n| format!(" put:k/{n}=1")).collect();
    let gone: String = (0..20).map(|n| format!(" del:k/{n}=")).collect();
    let log = format!("log 1{many}; log 2{gone} override=guard author=mei reason=meant; log 3 put:a=1");
    let log = format!("{log}; restored none; pulled 0: 1; persisted 1: ok; pulled 1: trimmed; restored 3; source");
    check_from_start(
        State::default(),
        // Then a log folded anew, where the guard let each entry pass.
        &format!("{log}; pulled 1: forked; restored 3"),
        expect![[r#"
              restore beyond 0
              report 0, 0 held
            > restored none
              pull 0
            > pulled 0: 1
              persist #1: 1 applied
              pull 1
            > persisted 1: ok
              install #1
            > pulled 1: trimmed
              restore beyond 1
            > restored 3
            > source
              Some(Trimmed) Some("the snapshot of 3-0 is not taken: it lacks 20 of 30 keys, more than 50 %; if it is meant, empty the data folder")
            > pulled 1: forked
              rejoin
            > restored 3
              persist #2: all of 3
        "#]],
    );
}

#[test]
fn a_log_that_was_emptied_or_has_another_history_is_not_followed_and_no_snapshot_is_asked_for() {
    let begin = "pulled 0: 1; judged 1: accept; persisted 1: ok";
    check(
        &format!("{LOG}; {begin}; pulled 1: reset; source; values; at 50; tick; pulled 1: 2; source"),
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: accept
          persist #1: 1 applied
        > persisted 1: ok
          install #1
        > pulled 1: reset
        > source
          Some(Reset) Some("reset")
        > values
          a = 1
        > at 50
        > tick
          pull 1
        > pulled 1: 2
          judge 2 on 1
          pull 2
        > source
          None None
    "#]],
    );
    check(
        &format!("{LOG}; {begin}; pulled 1: forked; source; restored 3; values"),
        expect![[r#"
              pull 0
              report 0, 0 held
            > pulled 0: 1
              judge 1 on 0
              pull 1
            > judged 1: accept
              persist #1: 1 applied
            > persisted 1: ok
              install #1
            > pulled 1: forked
              rejoin
            > source
              Some(Forked) Some("forked")
            > restored 3
              persist #2: all of 3
            > values
              a = 1
        "#]],
    );
}

#[test]
fn a_host_that_missed_an_entry_in_the_middle_goes_on_from_a_snapshot_of_one_that_did_not() {
    let script = "pulled 0: 1 3; judged 1 3: accept; persisted 1: ok; values; pulled 3: hole; restored 3; persisted 2: ok; \
                  values; pulled 3: 4";
    check(
        &format!("{LOG}; {script}"),
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 3
          judge 1 on 0
          pull 3
        > judged 1 3: accept
          judge 3 on 1
          persist #1: 1 applied
        > persisted 1: ok
          install #1
        > values
          a = 1
        > pulled 3: hole
          restore beyond 2
        > restored 3
          persist #2: all of 3
        > persisted 2: ok
          install #2
          pull 3
        > values
          a = 2
          b = 1
        > pulled 3: 4
          persist #3: 4 applied
          pull 4
    "#]],
    );
}
