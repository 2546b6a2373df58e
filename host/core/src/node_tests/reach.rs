//! Who waits for whom, a sentence and a script each: look-ups, and changes of bindings.

use expect_test::expect;

use super::table::{binding, bound_to, check_on, settings};
use crate::node::Settings;
use crate::state::State;

/// Changes of `a/*` are judged, and what stands under `b/*` may be looked up.
fn reading() -> State {
    bound_to(&binding("a/*", "b/*"))
}

/// Changes of `z` are judged, which no script has but by further bindings.
fn bound() -> State {
    bound_to(&binding("z", ""))
}

#[test]
fn what_a_validator_may_look_up_is_waited_for() {
    let script =
        "log 1 put:b/x=1; log 2 put:a/x=1; log 3 put:c=1; pulled 0: 1 2 3; judged 1: accept; judged 2 3: accept";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 on 0
          pull 3
        > judged 1: accept
          judge 2 3 on 1
          persist #1: 1 applied
        > judged 2 3: accept
    "#]],
    );
}

#[test]
fn what_is_looked_up_may_be_written_behind_the_reader() {
    let script = "log 1 put:a/x=1; log 2 put:b/x=1; pulled 0: 1 2; judged 1 2: accept; persisted 1: ok";
    check_on(
        settings(),
        reading(),
        script,
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
    "#]],
    );
}

#[test]
fn a_reader_behind_a_held_writer_waits() {
    let script =
        "log 1 put:b/x=1; log 2 put:a/x=1; log 3 put:c=1; pulled 0: 1 2 3; judged 1: fault; judged 3: accept; held
        at 50; tick; judged 1: accept; judged 2: accept; held";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 on 0
          pull 3
        > judged 1: fault
          judge 3 on 2
          persist #1: 1 held, 2 held
        > judged 3: accept
        > held
          1-0 tried 1: time, overloaded
          2-0 waits behind another
        > at 50
        > tick
          judge 1 on 3
        > judged 1: accept
          judge 2 on 3
        > judged 2: accept
        > held
    "#]],
    );
}

#[test]
fn a_held_reader_keeps_later_writers_waiting_of_what_it_may_read() {
    let script =
        "log 1 put:a/x=1; log 2 put:b/x=1; log 3 put:c=1; pulled 0: 1 2 3; judged 2 3: accept; judged 1: fault; held
        persisted 1: ok; at 50; tick; judged 1: accept; held";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 2 3 on 0
          pull 3
        > judged 2 3: accept
        > judged 1: fault
          persist #1: 1 held, 2 held, 3 applied
        > held
          1-0 tried 1: time, overloaded
          2-0 waits behind another
        > persisted 1: ok
          install #1
        > at 50
        > tick
          judge 1 on 3
        > judged 1: accept
          persist #2: 1 released applied, 2 released applied
        > held
    "#]],
    );
}

#[test]
fn a_writer_asked_before_the_reader_stepped_aside_is_asked_again_in_its_turn() {
    let script = "log 1 put:a/x=1; log 2 put:b/x=1; pulled 0: 1 2; judged 1: fault; judged 2: fault; held; persisted 1: ok; pulled 2:
        at 50; tick; deadline; judged 1: accept; judged 2: accept; held";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2
          judge 1 2 on 0
          pull 2
        > judged 1: fault
          persist #1: 1 held, 2 held
        > judged 2: fault
        > held
          1-0 tried 1: time, overloaded
          2-0 tried 1: time, overloaded
        > persisted 1: ok
          install #1
        > pulled 2:
          pull 2
        > at 50
        > tick
          judge 1 on 2
        > deadline
          deadline 1000
        > judged 1: accept
          judge 2 on 2
          persist #2: 1 released applied
        > judged 2: accept
        > held
    "#]],
    );
}

#[test]
fn a_writer_whose_rest_ends_as_it_steps_aside_does_not_spin() {
    let script = "log 1 put:q=1; log 2 put:r=1; log 3 put:a/x=1; log 4 put:b/x=1; pulled 0: 1 2 3 4; judged 1 2 4: fault
        at 10; judged 3: fault; at 50; judged 1 2: accept; held; deadline; at 60; tick; judged 3: accept; judged 4: accept; held";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 2 3 4 on 0
          pull 4
        > judged 1 2 4: fault
          persist #1: 1 held, 2 held
        > at 10
        > judged 3: fault
        > at 50
        > judged 1 2: accept
        > held
          3-0 tried 1: time, overloaded
          4-0 tried 1: time, overloaded
        > deadline
          deadline 60
        > at 60
        > tick
          judge 3 on 4
        > judged 3: accept
          judge 4 on 4
        > judged 4: accept
        > held
    "#]],
    );
}

#[test]
fn what_an_entry_edits_beside_is_waited_for_by_those_who_look_it_up() {
    let script = "log 1 put:a/x=1 put:b/x=1; log 2 put:a/y=1; log 3 put:c=1; pulled 0: 1 2 3";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 on 0
          pull 3
    "#]],
    );
}

