use super::*;
use crate::Names;

const BOUNDS: Bounds = Bounds { masters: 3, ttl_max_ms: 30_000, answer_ms: 500 };

fn at(now_ms: u64) -> Moment {
    Moment { now_ms, wall_us: 1_000_000 + now_ms * 1000, chance: u128::from(now_ms) * 7919 + 5 }
}

fn wish(wait_ms: u64) -> Lock {
    let terms = Terms {
        names: Names::new(["b", "a", "b"]).unwrap(),
        ttl_ms: 9_000,
        wait_ms,
        renewal: Renewal::Auto { total_ms: 60_000 },
    };
    Lock::begin(terms, BOUNDS, 0, &at(0))
}

/// Answers all that goes out, by these masters.
fn answer(lock: &mut Lock, now_ms: u64, mut by: impl FnMut(usize, &Ask) -> Option<Reply>) -> Vec<String> {
    let mut asked = Vec::new();
    loop {
        let outgoing = lock.outgoing();
        if outgoing.is_empty() {
            return asked;
        }
        for Outgoing { master, serial, ask } in outgoing {
            let verb = format!("{ask:?}");
            asked.push(format!("{} {master}", verb.split(' ').next().unwrap_or_default()));
            if let Some(reply) = by(master, &ask) {
                lock.on_reply(master, serial, &reply, &at(now_ms));
            }
        }
    }
}

fn granted(_: usize, ask: &Ask) -> Option<Reply> {
    match ask {
        Ask::Take { token, .. } => Some(Reply::Taken { granted: true, register: *token }),
        Ask::Release { .. } => Some(Reply::Released(true)),
        Ask::Raise { .. } | Ask::Extend { .. } | Ask::TopUp { .. } => None,
    }
}

#[test]
fn the_names_of_a_lock_are_sorted_and_asked_for_together() {
    let mut lock = wish(0);
    for Outgoing { ask, .. } in lock.outgoing() {
        let Ask::Take { names, .. } = ask else { panic!("{ask:?}") };
        assert_eq!(names.iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}

#[test]
fn what_is_given_back_is_given_back_by_all_and_told() {
    let mut lock = wish(0);
    answer(&mut lock, 1, granted);
    assert!(matches!(lock.stage(), Stage::Held(_)));
    lock.release();
    assert!(!lock.is_done());
    assert_eq!(answer(&mut lock, 2, granted), ["Release 0", "Release 1", "Release 2"]);
    assert!(lock.is_done());
    assert_eq!(lock.report(), Report { deleted: 3, gone: 0, unreachable: 0 });
}

#[test]
fn a_wish_given_up_at_any_stage_leaves_nothing_behind() {
    let mut taking = wish(0);
    taking.outgoing();
    taking.release();
    assert_eq!(answer(&mut taking, 1, |_, _| Some(Reply::Released(false))).len(), 3, "whatever is on its way");
    let mut pausing = wish(1_000);
    let asked = answer(&mut pausing, 1, |_, ask| match ask {
        Ask::Release { .. } => Some(Reply::Released(false)),
        _ => Some(Reply::Held { left_ms: 500 }),
    });
    assert_eq!(
        asked.iter().filter(|one| one.starts_with("Release")).count(),
        3,
        "also where it was refused: {asked:?}"
    );
    assert!(matches!(pausing.stage(), Stage::Pausing { .. }));
    pausing.release();
    assert!(pausing.is_done());
}

#[test]
fn it_is_tried_again_with_another_word_until_the_wait_is_over() {
    let mut lock = wish(1_000);
    let (mut words, mut now_ms) = (Vec::new(), 0);
    loop {
        answer(&mut lock, now_ms, |master, ask| match ask {
            Ask::Take { word, .. } => {
                words.extend((master == 0).then_some(*word));
                Some(Reply::Held { left_ms: 400 })
            }
            _ => Some(Reply::Released(false)),
        });
        match lock.wake_ms() {
            Some(wake_ms) => now_ms = wake_ms,
            None => break,
        }
        lock.on_time(&at(now_ms));
    }
    assert_eq!(lock.stage(), &Stage::Refused(Refused::Taken { left_ms: 400 }));
    assert_eq!(now_ms, 1_000, "the last try is at the end of the wait");
    let tries = words.len();
    words.sort_unstable();
    words.dedup();
    assert!(tries > 2 && tries == words.len() && tries as u32 == lock.tries(), "{tries} tries, {} words", words.len());
}

#[test]
fn a_lock_taken_away_is_lost_with_its_reason() {
    let mut lock = wish(0);
    answer(&mut lock, 1, granted);
    lock.revoke();
    assert_eq!(lock.stage(), &Stage::Lost(Loss::Revoked));
    assert_eq!(answer(&mut lock, 2, granted).len(), 3);
}
