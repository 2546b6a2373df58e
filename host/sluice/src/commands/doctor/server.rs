//! Redis, as an operator should know it before trusting it with a fleet.

use sluice_node::Kept;

use super::{Finding, Grade};
use crate::utc::ago;
use crate::wiring::edges::ServerFacts;

/// A round trip past this, in µs, delays every change more than anything else does.
const PING_SLOW_US: u64 = 20_000;
/// Clocks apart by more than this, in ms, make ages and log time misleading; by the second, senseless.
const SKEW_MS: (u64, u64) = (1_000, 60_000);
/// Used in percent of what there is, from which on there soon is none left.
const FULL_PERCENT: u64 = 80;

/// What is found where the server keeps silent.
const UNTOLD: &str = "it does not tell";

/// What the server says about itself.
pub fn look(facts: &ServerFacts, address: &str) -> Vec<Finding> {
    vec![
        reach(facts, address),
        version(facts),
        role(facts),
        eviction(facts),
        memory(facts),
        persistence(facts),
        clients(facts),
        clock(facts),
    ]
}

/// What may cost the log, and would not show before it does.
pub fn dangers(facts: &ServerFacts) -> Vec<Finding> {
    let looked = [role(facts), eviction(facts), memory(facts), persistence(facts)];
    // What it does not tell is no news to anybody who looks again and again.
    let is_told = |finding: &Finding| finding.grade > Grade::Ok && finding.found != UNTOLD;
    looked.into_iter().filter(is_told).collect()
}

fn reach(facts: &ServerFacts, address: &str) -> Finding {
    // Who that is now, where the address alone does not tell.
    let place = match address.ends_with(&facts.place) {
        true => String::new(),
        false => format!(" by {}", facts.place),
    };
    let found = format!("{address} answers{place} in {} µs", facts.ping_us);
    match facts.ping_us > PING_SLOW_US {
        true => {
            Finding::warn("redis", found, "every change waits for this: bring the host closer, or look at the network")
        }
        false => Finding::ok("redis", found),
    }
}

fn version(facts: &ServerFacts) -> Finding {
    let found = format!("{} {}", facts.server, facts.version);
    let major = facts.version.split('.').next().and_then(|major| major.parse::<u64>().ok());
    match major {
        Some(0..5) => Finding::fail("version", found, "it has no streams: upgrade to Redis 7 or Valkey"),
        Some(5..7) => {
            Finding::warn("version", found, "it tells less about log and rights: upgrade to Redis 7 or Valkey")
        }
        Some(7..) => Finding::ok("version", found),
        None => Finding::warn("version", UNTOLD, "allow the command INFO to see more"),
    }
}

fn role(facts: &ServerFacts) -> Finding {
    match facts.role.as_str() {
        "master" => Finding::ok("role", format!("primary with {} replicas", facts.replicas)),
        "slave" => Finding::fail("role", "a replica: nothing can be published to it", "give the primary's URL"),
        "" => Finding::warn("role", UNTOLD, "allow the command INFO to see more"),
        other => Finding::warn("role", other, "give the URL of a primary"),
    }
}

fn eviction(facts: &ServerFacts) -> Finding {
    let fix = "one key thrown out can be the whole log: config set maxmemory-policy noeviction";
    match (facts.maxmemory_policy.as_str(), facts.memory_max) {
        ("noeviction", _) => Finding::ok("eviction", "noeviction"),
        ("", _) => Finding::warn("eviction", UNTOLD, "see that maxmemory-policy is noeviction"),
        (policy, 0) => Finding::warn("eviction", format!("{policy}, but no maxmemory"), fix),
        (policy, _) => Finding::fail("eviction", policy, fix),
    }
}

fn memory(facts: &ServerFacts) -> Finding {
    let used = facts.memory_used / 1024;
    match facts.memory_max {
        0 => Finding::ok("memory", format!("{used} KiB used, no limit")),
        max if is_nearly_full(facts.memory_used, max) => {
            let found = format!("{used} of {} KiB used", max / 1024);
            Finding::warn("memory", found, "when it is full nothing can be published: raise maxmemory")
        }
        max => Finding::ok("memory", format!("{used} of {} KiB used", max / 1024)),
    }
}

