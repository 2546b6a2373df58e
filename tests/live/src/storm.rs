//! Bad weather over real processes, all of it from one seed; afterwards everything seen is held against the log.
//!
//! A round is so long of faults, and then a calm in which all hosts must come to one state. Readers read on
//! through both; a host that is stopped or dead is not read from, by a lock and not by luck.

pub mod aof;
pub mod check;
pub mod faults;
pub mod history;
pub mod model;
pub mod publisher;
pub mod reader;
pub mod report;
pub mod stage;

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::host::{Host, order};
use crate::storm::faults::Fault;
use crate::storm::history::History;
use crate::storm::model::{Fields, Model, Order};
use crate::storm::publisher::Publisher;
use crate::storm::report::Report;
use crate::storm::stage::{HOSTS, PUBLISHERS, Stage};
use crate::wait::wait_for;

/// How long faults go on between two calms.
const ROUND: Duration = Duration::from_secs(20);

/// What was done, when, for those who want to know what led to a failure.
type Diary = Vec<(Duration, Fault)>;

/// Ends the readers and publishers however a round ends.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs a storm of this length.
///
/// # Errors
/// When a promise was broken: with the seed, all faults and their times, and what is wrong.
pub fn run(seed: u64, length: Duration) -> Result<Report> {
    let mut diary = Diary::new();
    let mut report = Report { seed, length, ..Report::default() };
    weather_it(&mut report, &mut diary).with_context(|| {
        let mut told = format!("a storm of seed {seed} and {length:?} broke something; its faults:\n");
        for (at, fault) in &*diary {
            told += &format!("{:>9.3} s  {fault:?}\n", at.as_secs_f64());
        }
        told
    })?;
    diary.iter().filter_map(|(_, fault)| fault.kind()).for_each(|kind| *report.faults.entry(kind).or_default() += 1);
    Ok(report)
}

fn weather_it(report: &mut Report, diary: &mut Diary) -> Result<()> {
    let stage = Stage::start(report.seed)?;
    let bounds = ["--keys", "checked/**", "--settings", r#"{"/max": [0, 100]}"#, "--wait=all"];
    stage.sluice.ok(&[&["validator", "bind", "limits", "bounds"], &bounds[..]].concat())?;
    let first = publisher::first_fields();
    let begun = stage.append(&first.iter().map(String::as_str).collect::<Vec<_>>())?;
    stage.converge(&begun)?;
    let mut history = History { begun, ..History::default() };
    let begun = Instant::now();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let _ending = Ending(&is_over);
        let (stage, is_over, seed) = (&stage, &is_over, report.seed);
        let readers: Vec<_> =
            (0..HOSTS).map(|host| scope.spawn(move || reader::read_until(stage, host, seed, begun, is_over))).collect();
        let mut round = 0;
        while begun.elapsed() < report.length {
            let left = report.length.saturating_sub(begun.elapsed());
            let took = rage(stage, seed.wrapping_add(round), ROUND.min(left), begun, diary, &mut history)?;
            report.converged_max = report.converged_max.max(took);
            round += 1;
        }
        is_over.store(true, Relaxed);
        for reader in readers {
            let (reads, standings) = reader.join().map_err(|_| anyhow::anyhow!("a reader panicked"))?;
            history.reads.extend(reads);
            history.standings.extend(standings);
        }
        Ok(())
    })?;
    settle(&stage, &history, report)
}

/// One round: faults in their order while publishers publish, then calm until all hosts are one again.
fn rage(
    stage: &Stage,
    seed: u64,
    length: Duration,
    begun: Instant,
    diary: &mut Diary,
    history: &mut History,
) -> Result<Duration> {
    let (now, is_over) = (Instant::now(), AtomicBool::new(false));
    let round = diary.len();
    thread::scope(|scope| -> Result<()> {
        let ending = Ending(&is_over);
        let is_over = &is_over;
        let publish = |who| move || Publisher::new(who, stage, seed).publish_until(round, is_over);
        let publishers: Vec<_> = (0..PUBLISHERS).map(|who| scope.spawn(publish(who))).collect();
        for (due, fault) in faults::schedule(seed, length, HOSTS, HOSTS + PUBLISHERS) {
            wait_for("the next fault", || (now.elapsed() >= due).then_some(()));
            diary.push((begun.elapsed(), fault.clone()));
            stage.suffer(&fault).with_context(|| format!("cannot carry out {fault:?}"))?;
        }
        drop(ending);
        for publisher in publishers {
            history.changes.extend(publisher.join().map_err(|_| anyhow::anyhow!("a publisher panicked"))??);
        }
        Ok(())
    })?;
    stage.clear();
    let last = stage.append(&["put:end", "1"])?;
    stage.converge(&last)
}

