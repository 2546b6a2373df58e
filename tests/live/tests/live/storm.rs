//! Two minutes of bad weather over real processes; and forged histories, to which the one who judges must object.

use std::time::Duration;

use anyhow::Result;
use sluice_live::storm;
use sluice_live::storm::check::objections;
use sluice_live::storm::history::{Change, History, Read, Standing, Told};
use sluice_live::storm::model::{Fields, Model};

/// How long it lasts when `SLUICE_STORM_SECONDS` says nothing.
const SECONDS: u64 = 120;

/// Its seed when `SLUICE_STORM_SEED` says nothing: who wants another each time runs `./x storm-live`.
const SEED: u64 = 2026;

#[test]
fn bad_weather_loses_no_change_applies_none_twice_and_fails_no_read() -> Result<()> {
    let told = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = told("SLUICE_STORM_SEED").unwrap_or(SEED);
    let length = Duration::from_secs(told("SLUICE_STORM_SECONDS").unwrap_or(SECONDS));
    eprintln!("seed {seed}");
    let report = storm::run(seed, length)?;
    eprintln!("{report}");
    for class in ["applied", "rejected", "duplicate"] {
        assert!(report.outcomes.contains_key(class), "nothing was {class}: the storm was no storm\n{report}");
    }
    assert!(report.snapshots > 0 && report.faults.len() > 8, "{report}");
    Ok(())
}

/// An entry of the change `change`, with a token or not.
fn entry(revision: &str, key: &str, value: &str, change: &str, token: &str) -> (String, Fields) {
    let mut fields = vec![(format!("put:{key}"), value), ("reason".to_owned(), change)];
    if !token.is_empty() {
        fields.push(("token".to_owned(), token));
    }
    let owned = fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    (revision.to_owned(), owned)
}

fn acknowledged(id: &str, revision: &str, outcome: Option<&str>) -> Change {
    let told = Told { revision: revision.to_owned(), outcome: outcome.map(str::to_owned) };
    Change { id: id.to_owned(), attempts: 1, told: Some(told) }
}

fn read(code: u16, revision: &str, text: &str) -> Read {
    Read { key: "k".to_owned(), code, revision: revision.to_owned(), text: text.to_owned(), ..Read::default() }
}

/// A log of three changes, the second of which was repeated with its token; and what was seen of it.
fn sound() -> (Vec<(String, Fields)>, History) {
    let log = vec![
        entry("1-0", "k", "one", "a", ""),
        entry("2-0", "k", "two", "b", "t"),
        entry("3-0", "k", "two", "b", "t"),
        entry("4-0", "checked/k", r#"{"max":101}"#, "c", ""),
    ];
    let changes = vec![
        acknowledged("a", "1-0", Some("applied")),
        acknowledged("b", "3-0", None),
        acknowledged("c", "4-0", Some("rejected")),
        Change { id: "d".to_owned(), attempts: 3, told: None },
    ];
    let reads = vec![read(200, "1-0", "one"), read(200, "1-0", "one"), read(200, "2-0", "two")];
    let at = |revision: &str| Standing { revision: revision.to_owned(), ..Standing::default() };
    (log, History { begun: "1-0".to_owned(), changes, reads, standings: vec![at("1-0"), at("3-0")] })
}

#[track_caller]
fn objects(log: &[(String, Fields)], history: &History, to: &str) {
    let found = objections(&Model::of(log), history);
    assert!(found.iter().any(|one| one.contains(to)), "no word of {to:?}: {found:#?}");
}

#[test]
fn nothing_is_said_against_a_sound_history() {
    let (log, history) = sound();
    assert_eq!(objections(&Model::of(&log), &history), Vec::<String>::new());
}

#[test]
fn an_acknowledged_change_that_the_log_lacks_is_found() {
    let (mut log, history) = sound();
    log.remove(0);
    objects(&log, &history, "lost: change a was acknowledged as 1-0");
    let (log, mut history) = sound();
    history.changes[1] = acknowledged("b", "1-0", None);
    objects(&log, &history, "mixed up: change b");
}

#[test]
fn a_publisher_that_retries_without_its_token_is_found_out() {
    let (mut log, history) = sound();
    log[1..3].iter_mut().for_each(|(_, fields)| fields.retain(|(name, _)| name != "token"));
    objects(&log, &history, "applied twice: change b");
    objects(&log, &history, "change b was decided 2 times");
}

#[test]
fn an_outcome_that_was_told_wrongly_is_found() {
    let (log, mut history) = sound();
    history.changes[2] = acknowledged("c", "4-0", Some("applied"));
    objects(&log, &history, "mistold: change c at 4-0 is rejected");
    history.changes.remove(0);
    objects(&log, &history, "nobody published change a");
}

#[test]
fn a_read_that_fails_goes_back_or_shows_what_never_was_is_found() {
    for (wrong, words) in [
        (read(200, "1-0", "one"), "went back from value 2 to 1"),
        (read(200, "2-0", "something else"), "it never had that"),
        (read(200, "3-0", "two"), "it never had that"),
        (read(404, "2-0", ""), "it never had that"),
        (read(503, "", "stale"), "read failed: 503"),
        (read(0, "", "connection refused"), "read failed: 0 connection refused"),
    ] {
        let (log, mut history) = sound();
        history.reads.push(wrong);
        objects(&log, &history, words);
    }
}

#[test]
fn a_host_that_goes_back_or_differs_is_found() {
    let (log, mut history) = sound();
    let other = Standing { host: 1, revision: "3-0".to_owned(), root: "another".to_owned(), ..Standing::default() };
    history.standings.push(Standing { is_holding: true, ..other.clone() });
    assert_eq!(objections(&Model::of(&log), &history), Vec::<String>::new(), "a host that holds may differ");
    history.standings.push(other);
    objects(&log, &history, "hosts 1 and 2 differ at (3, 0)");
    history.standings.push(Standing { revision: "2-0".to_owned(), ..Standing::default() });
    objects(&log, &history, "host 1 went back from (3, 0) to (2, 0)");
}
