//! What a node does, a sentence and a script each.

use expect_test::expect;

use super::table::{bound, check, check_on, settings};
use crate::node::Settings;
use crate::state::State;

#[test]
fn it_persists_before_it_installs() {
    check(
        "log 1 put:a=1; pulled 0: 1; judged 1: accept; served; persisted 1: ok; served",
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: accept
          persist #1: 1 applied
        > served
          served 0-0
        > persisted 1: ok
          install #1
        > served
          served 1-0
    "#]],
    );
}

#[test]
fn without_validators_nothing_is_judged() {
    let script = "log 1 put:a=1; log 2 put:a=2; pulled 0: 1 2; persisted 1: ok; values";
    check_on(
        settings(),
        State::default(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          persist #1: 1 applied, 2 applied
          pull 2
        > persisted 1: ok
          install #1
        > values
          a = 2
    "#]],
    );
}

#[test]
fn entries_with_no_key_in_common_are_judged_together() {
    let script = "log 1 put:a=1; log 2 put:b=1; log 3 put:a=2; log 4 put:c=1
        pulled 0: 1 2 3 4; judged 2: accept; judged 1: accept; judged 3 4: reject";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 2 on 0
          pull 4
        > judged 2: accept
        > judged 1: accept
          judge 3 4 on 2
          persist #1: 1 applied, 2 applied
        > judged 3 4: reject
    "#]],
    );
}

#[test]
fn what_is_folded_while_the_disk_is_busy_makes_one_batch() {
    let script = "log 1 put:a=1; log 2 put:b=1; log 3 put:c=1
        pulled 0: 1 2 3; judged 1: accept; judged 2: accept; judged 3: reject; persisted 1: ok; persisted 2: ok";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 2 3 on 0
          pull 3
        > judged 1: accept
          persist #1: 1 applied
        > judged 2: accept
        > judged 3: reject
        > persisted 1: ok
          install #1
          persist #2: 2 applied, 3 rejected
        > persisted 2: ok
          install #2
    "#]],
    );
}

#[test]
fn a_late_or_foreign_verdict_changes_nothing() {
    let script = "log 1 put:a=1; log 2 put:a=2; pulled 0: 1 2
        judged 2: accept; judged 1: other; judged 1: reject; judged 1: accept; persisted 1: ok; values";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          judge 1 on 0
          pull 2
        > judged 2: accept
        > judged 1: other
        > judged 1: reject
          judge 2 on 1
          persist #1: 1 rejected
        > judged 1: accept
        > persisted 1: ok
          install #1
        > values
    "#]],
    );
}

#[test]
fn the_first_verdict_stays() {
    let script = "log 1 put:a=1; log 2 put:b=1; pulled 0: 1 2; judged 2: reject; judged 2: accept; judged 1: accept";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          judge 1 2 on 0
          pull 2
        > judged 2: reject
        > judged 2: accept
        > judged 1: accept
          persist #1: 1 applied, 2 rejected
    "#]],
    );
}

#[test]
fn a_doubled_or_late_pull_is_no_news() {
    let script = "log 1 put:a=1; log 2 put:b=1; pulled 0: 1; pulled 0: 1; pulled 0: 1 2; pulled 1: 2; pulled 0: lost";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > pulled 0: 1
        > pulled 0: 1 2
        > pulled 1: 2
          judge 2 on 0
          pull 2
        > pulled 0: lost
    "#]],
    );
}

#[test]
fn a_lost_answer_is_asked_for_again_at_the_deadline() {
    let script = "log 1 put:a=1; log 2 put:b=1; pulled 0: 1 2; deadline; at 999; tick; at 1000; tick
        at 2000; tick; judged 1 2: accept; at 4000; tick; deadline; persisted 1: ok; persisted 1: ok";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          judge 1 2 on 0
          pull 2
        > deadline
          deadline 1000
        > at 999
        > tick
        > at 1000
        > tick
          pull 2
        > at 2000
        > tick
          judge 1 2 on 0
          pull 2
        > judged 1 2: accept
          persist #1: 1 applied, 2 applied
        > at 4000
        > tick
          persist #1: 1 applied, 2 applied
          pull 2
        > deadline
          deadline 5000
        > persisted 1: ok
          install #1
        > persisted 1: ok
    "#]],
    );
}

