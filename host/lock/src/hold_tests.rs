use super::*;

const TTL_MS: u64 = 9_000;
/// Of what was taken at 0.
const DEADLINE_MS: u64 = TTL_MS - 92;

fn hold(total_ms: Option<u64>) -> Hold {
    let bounds = Bounds { masters: 5, ttl_max_ms: 30_000, answer_ms: 500 };
    let names = Names::new(["a"]).unwrap();
    let taken = Taken { names, word: Word(7), token: 1, ttl_ms: TTL_MS, deadline_ms: DEADLINE_MS };
    Hold::begin(&bounds, taken, 0, total_ms)
}

fn extended(now_ms: u64) -> Reply {
    Reply::Extended { clock_us: 1_000_000_000 + now_ms * 1000 }
}

const ABSENT: Reply = Reply::NotYours { is_anothers: false };

#[test]
fn a_majority_that_still_has_it_makes_it_last_and_the_others_are_topped_up() {
    let mut hold = hold(Some(60_000));
    assert_eq!(hold.on_time(2_999), None);
    let (round, _) = hold.on_time(3_000).unwrap();
    assert_eq!(hold.on_reply(0, round, &ABSENT, 3_001), []);
    assert_eq!(hold.on_reply(1, round, &extended(3_001), 3_001), []);
    assert_eq!(hold.on_reply(2, round, &extended(3_001), 3_001), []);
    assert_eq!(hold.deadline_ms(), DEADLINE_MS, "two are no majority");
    let asks = hold.on_reply(3, round, &extended(3_001), 3_001);
    assert!(matches!(&asks[..], [(0, Ask::TopUp { .. })]), "{asks:?}");
    assert_eq!(hold.deadline_ms(), 3_000 + DEADLINE_MS);
    let asks = hold.on_reply(4, round, &ABSENT, 3_002);
    assert!(matches!(&asks[..], [(4, Ask::TopUp { .. })]), "{asks:?}");
    assert_eq!((hold.wake_ms(), hold.loss()), (6_000, None));
}

#[test]
fn ext_3_a_majority_that_says_no_ends_it_at_once() {
    let mut hold = hold(Some(60_000));
    let (round, _) = hold.extend(100);
    hold.on_reply(0, round, &ABSENT, 101);
    hold.on_reply(1, round, &Reply::NotYours { is_anothers: true }, 101);
    assert_eq!(hold.loss(), None);
    hold.on_reply(2, round, &ABSENT, 102);
    assert_eq!(hold.loss(), Some(Loss::Gone));
}

#[test]
fn a_failed_round_gives_nothing_up_before_the_deadline() {
    let mut hold = hold(Some(60_000));
    let (round, _) = hold.on_time(3_000).unwrap();
    (0..5).for_each(|master| drop(hold.on_reply(master, round, &Reply::Failed, 3_100)));
    assert_eq!(hold.loss(), None);
    assert_eq!(hold.wake_ms(), 4_500, "it is tried again soon");
    let (again, _) = hold.on_time(4_500).unwrap();
    (0..3).for_each(|master| drop(hold.on_reply(master, round, &extended(4_501), 4_501)));
    assert_eq!(hold.deadline_ms(), DEADLINE_MS, "answers to the round before are late");
    (0..3).for_each(|master| drop(hold.on_reply(master, again, &extended(4_501), 4_501)));
    assert_eq!(hold.deadline_ms(), 4_500 + DEADLINE_MS);
}

#[test]
fn safe_7_a_deadline_that_passed_while_nobody_looked_is_final() {
    let mut hold = hold(Some(60_000));
    let (round, _) = hold.extend(3_000);
    (0..5).for_each(|master| drop(hold.on_reply(master, round, &extended(3_001), DEADLINE_MS)));
    assert_eq!(hold.loss(), Some(Loss::Expired));
    assert_eq!(hold.on_time(DEADLINE_MS + 1), None);
}

#[test]
fn it_lasts_no_longer_than_its_terms_allow_in_all() {
    let mut hold = hold(Some(10_000));
    let (round, _) = hold.extend(3_000);
    (0..5).for_each(|master| drop(hold.on_reply(master, round, &extended(3_001), 3_001)));
    assert_eq!(hold.deadline_ms(), 10_000);
    hold.on_time(10_000);
    assert_eq!(hold.loss(), Some(Loss::Total));
}

#[test]
fn a_master_whose_clock_jumped_ahead_has_no_vote_in_that_round() {
    let mut hold = hold(Some(60_000));
    let (first, _) = hold.extend(100);
    (0..5).for_each(|master| drop(hold.on_reply(master, first, &extended(101), 101)));
    let (round, _) = hold.extend(3_000);
    (0..3).for_each(|master| drop(hold.on_reply(master, round, &extended(8_000), 3_001)));
    (3..5).for_each(|master| drop(hold.on_reply(master, round, &extended(3_001), 3_001)));
    assert_eq!(hold.deadline_ms(), 100 + DEADLINE_MS, "three of five clocks are 5 s ahead of a moment ago");
    let (next, _) = hold.extend(4_000);
    (0..5).for_each(|master| drop(hold.on_reply(master, next, &extended(9_000), 4_001)));
    assert_eq!(hold.deadline_ms(), 4_000 + DEADLINE_MS, "from there on they tell again");
}
