use super::*;

const NOW_MS: u64 = 1_000;
const TTL_MS: u64 = 10_000;

fn attempt() -> Attempt {
    let bounds = Bounds { masters: 5, ttl_max_ms: 30_000, answer_ms: 500 };
    Attempt::begin(&bounds, &Names::new(["a"]).unwrap(), TTL_MS, Word(7), 100, NOW_MS).0
}

const GRANTED: Reply = Reply::Taken { granted: true, register: 100 };

#[test]
fn it_is_held_as_soon_as_a_majority_took_it_and_granted_the_token() {
    let mut attempt = attempt();
    assert_eq!(attempt.on_reply(4, 0, &GRANTED, NOW_MS + 1), Decision::Open);
    assert_eq!(attempt.on_reply(4, 0, &GRANTED, NOW_MS + 1), Decision::Open, "one master has one vote");
    assert_eq!(attempt.on_reply(0, 0, &GRANTED, NOW_MS + 2), Decision::Open);
    let held = attempt.on_reply(2, 0, &GRANTED, NOW_MS + 3);
    let deadline_ms = NOW_MS + TTL_MS - 102;
    assert_eq!(held, Decision::Held { deadline_ms, token: 100 }, "counted from before the first question");
}

#[test]
fn it_is_refused_as_soon_as_no_majority_can_be_had() {
    let mut attempt = attempt();
    assert_eq!(attempt.on_reply(0, 0, &Reply::Held { left_ms: 9 }, NOW_MS), Decision::Open);
    assert_eq!(attempt.on_reply(1, 0, &Reply::Failed, NOW_MS), Decision::Open);
    let refused = attempt.on_reply(2, 0, &Reply::Unadmitted, NOW_MS);
    assert_eq!(refused, Decision::Refused(Refused::Taken { left_ms: 9 }));
}

#[test]
fn a_token_too_low_is_raised_above_all_that_were_granted() {
    let mut attempt = attempt();
    attempt.on_reply(0, 0, &GRANTED, NOW_MS);
    attempt.on_reply(1, 0, &Reply::Taken { granted: false, register: 300 }, NOW_MS);
    let Decision::Ask(1, asks) = attempt.on_reply(2, 0, &Reply::Taken { granted: false, register: 200 }, NOW_MS) else {
        panic!("a second round is due");
    };
    assert_eq!(asks.iter().map(|(master, _)| *master).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(asks.iter().all(|(_, ask)| matches!(ask, Ask::Raise { token: 301, .. })));
    // What was granted for the token given up counts for nothing.
    let late = attempt.on_reply(3, 0, &GRANTED, NOW_MS);
    assert!(matches!(late, Decision::Ask(1, asks) if asks.len() == 1 && asks[0].0 == 3));
    let raised = Reply::Raised { granted: true, register: 301 };
    assert_eq!(attempt.on_reply(0, 1, &raised, NOW_MS), Decision::Open);
    assert_eq!(attempt.on_reply(0, 1, &raised, NOW_MS), Decision::Open);
    assert_eq!(attempt.on_reply(3, 1, &raised, NOW_MS), Decision::Open);
    assert!(matches!(attempt.on_reply(1, 1, &raised, NOW_MS), Decision::Held { token: 301, .. }));
}

#[test]
fn safe_6_a_process_that_slept_between_the_last_vote_and_the_decision_does_not_hold_it() {
    let mut attempt = attempt();
    attempt.on_reply(0, 0, &GRANTED, NOW_MS);
    attempt.on_reply(1, 0, &GRANTED, NOW_MS);
    let woken = attempt.on_reply(2, 0, &GRANTED, NOW_MS + TTL_MS);
    assert_eq!(woken, Decision::Refused(Refused::Late));
}

#[test]
fn masters_that_say_nothing_are_waited_for_a_bounded_time() {
    let attempt = attempt();
    assert_eq!(attempt.on_time(NOW_MS + 499), Decision::Open);
    let refused = attempt.on_time(NOW_MS + 500);
    assert_eq!(refused, Decision::Refused(Refused::NoQuorum { answered: 0, wanted: 3 }));
}