#[test]
fn a_log_that_is_away_is_asked_again_with_growing_pauses() {
    let script = "pulled 0: lost; deadline; at 50; tick; pulled 0: lost; deadline; at 150; tick; pulled 0: lost; deadline
        at 350; tick; pulled 0: lost; at 9000; tick; pulled 0: lost; deadline; at 9400; tick; pulled 0:; pulled 0: lost; deadline";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: lost
        > deadline
          deadline 50
        > at 50
        > tick
          pull 0
        > pulled 0: lost
        > deadline
          deadline 150
        > at 150
        > tick
          pull 0
        > pulled 0: lost
        > deadline
          deadline 350
        > at 350
        > tick
          pull 0
        > pulled 0: lost
        > at 9000
        > tick
          pull 0
        > pulled 0: lost
        > deadline
          deadline 9400
        > at 9400
        > tick
          pull 0
        > pulled 0:
          pull 0
        > pulled 0: lost
        > deadline
          deadline 9450
    "#]],
    );
}

#[test]
fn a_fault_holds_its_keys_and_what_shares_keys_while_others_go_on() {
    let script = "log 1 put:a=1; log 2 put:b=1; log 3 put:a=2; log 4 put:c=1
        pulled 0: 1 2 3 4; judged 1: fault; judged 2: accept; judged 4: accept; held; persisted 1: ok; persisted 2: ok; values
        at 50; tick; judged 1: accept; judged 3: accept; persisted 3: ok; persisted 4: ok; values; held";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 2 on 0
          pull 4
        > judged 1: fault
          judge 4 on 1
          persist #1: 1 held
        > judged 2: accept
        > judged 4: accept
        > held
          1-0 tried 1: time, overloaded
          3-0 waits behind another
        > persisted 1: ok
          install #1
          persist #2: 2 applied, 3 held, 4 applied
        > persisted 2: ok
          install #2
        > values
          b = 1
          c = 1
        > at 50
        > tick
          judge 1 on 4
        > judged 1: accept
          judge 3 on 4
          persist #3: 1 released applied
        > judged 3: accept
        > persisted 3: ok
          install #3
          persist #4: 3 released applied
        > persisted 4: ok
          install #4
        > values
          a = 2
          b = 1
          c = 1
        > held
    "#]],
    );
}

#[test]
fn a_fault_is_tried_again_with_growing_pauses() {
    let script = "log 1 put:a=1; pulled 0: 1; judged 1: fault; at 50; tick; judged 1: fault; at 149; tick; at 150; tick
        judged 1: fault; held; at 350; tick; judged 1: reject; held";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: fault
          persist #1: 1 held
        > at 50
        > tick
          judge 1 on 1
        > judged 1: fault
        > at 149
        > tick
        > at 150
        > tick
          judge 1 on 1
        > judged 1: fault
        > held
          1-0 tried 3: time, overloaded
        > at 350
        > tick
          judge 1 on 1
        > judged 1: reject
        > held
    "#]],
    );
}

#[test]
fn a_refused_entry_does_not_wait_behind_a_held_one() {
    let script = "log 1 put:a=1 token=t; log 2 put:a=2 token=t; log 3 put:a=3 oops
        pulled 0: 1; judged 1: fault; pulled 1: 2 3; persisted 1: ok";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: fault
          persist #1: 1 held
        > pulled 1: 2 3
          pull 3
        > persisted 1: ok
          install #1
          persist #2: 2 duplicate, 3 malformed
    "#]],
    );
}

#[test]
fn a_base_is_looked_at_when_its_turn_comes() {
    let script = "log 1 put:a=1; log 2 put:a=2 base:a=1-0; log 3 put:a=3 base:a=1-0; log 4 put:b=1 base:a=2-0
        pulled 0: 1 2 3 4; judged 1: fault; at 50; tick; judged 1: accept; judged 2: accept; judged 4: accept";
    check_on(
        Settings { held_max: 8, ..settings() },
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 on 0
          pull 4
        > judged 1: fault
          persist #1: 1 held, 2 held, 3 held, 4 held
        > at 50
        > tick
          judge 1 on 4
        > judged 1: accept
          judge 2 on 4
        > judged 2: accept
          judge 4 on 4
        > judged 4: accept
    "#]],
    );
}

#[test]
fn when_too_many_step_aside_the_line_waits() {
    let script = "log 1 put:a=1; log 2 put:b=1; log 3 put:c=1; log 4 put:d=1
        pulled 0: 1 2 3 4; judged 1 2 3: fault; judged 4: accept; held; deadline; at 50; tick; judged 1: accept; judged 3: accept";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 2 3 4 on 0
          pull 4
        > judged 1 2 3: fault
          persist #1: 1 held, 2 held
        > judged 4: accept
        > held
          1-0 tried 1: time, overloaded
          2-0 tried 1: time, overloaded
        > deadline
          deadline 50
        > at 50
        > tick
          judge 1 2 3 on 2
        > judged 1: accept
        > judged 3: accept
    "#]],
    );
}

