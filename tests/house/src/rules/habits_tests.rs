use super::*;

#[track_caller]
fn check(rule: fn(&Tree) -> Vec<Fault>, path: &str, text: &str, lines: &[usize]) {
    let faults = rule(&Tree::of(&[(path, text)]));
    assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), lines, "{faults:?}");
}

const CODE: &str = "host/node/src/a.rs";
const TEST: &str = "host/node/tests/a.rs";

#[test]
fn a_catch_all_on_a_closed_enum_is_found() {
    check(catch_alls, CODE, "match e {\n Event::Tick => (),\n _ => (),\n}", &[3]);
    check(catch_alls, CODE, "match (e, s) {\n (Event::Tick, _) => (),\n (_, _) => (),\n}", &[3]);
    check(catch_alls, CODE, "match o { Some(Outcome::Applied) => f::<A>(),\n _ if late => {}\n None => () }", &[2]);
}

#[test]
fn a_catch_all_elsewhere_is_free() {
    check(catch_alls, CODE, "match e { Event::Tick => match n { 1 => a, _ => b }, Event::Stop => c }", &[]);
    check(catch_alls, CODE, "match e { Event::Tick => (), Event::Stop | Event::Reported => () }", &[]);
    check(catch_alls, CODE, "match n { 0 => Effect::Pull, _ => Effect::Report }", &[]);
}

#[test]
fn loose_ends_are_for_tests() {
    let text = "a.unwrap();\ntodo!();\ndbg!(x);\nunimplemented!();\na.unwrap_or(1);\n// a.unwrap()\n";
    check(loose_ends, CODE, text, &[1, 2, 4, 3]);
    check(loose_ends, TEST, text, &[]);
    check(loose_ends, CODE, "#[cfg(test)]\nmod tests {\n fn f() { a.unwrap() }\n}", &[]);
}

#[test]
fn no_test_is_lame() {
    check(lame_tests, TEST, "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n#[should_panic]\nfn b() {}", &[2, 4]);
}

#[test]
fn only_the_waiting_loop_sleeps() {
    check(sleeps, TEST, "fn a() {\n std::thread::sleep(d);\n tokio::time::sleep(d).await }", &[2, 3]);
    check(sleeps, "tests/live/src/wait.rs", "fn wait_for() { std::thread::sleep(d) }", &[]);
    check(sleeps, CODE, "fn backoff() { tokio::time::sleep(d).await }", &[]);
}

#[test]
fn an_allow_argues() {
    check(allows, CODE, "#[allow(dead_code)]\nfn a() {}", &[1]);
    check(allows, CODE, "// the other half is used by tests\n#[allow(dead_code)]\nfn a() {}", &[]);
    check(allows, CODE, "#![allow(dead_code, reason = \"generated\")]", &[]);
}

#[test]
fn a_queue_without_a_bound_argues() {
    check(unbounded, CODE, "let (a, b) = mpsc::unbounded_channel();", &[1]);
    check(unbounded, CODE, "// Unbounded on purpose: one a space\nlet (a, b) = mpsc::unbounded_channel();", &[]);
}
