//! `sluice doctor`: what is wrong, or soon will be, and what to do about it.

mod disk;
mod log;
mod rights;
pub mod server;

use anyhow::Result;
use serde_json::json;
use sluice_node::hub::wall_ms;

use crate::cli::Doctor;
use crate::commands::{lock, status::fleet};
use crate::exit::Ended;
use crate::output::Table;
use crate::space::{Context, Space};
use crate::wiring::edges::{BUILT_IN, library};
use crate::wiring::locks;

/// One thing looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub check: &'static str,
    pub grade: Grade,
    pub found: String,
    /// What to do about it; empty when all is well.
    pub fix: String,
}

/// How it is. Later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    pub fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, grade: Grade::Ok, found: found.into(), fix: String::new() }
    }

    pub fn warn(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check, grade: Grade::Warn, found: found.into(), fix: fix.into() }
    }

    pub fn fail(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check, grade: Grade::Fail, found: found.into(), fix: fix.into() }
    }
}

impl Grade {
    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Grade::Ok => "OK",
            Grade::Warn => "WARN",
            Grade::Fail => "FAIL",
        }
    }
}

pub fn run(context: &Context, args: &Doctor) -> Result<Ended> {
    let space = context.space()?;
    let mut findings = context.run(async {
        let mut findings = of_redis(&space).await;
        findings.push(of_validators());
        Ok(findings)
    })?;
    if let Some(folder) = &args.data {
        findings.extend(disk::look(folder));
    }
    if args.masters.masters.iter().any(|url| !url.is_empty()) {
        let settings = locks::settings(args.masters.masters.clone(), args.masters.ttl_max)?;
        for (master, finding) in context.run(lock::doctor::look(&settings))? {
            let found = if master.is_empty() { finding.found } else { format!("{master}: {}", finding.found) };
            findings.push(Finding { check: "locks", found, ..finding });
        }
    }
    let row = |finding: &Finding| {
        vec![json!(finding.check), json!(finding.grade.word()), json!(finding.found), json!(finding.fix)]
    };
    let rows = findings.iter().map(row).collect();
    context.output.many("Doctor", &Table { columns: vec!["check", "grade", "found", "fix"], wide_from: 4, rows })?;
    let has_failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
    Ok(if has_failed { Ended::No } else { Ended::Yes })
}

async fn of_redis(space: &Space) -> Vec<Finding> {
    let facts = match space.redis.server_facts().await {
        Ok(facts) => facts,
        Err(lost) => {
            return vec![Finding::fail("redis", lost.0, "see that it runs and that --redis is its address")];
        }
    };
    let mut findings = server::look(&facts, space.redis.address());
    let fleet = fleet(space).await;
    match space.redis.stream().await {
        Ok(stream) => {
            let reports = fleet.iter().flat_map(|fleet| fleet.live());
            let reported = reports.filter_map(|report| report.revision.parse().ok()).max();
            let server_ms = wall_ms().saturating_add_signed(facts.skew_ms);
            findings.extend([log::look(stream.as_ref(), reported), log::revisions(stream.as_ref(), server_ms)]);
        }
        Err(lost) => findings.push(Finding::fail("log", lost.0, "see the rights below")),
    }
    findings.push(match space.snapshots().known().await {
        Ok(known) => server::snapshot(known.first(), wall_ms()),
        Err(lost) => Finding::fail("snapshot", lost.0, "write a new one with sluice snapshot write"),
    });
    findings.extend(rights::look(&facts.rights, facts.user.as_deref(), &space.redis.pattern()));
    findings.push(match fleet {
        Ok(fleet) if fleet.is_converged() => Finding::ok("hosts", fleet.summary()),
        Ok(fleet) => Finding::warn("hosts", fleet.summary(), "look with sluice status"),
        Err(error) => Finding::fail("hosts", format!("{error:#}"), "see the rights above"),
    });
    findings
}

/// Whether the engine works here, and what a first use of a validator costs.
fn of_validators() -> Finding {
    let tried = library().map(|library| {
        let (name, bytes) = BUILT_IN[0];
        (name, tokio::task::block_in_place(|| library.inspect(bytes)))
    });
    match tried {
        Ok((name, inspection)) => match inspection.refusal {
            None => Finding::ok("validators", format!("{name} compiles in {} ms", inspection.compile_time.as_millis())),
            Some(why) => Finding::fail("validators", format!("{name} {why}"), "this build is broken: report it"),
        },
        Err(error) => {
            Finding::fail("validators", format!("{error:#}"), "free address space, or see to the cache folder")
        }
    }
}
