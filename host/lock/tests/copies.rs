//! Why a master that forgot its tokens copies those of others late: one may be on its way to be issued.

use sluice_lock::admission::{Witness, floor};
use sluice_lock::{Attempt, Bounds, Decision, Memory, Names, Word};

const BOUNDS: Bounds = Bounds { masters: 3, ttl_max_ms: 6_000, answer_ms: 500 };
const TTL_MS: u64 = 6_000;

fn floor_by(masters: &[Memory], run: &str) -> u64 {
    let witness = |memory: &Memory| Witness { is_admitted: memory.mark.run == run, high: memory.mark.high };
    let others: Vec<_> = masters.iter().map(|memory| Some(witness(memory))).collect();
    floor(&BOUNDS, &others, 1).expect("all others answer")
}

/// One holder's token is issued by a master's grant of before its restart, and one of after. Then somebody whose wall clock
/// is behind asks the two masters that may not know it. Gives both tokens.
fn tokens(is_copied_at_once: bool) -> (u64, u64) {
    let names = Names::new(["a"]).unwrap();
    let mut masters = vec![Memory::default(); BOUNDS.masters];
    masters.iter_mut().for_each(|memory| memory.admit("1", 100));
    let (mut first, take) = Attempt::begin(&BOUNDS, &names, TTL_MS, Word(1), 200, 0);
    let granted = masters[2].answer(&take, "1", 0);
    assert_eq!(first.on_reply(2, 0, &granted, 1), Decision::Open);
    // Restarted empty, and known to have forgotten.
    masters[2] = Memory::default();
    let early = floor_by(&masters[..2], "1");
    let granted = masters[0].answer(&take, "1", 1_000);
    let Decision::Held { token, .. } = first.on_reply(0, 0, &granted, 2) else { panic!("two of three are a majority") };
    // All locks of before are over.
    let late = floor_by(&masters[..2], "1");
    masters[2].admit("2", if is_copied_at_once { early } else { late });

    let now_us = (BOUNDS.ttl_max_ms + 2_000) * 1_000;
    let (mut second, take) = Attempt::begin(&BOUNDS, &names, TTL_MS, Word(2), 150, 0);
    let mut replies =
        vec![(1, 0, masters[1].answer(&take, "1", now_us)), (2, 0, masters[2].answer(&take, "2", now_us))];
    while let Some((master, round, reply)) = replies.pop() {
        match second.on_reply(master, round, &reply, 1) {
            Decision::Open => (),
            Decision::Ask(round, asks) => replies.extend(asks.into_iter().map(|(master, ask)| {
                let run = if master == 2 { "2" } else { "1" };
                (master, round, masters[master].answer(&ask, run, now_us))
            })),
            Decision::Held { token: next, .. } => return (token, next),
            Decision::Refused(refused) => panic!("{refused}"),
        }
    }
    panic!("two of three are a majority")
}

#[test]
fn fence_1_a_master_that_forgot_learns_of_tokens_that_were_on_their_way_when_it_did() {
    let (first, second) = tokens(false);
    assert!(second > first, "{first}, then {second}");
}

#[test]
fn tokens_copied_at_once_after_a_restart_are_caught() {
    let (first, second) = tokens(true);
    assert!(second <= first, "{first}, then {second}: the late copy is not needed, then");
}
