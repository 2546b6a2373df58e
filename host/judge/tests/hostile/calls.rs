//! Time, room, and what a call costs.

use std::time::Duration;

use sluice_artifacts::{BOUNDS, JSON_SCHEMA, fixtures};
use sluice_core::{Action, Cause, Content, Fault, State, Verdict};
use sluice_judge::Limits;

use super::rig::{LIMITS, binding, entry, library, tried};

#[test]
fn one_that_lies_is_bounded_cleaned_and_believed_only_about_its_own_keys() {
    let Ok(Verdict::Reject(Cause::Verdict, findings)) = tried(fixtures::LIES, LIMITS).judgement else { panic!() };
    assert_eq!(findings.len(), 101);
    assert_eq!(&*findings[100].message, "901 more findings");
    for finding in &*findings {
        let said = format!("{}{}", finding.code, finding.message);
        assert!(!said.contains(char::is_control) && said.len() < 1200, "{said:?}");
        assert_eq!((&finding.key, &finding.pointer), (&None, &None));
    }
}

#[test]
fn one_that_would_remember_cannot() {
    for _ in 0..3 {
        assert_eq!(tried(fixtures::REMEMBERS, LIMITS).judgement, Ok(Verdict::accept()));
    }
}

#[test]
fn time_is_a_fault_and_no_verdict() {
    let trial = tried(fixtures::NEVER_ENDS, Limits { fuel: u64::MAX, time_ms: 50, ..LIMITS });
    assert!(matches!(trial.judgement, Err((Fault::Time, _))), "{:?}", trial.judgement);
    assert!(trial.cost.time >= Duration::from_millis(50), "{:?}", trial.cost);
}

#[test]
fn memory_that_is_too_small_to_begin_with_is_a_limit() {
    let trial = tried(BOUNDS, Limits { memory_bytes: 1000, ..LIMITS });
    assert!(matches!(trial.judgement, Ok(Verdict::Reject(Cause::Limit, _))), "{:?}", trial.judgement);
}

#[test]
fn the_same_call_costs_the_same_fuel_and_memory() {
    let costs: Vec<_> = (0..3).map(|_| tried(fixtures::LIES, LIMITS).cost).map(|c| (c.fuel, c.memory_bytes)).collect();
    assert!(costs[0].0 > 0 && costs.windows(2).all(|two| two[0] == two[1]), "{costs:?}");
}

#[test]
fn many_threads_wait_for_room_and_all_are_answered() {
    let bounds = binding(BOUNDS, r#"{"/max": [1, 100]}"#, LIMITS);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let bounds = &bounds;
            scope.spawn(move || {
                for value in 90 + thread..110 + thread {
                    let entry = entry("a", format!(r#"{{"max": {value}}}"#).as_bytes());
                    let trial = library().try_out(BOUNDS, bounds, &entry, &State::default()).unwrap();
                    assert_eq!(matches!(trial.judgement, Ok(Verdict::Accept(_))), value <= 100);
                }
            });
        }
    });
}

#[test]
fn large_documents_fit() {
    let text = format!(r#"{{"max": 7, "rest": [{}0]}}"#, "123456, ".repeat(300_000));
    let mut entry = entry("a", b"{}");
    let Action::Put(put) = &mut entry.content.as_mut().unwrap().edits[0].action else { panic!() };
    put.content = Content::Here(text.into());
    let bounds = binding(BOUNDS, r#"{"/max": [1, 100]}"#, Limits::DEFAULT);
    let trial = library().try_out(BOUNDS, &bounds, &entry, &State::default()).unwrap();
    assert_eq!(trial.judgement, Ok(Verdict::accept()), "{:?}", trial.cost);
}

#[test]
fn a_schema_judges_yaml_as_a_host_would_see_it() {
    let settings = r#"{"schema": {"properties": {"max": {"type": "integer", "maximum": 100}}}}"#;
    let schema = binding(JSON_SCHEMA, settings, Limits::DEFAULT);
    for (key, text, is_good) in [("a.yaml", "max: 7", true), ("a.toml", "max = 101", false), ("a.json", "{", false)] {
        let trial = library().try_out(JSON_SCHEMA, &schema, &entry(key, text.as_bytes()), &State::default()).unwrap();
        assert_eq!(matches!(trial.judgement, Ok(Verdict::Accept(_))), is_good, "{trial:?}");
        assert!(trial.cost.fuel < Limits::DEFAULT.fuel / 20, "{trial:?}");
    }
}

#[test]
fn a_validator_says_what_it_is() {
    let inspection = library().inspect(BOUNDS);
    assert_eq!((inspection.refusal, inspection.imports), (None, vec!["sluice:validator/log@1.0.0".to_owned()]));
    assert_eq!(inspection.exports, ["sluice:validator/validator@1.0.0"]);
    assert_eq!(inspection.description.unwrap().name, "bounds");
}