#[test]
fn a_binding_that_is_off_reads_nothing() {
    let script = "log 1 put:b/x=1; log 2 put:a/x=1; pulled 0: 1 2";
    check_on(
        settings(),
        bound_to(&binding("a/*", "b/*").replace("{\"keys", "{\"mode\":\"off\",\"keys")),
        script,
        expect![[r#"
              pull 0
              report 0, 0 held
            > pulled 0: 1 2
              judge 1 2 on 0
              pull 2
        "#]],
    );
}

#[test]
fn a_new_binding_is_waited_for_by_what_it_names_and_by_nothing_else() {
    let script = "log 1 bind:w=a/*; log 2 put:b/x=1; log 3 put:a/x=1; log 4 put:c=1; pulled 0: 1 2 3 4; judged 2: accept; judged 1: accept; judged 3 4: accept";
    check_on(
        settings(),
        bound(),
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
        > judged 3 4: accept
    "#]],
    );
}

#[test]
fn a_held_binding_holds_only_what_it_names() {
    let script = "log 1 bind:w=a/*; log 2 put:b/x=1; log 3 put:a/x=1; log 4 put:c=1; pulled 0: 1 2 3 4; judged 2: accept; judged 1: fault; judged 4: accept; held
        at 50; tick; judged 1: accept; judged 3: reject; held";
    check_on(
        settings(),
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 2 on 0
          pull 4
        > judged 2: accept
        > judged 1: fault
          judge 4 on 3
          persist #1: 1 held, 2 applied, 3 held
        > judged 4: accept
        > held
          1-0 tried 1: time, overloaded
          3-0 waits behind another
        > at 50
        > tick
          judge 1 on 4
        > judged 1: accept
          judge 3 on 4
        > judged 3: reject
        > held
    "#]],
    );
}

#[test]
fn a_held_entry_is_judged_before_a_binding_that_names_it() {
    let script = "log 1 put:a/x=1; log 2 bind:w=a/*; log 3 put:c=1; pulled 0: 1 2 3; judged 2: accept; judged 1: fault; judged 3: accept; held
        at 50; tick; judged 1: accept; held";
    check_on(
        settings(),
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 2 3 on 0
          pull 3
        > judged 2: accept
        > judged 1: fault
          persist #1: 1 held, 2 held
        > judged 3: accept
        > held
          1-0 tried 1: time, overloaded
          2-0 waits behind another
        > at 50
        > tick
          judge 1 on 3
        > judged 1: accept
        > held
    "#]],
    );
}

#[test]
fn a_binding_that_loses_keys_waits_for_those_held_under_it() {
    let script =
        "log 1 put:a/x=1; log 2 bind:v=b/*; log 3 del:_sluice/validators/v; pulled 0: 1 2 3; judged 1: fault; held
        at 50; tick; judged 1: accept; judged 2: accept; held";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 2 on 0
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
        > judged 2: accept
          judge 3 on 3
        > held
          3-0 waits behind another
    "#]],
    );
}

#[test]
fn a_binding_taken_away_is_waited_for_by_what_it_named() {
    let script = "log 1 del:_sluice/validators/v; log 2 put:a/x=1; log 3 bind:v=b/*; log 4 put:b/x=1; log 5 put:a/y=1; pulled 0: 1 2 3 4 5; judged 1: accept; judged 2: accept; judged 3: accept; judged 4 5: accept";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4 5
          judge 1 on 0
          pull 5
        > judged 1: accept
          judge 3 on 2
          persist #1: 1 applied, 2 applied
        > judged 2: accept
        > judged 3: accept
          judge 4 5 on 3
        > judged 4 5: accept
    "#]],
    );
}

#[test]
fn bindings_of_different_names_do_not_wait_for_each_other() {
    let script = "log 1 bind:w=**; log 2 bind:x=**; log 3 bind:w=a/*; pulled 0: 1 2 3; judged 2: accept; judged 1: accept; judged 3: accept";
    check_on(
        settings(),
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 2 on 0
          pull 3
        > judged 2: accept
        > judged 1: accept
          judge 3 on 2
          persist #1: 1 applied, 2 applied
        > judged 3: accept
    "#]],
    );
}

#[test]
fn an_entry_behind_a_held_binding_will_read_what_that_reads() {
    let script = "log 1 bind:w=a/*<b/*; log 2 put:b/x=1; log 3 put:a/x=1; log 4 put:b/y=1; log 5 put:c=1; pulled 0: 1 2 3 4 5; judged 1: fault; judged 2: accept; judged 4 5: accept; held
        at 50; tick; judged 1: accept; held; judged 3: accept; judged 4: accept; held";
    check_on(
        Settings { held_max: 8, ..settings() },
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4 5
          judge 1 2 on 0
          pull 5
        > judged 1: fault
          judge 4 5 on 1
          persist #1: 1 held
        > judged 2: accept
        > judged 4 5: accept
        > held
          1-0 tried 1: time, overloaded
          3-0 waits behind another
          4-0 waits behind another
        > at 50
        > tick
          judge 1 on 5
        > judged 1: accept
          judge 3 on 5
        > held
          3-0 waits behind another
          4-0 waits behind another
        > judged 3: accept
        > judged 4: accept
        > held
    "#]],
    );
}

