//! `sluice lock doctor`: what is wrong with the masters of locks, or soon will be, and what to do about it.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::commands::doctor::{Finding, Grade};
use crate::exit::{Ended, usage};
use crate::output::Table;
use crate::space::Context;
use crate::utc::ago;
use crate::wiring::edges::{Census, Clock as _, LockSeen, LockSettings, Machine, MasterStanding, ServerFacts};
use crate::wiring::{self, locks};

/// Clocks of masters apart by more than this, in ms. Tokens stay right; only after most memories are lost do they go by it.
const APART_MS: u64 = 1_000;

pub fn run(context: &Context, settings: &LockSettings) -> Result<Ended> {
    let findings = context.run(look(settings))?;
    let row = |(master, finding): &(String, Finding)| {
        vec![json!(master), json!(finding.check), json!(finding.grade.word()), json!(finding.found), json!(finding.fix)]
    };
    let rows = findings.iter().map(row).collect();
    let columns = vec!["master", "check", "grade", "found", "fix"];
    context.output.many("LockDoctor", &Table { columns, wide_from: 5, rows })?;
    let has_failed = findings.iter().any(|(_, finding)| finding.grade == Grade::Fail);
    Ok(if has_failed { Ended::No } else { Ended::Yes })
}

/// All there is to say of the masters, each with its address; what concerns all of them has none.
pub async fn look(settings: &LockSettings) -> Result<Vec<(String, Finding)>> {
    let census = Census::new(settings).map_err(usage)?;
    let redlock = locks::redlock(settings)?;
    locks::connected(&redlock, settings.masters.len(), Duration::from_millis(settings.connect_ms * 2)).await;
    let (mut findings, mut skews, mut voting) = (Vec::new(), Vec::new(), 0);
    let names = census.all().await;
    for (((master, standing, trouble), url), names) in redlock.masters().into_iter().zip(&settings.masters).zip(names) {
        let mut told = |finding: Finding| findings.push((master.clone(), finding));
        voting += usize::from(standing == Some(MasterStanding::Admitted));
        told(vote(standing, trouble));
        let facts = wiring::server(url)?.server_facts().await;
        if let Ok(facts) = facts {
            told(role(&facts));
            told(eviction(&facts));
            told(persistence(&facts, settings));
            skews.push(facts.skew_ms);
        }
        if let Ok(names) = names {
            told(times(names.iter(), settings));
        }
    }
    findings.push((String::new(), clocks(&skews)));
    findings.push((String::new(), quorum(voting, settings.masters.len())));
    Ok(findings)
}

fn vote(standing: Option<MasterStanding>, trouble: Option<String>) -> Finding {
    let fix = "see that it runs, is a master, and that the URL and the rights are right";
    match (standing, trouble) {
        (Some(MasterStanding::Admitted), None) => Finding::ok("vote", "it has a vote"),
        (Some(MasterStanding::Admitted), Some(why)) => Finding::warn("vote", format!("it has a vote, but {why}"), fix),
        (Some(MasterStanding::Gated { opens_ms }), _) => {
            let left = ago(opens_ms.saturating_sub(Machine.now_ms()));
            let found = format!("it was started lately and may have forgotten locks: no vote for {left} yet");
            Finding::warn("vote", found, "wait; if all masters are new, sluice lock init gives it at once")
        }
        (None, trouble) => Finding::fail("vote", trouble.unwrap_or_else(|| "it does not answer".to_owned()), fix),
    }
}

fn role(facts: &ServerFacts) -> Finding {
    match (facts.role.as_str(), facts.replicas) {
        ("master", 0) => Finding::ok("role", format!("master, {} {}", facts.server, facts.version)),
        ("master", replicas) => Finding::warn(
            "role",
            format!("master with {replicas} replicas"),
            "a replica that is promoted may lack locks: let nothing promote one, masters need none",
        ),
        ("", _) => Finding::warn("role", "it does not tell", "allow the command INFO"),
        (_, _) => Finding::fail("role", "a replica: what it has may be lost", "name its primary, or another server"),
    }
}

fn eviction(facts: &ServerFacts) -> Finding {
    let fix = "a lock thrown out is a lock for two: config set maxmemory-policy noeviction";
    match (facts.maxmemory_policy.as_str(), facts.memory_max) {
        ("noeviction", _) => Finding::ok("eviction", "noeviction"),
        ("", _) => Finding::warn("eviction", "it does not tell", "see that maxmemory-policy is noeviction"),
        (policy, 0) => Finding::warn("eviction", format!("{policy}, but no maxmemory"), fix),
        (policy, _) => Finding::fail("eviction", policy, fix),
    }
}