#[test]
fn a_change_of_the_rules_waits_for_all_before_and_all_after_wait_for_it() {
    let script = "log 1 put:a=1; log 2 put:_sluice/trust=1; log 3 put:b=1
        pulled 0: 1 2 3; judged 1: accept; judged 2: accept; judged 3: accept";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 on 0
          pull 3
        > judged 1: accept
          judge 2 on 1
          persist #1: 1 applied
        > judged 2: accept
          judge 3 on 2
        > judged 3: accept
    "#]],
    );
}

#[test]
fn a_fault_before_a_change_of_the_rules_holds_the_change_and_all_after_it() {
    let script = "log 1 put:a=1; log 2 del:_sluice/trust; log 3 put:b=1
        pulled 0: 1 2 3; judged 1: fault; held; at 50; tick; judged 1: accept; judged 2: accept; persisted 1: ok";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 on 0
          pull 3
        > judged 1: fault
          persist #1: 1 held, 2 held
        > held
          1-0 tried 1: time, overloaded
          2-0 waits behind another
        > at 50
        > tick
          judge 1 on 2
        > judged 1: accept
          judge 2 on 3
        > judged 2: accept
          judge 3 on 3
        > persisted 1: ok
          install #1
          persist #2: 1 released applied, 3 held, 2 released applied
    "#]],
    );
}

#[test]
fn a_blob_is_fetched_before_the_change_is_judged() {
    let script = "log 1 put-blob:a=pear; log 2 put:b=1; pulled 0: 1 2; judged 2: accept
        fetched pear: lost; persisted 1: ok; at 50; tick; fetched pear: pair; held; at 150; tick; fetched pear: pear
        judged 1: accept; persisted 2: ok; values";
    check(
        script,
        expect![[r#"
              pull 0
              report 0, 0 held
            > pulled 0: 1 2
              fetch 4 bytes
              judge 2 on 0
              pull 2
            > judged 2: accept
            > fetched pear: lost
              persist #1: 1 held, 2 applied
            > persisted 1: ok
              install #1
            > at 50
            > tick
              fetch 4 bytes
            > fetched pear: pair
            > held
              1-0 tried 2: missing, blob 8d7a2b13f37b0c78e0e7fd95b4befa2262857200f3dab251cdc2ad62490459f0: its bytes are not those it is named for
            > at 150
            > tick
              fetch 4 bytes
            > fetched pear: pear
              judge 1 on 2
            > judged 1: accept
              persist #2: 1 released applied
            > persisted 2: ok
              install #2
            > values
              a = pear
              b = 1
        "#]],
    );
}

#[test]
fn blobs_are_fetched_ahead_only_as_far_as_they_fit() {
    let script = "log 1 put-blob:a=pear; log 2 put-blob:b=plum; log 3 put-blob:c=fig
        pulled 0: 1 2 3; fetched pear: pear; judged 1: accept";
    let tight = Settings { line_bytes_max: 700, ..settings() };
    check_on(
        tight,
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          fetch 4 bytes
          fetch 4 bytes
        > fetched pear: pear
          judge 1 on 0
        > judged 1: accept
          fetch 3 bytes
          persist #1: 1 applied
    "#]],
    );
}

#[test]
fn two_waits_for_one_blob_do_not_spin() {
    let script = "log 1 put-blob:a=pear; log 2 put-blob:a=pear; pulled 0: 1 2
        fetched pear: lost; persisted 1: ok; pulled 2:; at 50; tick; fetched pear: lost; at 60; deadline; at 150; tick; deadline";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          fetch 4 bytes
          pull 2
        > fetched pear: lost
          persist #1: 1 held, 2 held
        > persisted 1: ok
          install #1
        > pulled 2:
          pull 2
        > at 50
        > tick
          fetch 4 bytes
        > fetched pear: lost
        > at 60
        > deadline
          deadline 150
        > at 150
        > tick
          fetch 4 bytes
        > deadline
          deadline 1000
    "#]],
    );
}

#[test]
fn an_answer_that_no_longer_matters_leaves_no_deadline_behind() {
    let script = "log 1 put:a=1; log 2 put:b=1 token=t; log 3 put:c=1; log 4 put:d=1 token=t
        pulled 0: 1 2 3 4; judged 1 2: accept; persisted 1: ok; pulled 4:; at 2000; tick; deadline; judged 3: accept";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 2 3 4 on 0
          pull 4
        > judged 1 2: accept
          persist #1: 1 applied, 2 applied
        > persisted 1: ok
          install #1
        > pulled 4:
          pull 4
        > at 2000
        > tick
          judge 3 on 2
          pull 4
        > deadline
          deadline 3000
        > judged 3: accept
          persist #2: 3 applied, 4 duplicate
    "#]],
    );
}