#[test]
fn a_binding_waits_for_announcements_and_they_wait_behind_a_held_one() {
    let script = "log 1 put:_sluice/components/aa=1; log 2 bind:w=a/*; log 3 put:_sluice/components/bb=1; pulled 0: 1 2 3; judged 1: accept; judged 2: fault; judged 3: accept; held
        at 50; tick; judged 2: accept; held";
    check_on(
        settings(),
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 on 0
          pull 3
        > judged 1: accept
          judge 2 3 on 1
          persist #1: 1 applied
        > judged 2: fault
        > judged 3: accept
        > held
          2-0 tried 1: time, overloaded
          3-0 waits behind another
        > at 50
        > tick
          judge 2 on 3
        > judged 2: accept
        > held
    "#]],
    );
}

#[test]
fn a_binding_in_a_blob_may_name_anything_until_it_is_there() {
    let script = "log 1 bind-blob:w=a/*; log 2 put:b/x=1; log 3 put:a/x=1; pulled 0: 1 2 3; fetched-bind a/*: here; judged 2: accept; judged 1: accept";
    check_on(
        settings(),
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          fetch 106 bytes
          pull 3
        > fetched-bind a/*: here
          judge 1 2 on 0
        > judged 2: accept
        > judged 1: accept
          judge 3 on 2
          persist #1: 1 applied, 2 applied
    "#]],
    );
}

#[test]
fn a_binding_that_cannot_be_read_is_waited_for_by_nobody() {
    let script = "log 1 put:_sluice/validators/w=oops; log 2 put:b/x=1; log 3 bind:w=a/*; pulled 0: 1 2 3; judged 1: reject; judged 2 3: accept";
    check_on(
        settings(),
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 2 on 0
          pull 3
        > judged 1: reject
          judge 3 on 1
          persist #1: 1 rejected
        > judged 2 3: accept
    "#]],
    );
}

#[test]
fn a_change_of_rules_and_values_reaches_as_both() {
    let script = "log 1 put:b/x=1; log 2 bind:w=c put:a/x=1; log 3 put:c=1; log 4 put:d=1; pulled 0: 1 2 3 4; judged 1: accept; judged 2: accept";
    check_on(
        settings(),
        reading(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 on 0
          pull 4
        > judged 1: accept
          judge 2 on 1
          persist #1: 1 applied
        > judged 2: accept
          judge 3 4 on 2
    "#]],
    );
}

#[test]
fn any_other_change_of_the_rules_waits_for_all_before_and_all_after_wait_for_it() {
    let script = "log 1 put:a=1; log 2 put:_sluice/trust=1 bind:w=x; log 3 put:b=1; pulled 0: 1 2 3; judged 1: accept; judged 2: accept; judged 3: accept";
    check_on(
        settings(),
        bound(),
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
fn a_precondition_on_a_binding_waits_for_it() {
    let script = "log 1 bind:w=a/*; log 2 put:b=1 base:_sluice/validators/w=1-0; log 3 put:c=1; pulled 0: 1 2 3; judged 1: accept";
    check_on(
        settings(),
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3
          judge 1 on 0
          pull 3
        > judged 1: accept
          judge 2 3 on 1
          persist #1: 1 applied
    "#]],
    );
}

#[test]
fn what_stands_in_the_line_is_looked_at_anew_when_a_held_binding_comes_into_force() {
    let script = "log 1 bind:w=a/*; log 2 bind:w=b/*; log 3 put:x=1; log 4 put:a/x=1; pulled 0: 1; judged 1: fault; at 40; pulled 1: 2 3; judged 3: accept; at 50; tick; judged 1: accept; pulled 3: 4; judged 2: accept; judged 4: accept; held";
    check_on(
        Settings { held_max: 1, ..settings() },
        bound(),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1
          judge 1 on 0
          pull 1
        > judged 1: fault
          persist #1: 1 held
        > at 40
        > pulled 1: 2 3
          judge 3 on 1
          pull 3
        > judged 3: accept
        > at 50
        > tick
          judge 1 on 1
        > judged 1: accept
          judge 2 on 1
        > pulled 3: 4
          pull 4
        > judged 2: accept
          judge 4 on 3
        > judged 4: accept
        > held
    "#]],
    );
}

#[test]
fn under_a_binding_that_cannot_be_read_everything_waits_but_what_puts_it_right() {
    let script = "log 1 put:a=1; log 2 put:b=1; log 3 bind:v=c; log 4 put:d=1; pulled 0: 1 2 3 4; judged 1: accept; judged 2: accept; judged 3: accept; judged 4: accept";
    check_on(
        settings(),
        bound_to("oops"),
        script,
        expect![[r#"
          pull 0
          report 0, 0 held
        > pulled 0: 1 2 3 4
          judge 1 on 0
          pull 4
        > judged 1: accept
          judge 2 3 on 1
          persist #1: 1 applied
        > judged 2: accept
        > judged 3: accept
          judge 4 on 3
        > judged 4: accept
    "#]],
    );
}