fn persistence(facts: &ServerFacts, settings: &LockSettings) -> Finding {
    let gate = ago(locks::gate(settings).as_millis() as u64);
    let kept = match facts.is_appendonly {
        true => "append-only file",
        false if facts.save.as_deref().is_some_and(|save| !save.is_empty()) => "images",
        false => "none",
    };
    Finding::ok("persistence", format!("{kept}: after a restart it has no vote for {gate}, whatever it kept"))
}

/// Locks that last longer than the gate for lost memories.
fn times<'a>(names: impl Iterator<Item = (&'a String, &'a LockSeen)>, settings: &LockSettings) -> Finding {
    let (mut long, mut ever, mut held) = (Vec::new(), Vec::new(), 0);
    for (name, seen) in names.filter(|(_, seen)| seen.value.is_some()) {
        held += 1;
        match seen.left_ms {
            None => ever.push(name.as_str()),
            Some(left_ms) if left_ms > settings.ttl_max_ms => long.push(name.as_str()),
            Some(_) => (),
        }
    }
    let most = ago(settings.ttl_max_ms);
    match (&ever[..], &long[..]) {
        ([], []) => Finding::ok("times", format!("{held} locks, none for longer than {most}")),
        ([], long) => Finding::warn(
            "times",
            format!("{} last longer than {most}: a restart of this master can give them to two", long.join(", ")),
            "agree on one ttl_max (SLUICE_LOCK_TTL_MAX, locks.ttl_max) with all who share the masters",
        ),
        (ever, _) => Finding::fail(
            "times",
            format!("{} never end: nobody else can ever have them", ever.join(", ")),
            "see who set them; sluice lock break NAME",
        ),
    }
}

fn clocks(skews: &[i64]) -> Finding {
    let (Some(least), Some(most)) = (skews.iter().min(), skews.iter().max()) else {
        return Finding::warn("clocks", "no master tells", "see the rows above");
    };
    let apart = most.abs_diff(*least);
    let ours = ago(most.unsigned_abs().max(least.unsigned_abs()));
    let found = format!("masters {} apart, {ours} from this machine's at most", ago(apart));
    match apart > APART_MS || most.unsigned_abs().max(least.unsigned_abs()) > APART_MS {
        true => Finding::warn("clocks", found, "run a time service on all of them, that slews and does not step"),
        false => Finding::ok("clocks", found),
    }
}

fn quorum(voting: usize, masters: usize) -> Finding {
    let (found, wanted) = (format!("{voting} of {masters} masters have a vote"), masters / 2 + 1);
    match (voting < wanted, voting == wanted && masters > 1) {
        (true, _) => {
            Finding::fail("quorum", format!("{found}, {wanted} must: nobody gets a lock"), "see the rows above")
        }
        (false, true) => Finding::warn("quorum", format!("{found}, and no less may"), "see the rows above"),
        (false, false) => Finding::ok("quorum", found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Grade::{Fail, Ok, Warn};

    fn master() -> ServerFacts {
        let (role, maxmemory_policy) = ("master".to_owned(), "noeviction".to_owned());
        ServerFacts { role, maxmemory_policy, ..ServerFacts::default() }
    }

    #[test]
    fn what_endangers_locks_is_told_with_its_remedy() {
        assert_eq!((role(&master()).grade, eviction(&master()).grade), (Ok, Ok));
        assert_eq!(role(&ServerFacts { role: "slave".to_owned(), ..master() }).grade, Fail);
        assert_eq!(role(&ServerFacts { replicas: 1, ..master() }).grade, Warn);
        let evicting = ServerFacts { maxmemory_policy: "allkeys-lru".to_owned(), memory_max: 1 << 20, ..master() };
        assert_eq!(eviction(&evicting).grade, Fail);
        assert_eq!(
            (quorum(2, 5).grade, quorum(3, 5).grade, quorum(5, 5).grade, quorum(1, 1).grade),
            (Fail, Warn, Ok, Ok)
        );
        assert_eq!((clocks(&[5, -5]).grade, clocks(&[5, 5_000]).grade, clocks(&[]).grade), (Ok, Warn, Warn));
    }

    #[test]
    fn a_lock_that_lasts_too_long_is_named() {
        let settings = LockSettings { ttl_max_ms: 60_000, ..LockSettings::new(["redis://h"]) };
        let seen = |left_ms| LockSeen { value: Some("x".to_owned()), left_ms, token: None };
        let look = |left_ms| times([(&"a".to_owned(), &seen(left_ms))].into_iter(), &settings);
        assert_eq!(look(Some(60_000)).grade, Ok);
        assert_eq!((look(Some(60_001)).grade, look(None).grade), (Warn, Fail));
        assert!(look(Some(90_000)).found.starts_with("a last longer than 1m"));
    }
}
