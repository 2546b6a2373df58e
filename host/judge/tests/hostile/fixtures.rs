//! A test for each fixture: what stops it, and what becomes of the change.

use sluice_artifacts::fixtures::ALL;
use sluice_core::{Cause, State, Verdict};
use sluice_judge::Trial;
use sluice_node::Hub;

use super::reads::{beside, served};
use super::rig::{LIMITS, binding, entry, fixture, goes_on, library};

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is applied: there was no harm in it, or what was asked for was not given.
    Accepted,
    /// It is refused.
    Refused(Cause),
    /// There is none, for the component is no validator.
    Unfit,
}

use Cause::{Limit, Trap, Verdict as Verdicts};
use End::{Accepted, Refused, Unfit};

/// A line for each fixture: the end of a change it judges, and words that say what stopped it.
macro_rules! ends {
    ($($name:ident: $end:expr, $words:literal;)*) => {
        const TABLE: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name), $end, $words) })*
    };
}

ends! {
    // Time and room.
    never_ends: Refused(Limit), "used up its fuel";
    starts_forever: Refused(Limit), "used up its fuel";
    configures_forever: Refused(Limit), "used up its fuel";
    realloc_loops: Refused(Limit), "used up its fuel";
    post_loops: Refused(Limit), "used up its fuel";
    fills_forever: Refused(Limit), "used up its fuel";
    floods_the_log: Refused(Limit), "used up its fuel";
    eats_memory: Refused(Limit), "more than its 67108864 bytes of memory";
    grows_memory: Accepted, "";
    grows_table: Accepted, "";
    declares_memory: Unfit, "memory has a minimum byte size of 4294967296 which exceeds the limit";
    declares_table: Unfit, "table index 0 has a minimum element size of 10000000 which exceeds the limit";
    recurses: Refused(Trap), "out of bounds memory access";
    recurses_widely: Refused(Trap), "call stack exhausted";

    // Answers.
    says_too_much: Refused(Limit), "said more than 1048576 bytes at once";
    million_findings: Refused(Limit), "said more than 1048576 bytes at once";
    repeats_a_megabyte: Refused(Limit), "said more than 1048576 bytes at once";
    logs_a_flood: Refused(Limit), "said more than 1048576 bytes at once";
    list_without_end: Refused(Trap), "list pointer/length out of bounds of memory";
    points_outside: Refused(Trap), "string pointer/length out of bounds of memory";
    returns_nowhere: Refused(Trap), "pointer out of bounds of memory";
    returns_misaligned: Refused(Trap), "return pointer not aligned";
    bad_utf8: Refused(Trap), "invalid utf-8";
    bad_decision: Refused(Trap), "unexpected discriminant: 3";
    bad_severity: Refused(Trap), "unexpected discriminant: 200";
    bad_result: Refused(Trap), "invalid expected discriminant";
    bad_option: Refused(Trap), "invalid option discriminant";
    logs_at_no_level: Refused(Trap), "unexpected discriminant: 9";
    lies: Refused(Verdicts), "\u{fffd}]0;owned\u{fffd}\u{fffd}é";
    echoes_bytes: Refused(Trap), "invalid expected discriminant";

    // Traps.
    traps: Refused(Trap), "traps.rs:7:5: 1 edits are too many (wasm trap: wasm `unreachable`";
    gives_up: Refused(Trap), "wasm `unreachable` instruction executed";
    divides_by_zero: Refused(Trap), "integer divide by zero";
    divides_too_far: Refused(Trap), "integer overflow";
    converts_nan: Refused(Trap), "invalid conversion to integer";
    reads_outside: Refused(Trap), "out of bounds memory access";
    calls_nobody: Refused(Trap), "uninitialized element";
    calls_wrongly: Refused(Trap), "indirect call type mismatch";
    post_traps: Refused(Trap), "wasm `unreachable` instruction executed";
    realloc_traps: Refused(Trap), "wasm `unreachable` instruction executed";
    realloc_outside: Refused(Trap), "beyond end of memory";
    realloc_misaligned: Refused(Trap), "result not aligned";
    realloc_at_nothing: Refused(Trap), "invalid expected discriminant";

    // Calls where none may be made.
    realloc_calls_back: Refused(Trap), "cannot leave component instance";
    post_calls_back: Refused(Trap), "cannot leave component instance";
    enters_itself: Refused(Trap), "cannot enter component instance";
    looks_up_early: Refused(Trap), "which `reads` of its binding does not name";

    // Other worlds.
    asks_for_wasi: Unfit, "asks for wasi:cli/environment@0.2.0, wasi:filesystem/preopens@0.2.0; a validator gets";
    asks_for_unknown: Unfit, "asks for sluice:validator/clock@1.0.0, run-as-root; a validator gets";
    asks_wrongly: Unfit, "`log` has the wrong type";
    wrong_world: Unfit, "exports wasi:cli/run@0.2.0, and not sluice:validator/validator@1.0.0";
    wrong_form: Refused(Trap), "type mismatch with results";
    core_module: Unfit, "is not a WebAssembly component";
    odd_name: Unfit, "is not in kebab case";
    shares_memory: Unfit, "threads must be enabled";
    addresses_64_bits: Unfit, "memory64 must be enabled";

    // No harm in a call; what they say of themselves is below.
    describes_forever: Accepted, "";
    describes_hugely: Accepted, "";
    describes_itself_badly: Accepted, "";
    remembers: Accepted, "";
    accepts: Accepted, "";
    routes: Refused(Verdicts), "missing field `routes`";
    looks_up: Refused(Verdicts), "get or keys";
    speaks_0_1: Refused(Verdicts), "null";
}