fn persistence(facts: &ServerFacts) -> Finding {
    match (facts.is_appendonly, facts.save.as_deref()) {
        (true, _) => Finding::ok("persistence", "append-only file"),
        (false, Some("")) => Finding::warn(
            "persistence",
            "none: a restart empties the log",
            "config set appendonly yes, and in its file",
        ),
        (false, save) => {
            let found = format!("images only{}", save.map(|save| format!(" (save {save})")).unwrap_or_default());
            Finding::warn(
                "persistence",
                found,
                "a crash loses the newest changes: config set appendonly yes, and in its file",
            )
        }
    }
}

fn clients(facts: &ServerFacts) -> Finding {
    let found = match facts.clients_max {
        0 => format!("{} connected", facts.clients),
        max => format!("{} of {max} connected", facts.clients),
    };
    match facts.clients_max > 0 && is_nearly_full(facts.clients, facts.clients_max) {
        true => Finding::warn("clients", found, "further hosts will be turned away: raise maxclients"),
        false => Finding::ok("clients", found),
    }
}

fn clock(facts: &ServerFacts) -> Finding {
    let skew = facts.skew_ms.unsigned_abs();
    let found = format!("{} {} this machine's", ago(skew), if facts.skew_ms < 0 { "behind" } else { "ahead of" });
    let fix = "revisions carry its clock: run a time service on both machines";
    match skew {
        _ if skew >= SKEW_MS.1 => Finding::fail("clock", found, fix),
        _ if skew >= SKEW_MS.0 => Finding::warn("clock", found, fix),
        _ => Finding::ok("clock", found),
    }
}

/// What a new host begins with.
pub fn snapshot(newest: Option<&Kept>, now_ms: u64) -> Finding {
    match newest {
        Some(kept) => {
            let age = ago(now_ms.saturating_sub(kept.written_at_ms));
            let (revision, keys, host) = (kept.revision, kept.keys, &kept.host);
            Finding::ok(
                "snapshot",
                format!("{revision}, {keys} keys, {} KiB, {age} old, by {host}", kept.stored_bytes / 1024),
            )
        }
        None => Finding::ok("snapshot", "none yet: new hosts fold all of the log"),
    }
}

fn is_nearly_full(used: u64, max: u64) -> bool {
    used >= max / 100 * FULL_PERCENT
}

#[cfg(test)]
mod tests {
    use super::super::Grade::{Fail, Ok, Warn};
    use super::*;

    fn facts() -> ServerFacts {
        ServerFacts {
            server: "redis".to_owned(),
            version: "7.0.11".to_owned(),
            role: "master".to_owned(),
            maxmemory_policy: "noeviction".to_owned(),
            is_appendonly: true,
            ..ServerFacts::default()
        }
    }

    #[test]
    fn a_well_kept_server_has_no_faults() {
        let findings = look(&facts(), "redis://h:6379");
        assert!(findings.iter().all(|finding| finding.grade == Ok && finding.fix.is_empty()), "{findings:?}");
        assert_eq!(
            (dangers(&facts()), dangers(&ServerFacts { is_appendonly: true, ..ServerFacts::default() })),
            (vec![], vec![])
        );
    }

    #[test]
    fn what_endangers_the_log_is_told_with_its_remedy() {
        let evicting = |memory_max| ServerFacts { maxmemory_policy: "allkeys-lru".to_owned(), memory_max, ..facts() };
        assert_eq!((eviction(&evicting(0)).grade, eviction(&evicting(1 << 30)).grade), (Warn, Fail));
        let unsaved = ServerFacts { is_appendonly: false, save: Some(String::new()), ..facts() };
        assert_eq!(persistence(&unsaved).grade, Warn);
        assert_eq!(role(&ServerFacts { role: "slave".to_owned(), ..facts() }).grade, Fail);
        assert_eq!(version(&ServerFacts { version: "4.0.9".to_owned(), ..facts() }).grade, Fail);
        assert_eq!(version(&ServerFacts { version: "6.2.1".to_owned(), ..facts() }).grade, Warn);
        assert_eq!(clock(&ServerFacts { skew_ms: -5_000, ..facts() }).grade, Warn);
        assert_eq!(clock(&ServerFacts { skew_ms: 90_000, ..facts() }).grade, Fail);
        assert_eq!(memory(&ServerFacts { memory_used: 90, memory_max: 100, ..facts() }).grade, Warn);
        assert_eq!(dangers(&evicting(1))[0].check, "eviction");
        assert_eq!(clients(&ServerFacts { clients: 9_000, clients_max: 10_000, ..facts() }).grade, Warn);
    }
}