/// All that was acknowledged is there, once, on every host alike; also for those who begin afresh.
fn settle(stage: &Stage, history: &History, report: &mut Report) -> Result<()> {
    report.count(history);
    let (snapshot, fresh) = afresh(stage)?;
    let log = logged(stage)?;
    let mut wrong = check::objections(&Model::of(&log), history);
    for seat in &stage.seats {
        let host = seat.up().context("a host is missing at the end")?;
        wrong.extend(served(&host, stage)?);
    }
    wrong.extend(served(&fresh, stage)?);
    let status = fresh.status()?;
    if snapshot["root"] != status["root"] {
        wrong.push(format!("sluice folds the log to {}, hosts to {}", snapshot["root"], status["root"]));
    }
    let model = Model::of(&log);
    model.outcomes.values().for_each(|outcome| *report.outcomes.entry(outcome.class).or_default() += 1);
    let server = stage.server.read().unwrap_or_else(PoisonError::into_inner);
    report.left = server.cli(&["XLEN", "sluice:{shop}:log"])?.parse()?;
    report.snapshots = server.cli(&["ZCARD", "sluice:{shop}:snapshots"])?.parse()?;
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// What the command line makes of the log, and a host that begins with an empty folder.
fn afresh(stage: &Stage) -> Result<(Value, Host)> {
    let file = stage.folder.path().join("end.snapshot");
    let file = file.to_str().context("the folder's name is UTF-8")?;
    let saved = stage.sluice.json(&["snapshot", "save", file])?;
    let verified = stage.sluice.json(&["snapshot", "verify", file])?;
    anyhow::ensure!(saved["root"] == verified["root"], "saved {saved}, verified {verified}");
    let fresh = Host::start(&stage.sluice, "edge-new", stage.folder.path().join("edge-new"), &[])?;
    fresh.reaches(saved["revision"].as_str().context("a snapshot has a revision")?);
    Ok((saved, fresh))
}

/// In what way a host serves something else than the log says, at the revision it is at.
fn served(host: &Host, stage: &Stage) -> Result<Option<String>> {
    let (listed, status) = wait_for("one revision in two answers", || {
        let listed = host.ask("GET", "/v1/keys?limit=10000", &[], &[]).ok()?.json();
        let status = host.status().ok()?;
        (listed["revision"] == status["revision"]).then_some((listed, status))
    });
    // Read behind the answers: keepers tick meanwhile.
    let (log, at) = (logged(stage)?, order(status["revision"].as_str().unwrap_or_default()));
    let seen = log.iter().take_while(|(revision, _)| order(revision) <= at).count();
    let model = Model::of(&log[..seen]);
    let rows = listed["keys"].as_array().context("keys are a list")?;
    let found: BTreeMap<&str, (Order, &str)> = rows
        .iter()
        .filter(|row| !row["key"].as_str().is_some_and(|key| key.starts_with("_sluice/components/")))
        .filter_map(|row| Some((row["key"].as_str()?, (order(row["revision"].as_str()?), row["value"].as_str()?))))
        .collect();
    let expected: BTreeMap<_, _> =
        model.keys().into_iter().filter(|(key, _)| !key.starts_with("_sluice/components/")).collect();
    let differing: Vec<_> =
        expected.keys().chain(found.keys()).filter(|key| expected.get(*key) != found.get(*key)).collect();
    if !differing.is_empty() {
        return Ok(Some(format!("{} serves another state at {at:?}: {differing:?}", host.id)));
    }
    if status["index"] != seen {
        return Ok(Some(format!("{} counts {} entries of {seen}: lost, or applied twice", host.id, status["index"])));
    }
    Ok(host.logged().contains("panicked").then(|| format!("{} panicked: {}", host.id, host.logged())))
}

fn logged(stage: &Stage) -> Result<Vec<(String, Fields)>> {
    let server = stage.server.read().unwrap_or_else(PoisonError::into_inner);
    aof::entries(server.folder(), "sluice:{shop}:log")
}