#[test]
fn a_disk_that_refuses_is_asked_again_and_meanwhile_the_old_is_served() {
    let script = "log 1 put:a=1; log 2 put:b=1; pulled 0: 1; judged 1: accept; persisted 1: lost; served
        pulled 1: 2; judged 2: accept; at 50; tick; persisted 1: lost; at 150; tick; persisted 1: ok; persisted 2: ok; served";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: accept
          persist #1: 1 applied
        > persisted 1: lost
        > served
          served 0-0
        > pulled 1: 2
          judge 2 on 1
          pull 2
        > judged 2: accept
        > at 50
        > tick
          persist #1: 1 applied
        > persisted 1: lost
        > at 150
        > tick
          persist #1: 1 applied
        > persisted 1: ok
          install #1
          persist #2: 2 applied
        > persisted 2: ok
          install #2
        > served
          served 2-0
    "#]],
    );
}

#[test]
fn what_is_pulled_and_not_yet_on_disk_is_bounded() {
    let script = "log 1 put:a=1; log 2 put:b=1; log 3 put:c=1; pulled 0: 1; judged 1: accept
        pulled 1: 2 3; judged 2: accept; judged 3: accept; persisted 1: ok; persisted 2: ok";
    let tight = Settings { line_entries_max: 2, ..settings() };
    check_on(
        tight,
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: accept
          persist #1: 1 applied
        > pulled 1: 2 3
          judge 2 3 on 1
        > judged 2: accept
        > judged 3: accept
        > persisted 1: ok
          install #1
          persist #2: 2 applied, 3 applied
        > persisted 2: ok
          install #2
          pull 3
    "#]],
    );
}

#[test]
fn stopping_finishes_the_batch_and_takes_nothing_new() {
    let script = "log 1 put:a=1; log 2 put:b=1; log 3 put:c=1; pulled 0: 1 2; judged 1: accept; judged 2: fault
        stop; pulled 2: 3; judged 2: accept; at 5000; tick; persisted 1: ok; persisted 2: lost; at 5050; tick; persisted 2: ok
        served; deadline";
    check(
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          judge 1 2 on 0
          pull 2
        > judged 1: accept
          persist #1: 1 applied
        > judged 2: fault
        > stop
        > pulled 2: 3
        > judged 2: accept
        > at 5000
        > tick
          persist #1: 1 applied
        > persisted 1: ok
          install #1
          persist #2: 2 held
        > persisted 2: lost
        > at 5050
        > tick
          persist #2: 2 held
        > persisted 2: ok
          install #2
        > served
          served 2-0
        > deadline
          deadline 1000000
    "#]],
    );
}

#[test]
fn a_report_follows_news_but_not_more_often_than_it_may() {
    let often = Settings { report_min_ms: 25, report_max_ms: 500, ..settings() };
    let script = "log 1 put:a=1; log 2 put:a=2; reported; at 10; pulled 0: 1; persisted 1: ok; deadline; pulled 1: 2; persisted 2: ok
        at 25; tick; deadline; at 525; tick; reported; deadline; at 1025; tick; at 1525; tick; at 2525; tick; deadline; at 3025; tick";
    check_on(
        often,
        State::default(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > reported
        > at 10
        > pulled 0: 1
          persist #1: 1 applied
          pull 1
        > persisted 1: ok
          install #1
        > deadline
          deadline 25
        > pulled 1: 2
          persist #2: 2 applied
          pull 2
        > persisted 2: ok
          install #2
        > at 25
        > tick
          report 2, 0 held
        > deadline
          deadline 1010
        > at 525
        > tick
        > reported
          report 2, 0 held
        > deadline
          deadline 1010
        > at 1025
        > tick
          pull 2
        > at 1525
        > tick
        > at 2525
        > tick
          pull 2
          report 2, 0 held
        > deadline
          deadline 3525
        > at 3025
        > tick
    "#]],
    );
}

#[test]
fn a_lost_log_and_its_return_are_reported() {
    let often = Settings { report_min_ms: 0, report_max_ms: 10_000, ..settings() };
    let script = "reported; pulled 0: lost; reported; at 50; tick; pulled 0: lost; at 150; tick; pulled 0:";
    check_on(
        often,
        State::default(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > reported
        > pulled 0: lost
          report 0, 0 held
        > reported
        > at 50
        > tick
          pull 0
        > pulled 0: lost
        > at 150
        > tick
          pull 0
        > pulled 0:
          pull 0
          report 0, 0 held
    "#]],
    );
}