// A file in the fixtures' folder without a line above is no build.
const _: () = assert!(are_named(), "a fixture has no line in the table of this file");

const fn are_named() -> bool {
    let mut at = 0;
    while at < ALL.len() {
        let mut line = 0;
        while line < TABLE.len() && !is_same(ALL[at].0.as_bytes(), TABLE[line].as_bytes()) {
            line += 1;
        }
        if line == TABLE.len() {
            return false;
        }
        at += 1;
    }
    true
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[track_caller]
fn check(name: &str, end: End, words: &str) {
    let component = fixture(name);
    let bound = binding(component, "null", LIMITS);
    let entry = entry("app/limits", b"{}");
    let hub = Hub::new(served());
    let call = || library().try_out(component, &bound, &entry, &State::default());
    let (tried, reads) = beside(&hub, call);
    let (found, said) = match &tried {
        Ok(trial) => ended(trial),
        Err(unfit) => (Unfit, unfit.0.clone()),
    };
    assert!(found == end && said.contains(words), "{found:?}: {said}");
    assert!(!said.contains(char::is_control) && !said.contains("backtrace"), "{said:?}");
    println!("reads p99 {:?} of {} beside {name}, which ended {found:?}: {said:.100}", reads.p99, reads.count);
    // An image of it is made without harm, or is not made; a call that begins from one ends alike.
    if library().bake(component, &bound).is_ok() {
        let (plain, baked) = (tried.unwrap(), call().unwrap());
        assert_eq!((plain.judgement, plain.cost.fuel), (baked.judgement, baked.cost.fuel));
    }
    goes_on();
}

fn ended(trial: &Trial) -> (End, String) {
    match &trial.judgement {
        Ok(Verdict::Accept(_)) => (Accepted, String::new()),
        Ok(Verdict::Reject(cause, findings)) => (Refused(*cause), findings[0].message.to_string()),
        Err(fault) => panic!("{fault:?}"),
    }
}

#[test]
fn what_one_says_of_itself_is_bounded_and_cleaned() {
    for (name, words) in [
        ("describes_forever", "used up its fuel"),
        ("starts_forever", "used up its fuel"),
        ("describes_hugely", "said more than 1048576 bytes at once"),
        ("odd_name", "is not in kebab case"),
        ("wrong_form", "type mismatch"),
    ] {
        let refusal = library().inspect(fixture(name)).refusal.unwrap();
        assert!(refusal.contains(words) && !refusal.contains(char::is_control), "{name}: {refusal:?}");
    }
    let said = library().inspect(fixture("describes_itself_badly")).description.unwrap();
    assert_eq!(said.name, "\u{fffd}]0;owned\u{fffd}\u{fffd}[2J\u{fffd}\u{fffd}");
    assert_eq!(said.settings_schema, None, "what is no JSON is no schema");
}
