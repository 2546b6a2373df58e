//! Settings that mean harm: what they cost is fuel, and what they say is heard by a guest alone.

use sluice_artifacts::{ALL, JSON_SCHEMA};
use sluice_core::{Cause, State, Verdict};
use sluice_judge::{Binding, Trial};

use super::rig::{LIMITS, binding, entry, library};

/// The settings given to a validator, and a document to go with them.
fn tried(component: &[u8], settings: &str, document: &str) -> Trial {
    let bound = binding(component, settings, LIMITS);
    library().try_out(component, &bound, &entry("app/a.json", document.as_bytes()), &State::default()).unwrap()
}

#[track_caller]
fn refused(name: &str, trial: &Trial) {
    assert!(
        trial.cost.fuel <= LIMITS.fuel && trial.cost.memory_bytes <= LIMITS.memory_bytes,
        "{name}: {:?}",
        trial.cost
    );
    match &trial.judgement {
        Ok(Verdict::Reject(cause, findings)) => println!("{name}: {cause:?}, {}", findings[0].message),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn settings_that_nest_without_end_are_refused_as_json() {
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(r#"{{"keys": ["**"], "component": "{}", "settings": {nested}}}"#, "a".repeat(64));
    assert!(Binding::parse("guest", text.as_bytes()).unwrap_err().message.contains("recursion limit exceeded"));
}

#[test]
fn no_validator_of_ours_takes_sixteen_megabytes_for_its_settings() {
    let bomb = format!(r#"{{"schema": {{"title": "{0}"}}, "rules": "{0}"}}"#, "x".repeat(8 << 20));
    for (name, component) in ALL {
        refused(name, &tried(component, &bomb, "{}"));
    }
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let circle =
        r##"{"schema": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}}"##;
    let trial = tried(JSON_SCHEMA, circle, "{}");
    assert!(trial.judgement.is_ok() && trial.cost.fuel < LIMITS.fuel, "{trial:?}");
}

#[test]
fn a_schema_that_doubles_at_each_step_runs_out_of_fuel() {
    let step =
        |n: u32| format!(r##""a{n}": {{"allOf": [{{"$ref": "#/$defs/a{0}"}}, {{"$ref": "#/$defs/a{0}"}}]}}"##, n + 1);
    let steps: Vec<String> = (0..40).map(step).collect();
    let doubling = format!(
        r##"{{"schema": {{"$ref": "#/$defs/a0", "$defs": {{{}, "a40": {{"type": "object"}}}}}}}}"##,
        steps.join(",")
    );
    refused("doubling", &tried(JSON_SCHEMA, &doubling, "{}"));
}

#[test]
fn patterns_that_explode_are_bounded() {
    let explode = r#"{"schema": {"type": "string", "pattern": "^(((((a{100}){100}){100}){100}){100})$"}}"#;
    refused("repeats", &tried(JSON_SCHEMA, explode, r#""aaaa""#));
    let backtrack = r#"{"schema": {"type": "string", "pattern": "^(a+)+$"}}"#;
    let document = format!("\"{}b\"", "a".repeat(5_000));
    let trial = tried(JSON_SCHEMA, backtrack, &document);
    assert!(matches!(trial.judgement, Ok(Verdict::Reject(Cause::Verdict | Cause::Limit, _))), "{trial:?}");
}
