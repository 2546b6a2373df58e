//! What the hosts' reports say together.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::output::Table;
use crate::utc::ago;
use crate::wiring::edges::{HostReport, Seen, ServerFacts, StreamFacts};

/// Hex digits of a root digest shown to people: enough to tell two apart.
const ROOT_DIGITS: usize = 12;

/// All hosts heard of lately, and the log they follow.
pub struct Fleet {
    pub hosts: Vec<Seen>,
    pub log: Option<StreamFacts>,
    /// The server it is on, as far as it tells.
    pub server: Option<ServerFacts>,
    pub now_ms: u64,
}

impl Fleet {
    /// The hosts that live.
    pub fn live(&self) -> impl Iterator<Item = &HostReport> {
        self.hosts.iter().filter_map(|seen| seen.report.as_ref())
    }

    /// Whether there are live hosts, all of them at one revision with one state and one history, and none
    /// of them holds a change back.
    pub fn is_converged(&self) -> bool {
        let places: BTreeSet<_> = self.live().map(|report| (&report.revision, &report.root, &report.chain)).collect();
        places.len() == 1 && self.live().all(|report| held(report) == 0)
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let (live, silent) = (self.live().count(), self.hosts.iter().filter(|seen| seen.report.is_none()).count());
        let silent = if silent == 0 { String::new() } else { format!(", {silent} silent") };
        let hosts = if live == 1 { "1 host".to_owned() } else { format!("{live} hosts") };
        let revisions: BTreeSet<&str> = self.live().map(|report| report.revision.as_str()).collect();
        let holding = self.live().filter(|report| held(report) > 0).count();
        match (self.is_converged(), revisions.first()) {
            (_, None) => format!("no host is up{silent}"),
            (true, Some(revision)) => format!("{hosts}, converged at {revision}{silent}"),
            (false, Some(_)) if holding > 0 => {
                format!("{hosts}, not converged: {holding} cannot decide a change{silent}")
            }
            (false, Some(revision)) if revisions.len() == 1 => {
                format!("{hosts}, not converged: different states at {revision}{silent}")
            }
            (false, Some(_)) => format!("{hosts}, not converged: {} revisions{silent}", revisions.len()),
        }
    }

    /// The server in one line for people; none when it tells nothing.
    pub fn server(&self) -> Option<String> {
        let facts = self.server.as_ref().filter(|facts| !facts.role.is_empty())?;
        let role = match (facts.role.as_str(), facts.replicas) {
            ("master", 1) => "primary with 1 replica".to_owned(),
            ("master", replicas) => format!("primary with {replicas} replicas"),
            _ => "a replica".to_owned(),
        };
        let kept = match (facts.is_appendonly, facts.save.as_deref()) {
            (true, _) => "append-only file",
            (false, Some("")) => "kept in memory only",
            (false, _) => "images only",
        };
        let ServerFacts { place, server, version, maxmemory_policy, .. } = facts;
        Some(format!("{server} {version} at {place}: {role}, {kept}, {maxmemory_policy}"))
    }

    /// One row a host; for people digests are short and ages have units.
    pub fn table(&self, is_short: bool) -> Table {
        let age = if is_short { "age" } else { "ageMs" };
        let columns = vec![
            "host", "revision", "behind", "root", "keys", "held", "refusals", "state", age, "address", "version",
            "chain",
        ];
        let rows = self.hosts.iter().map(|seen| self.row(seen, is_short)).collect();
        Table { columns, wide_from: 9, rows }
    }

    fn row(&self, seen: &Seen, is_short: bool) -> Vec<Value> {
        let age_ms = self.now_ms.saturating_sub(seen.seen_ms);
        let age = if is_short { json!(ago(age_ms)) } else { json!(age_ms) };
        let digest = |text: &str| json!(if is_short { text.get(..ROOT_DIGITS).unwrap_or(text) } else { text });
        let Some(report) = &seen.report else {
            let mut row = vec![Value::Null; 12];
            (row[0], row[7], row[8]) = (json!(seen.host), json!("silent"), age);
            return row;
        };
        vec![
            json!(report.host),
            json!(report.revision),
            json!(self.behind(report)),
            digest(&report.root),
            json!(report.keys),
            json!(held(report)),
            json!(report.refusals.len()),
            json!(state(report)),
            age,
            json!(report.address),
            json!(report.version),
            digest(&report.chain),
        ]
    }

    /// Entries of the log the host has not decided; none when nobody can tell.
    fn behind(&self, report: &HostReport) -> Option<u64> {
        let log = self.log.as_ref()?;
        log.behind(report.revision.parse().ok()?, report.index)
    }
}

/// Changes a host cannot decide.
fn held(report: &HostReport) -> usize {
    report.held.len() + report.held_others.len()
}

/// What keeps a host from going on, the worst first.
pub fn state(report: &HostReport) -> &'static str {
    if report.probation.is_some() {
        return "probation";
    }
    match (&report.store, &report.source, held(report)) {
        (Some(_), _, _) => "store-away",
        (None, Some(_), _) if report.rift.is_some() => "source-odd",
        (None, Some(_), _) => "source-away",
        (None, None, 0) => "ok",
        (None, None, _) => "holding",
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::Revision;

    use super::*;

    fn seen(host: &str, revision: &str, root: &str, held: usize) -> Seen {
        let report = HostReport {
            host: host.to_owned(),
            revision: revision.to_owned(),
            root: root.repeat(64),
            held_others: vec!["4-0".to_owned(); held],
            index: 3,
            ..HostReport::default()
        };
        Seen { host: host.to_owned(), seen_ms: 1_000, report: Some(report) }
    }

    fn fleet(hosts: Vec<Seen>) -> Fleet {
        let last = Revision { ms: 5, seq: 0 };
        let log = StreamFacts { length: 4, last, first: None, newest: None, added: Some(4) };
        Fleet { hosts, log: Some(log), server: None, now_ms: 3_500 }
    }

    #[track_caller]
    fn says(hosts: Vec<Seen>, is_converged: bool, summary: &str) {
        let fleet = fleet(hosts);
        assert_eq!((fleet.is_converged(), fleet.summary().as_str()), (is_converged, summary));
    }

    #[test]
    fn a_fleet_is_converged_when_all_live_hosts_are_alike_and_decided() {
        let silent = || Seen { host: "d".to_owned(), seen_ms: 0, report: None };
        says(vec![], false, "no host is up");
        says(vec![silent()], false, "no host is up, 1 silent");
        says(vec![seen("a", "5-0", "a", 0)], true, "1 host, converged at 5-0");
        says(
            vec![seen("a", "5-0", "a", 0), seen("b", "5-0", "a", 0), silent()],
            true,
            "2 hosts, converged at 5-0, 1 silent",
        );
        says(vec![seen("a", "5-0", "a", 0), seen("b", "4-0", "a", 0)], false, "2 hosts, not converged: 2 revisions");
        says(
            vec![seen("a", "5-0", "a", 0), seen("b", "5-0", "b", 0)],
            false,
            "2 hosts, not converged: different states at 5-0",
        );
        says(
            vec![seen("a", "5-0", "a", 0), seen("b", "5-0", "a", 1)],
            false,
            "2 hosts, not converged: 1 cannot decide a change",
        );
    }

    #[test]
    fn the_server_is_told_in_one_line_or_not_at_all() {
        let facts = ServerFacts {
            place: "10.0.0.1:6379".to_owned(),
            server: "redis".to_owned(),
            version: "7.2.1".to_owned(),
            role: "master".to_owned(),
            replicas: 1,
            is_appendonly: true,
            maxmemory_policy: "noeviction".to_owned(),
            ..ServerFacts::default()
        };
        let line = |server| Fleet { server, ..fleet(vec![]) }.server();
        let told = "redis 7.2.1 at 10.0.0.1:6379: primary with 1 replica, append-only file, noeviction";
        assert_eq!(line(Some(facts)).as_deref(), Some(told));
        assert_eq!((line(None), line(Some(ServerFacts::default()))), (None, None));
    }

    #[test]
    fn a_row_tells_people_and_programs_the_same() {
        let fleet = fleet(vec![seen("a", "4-0", "a", 0)]);
        let row = |is_short| Value::from(fleet.table(is_short).rows[0][..9].to_vec()).to_string();
        assert_eq!(row(true), r#"["a","4-0",1,"aaaaaaaaaaaa",0,0,0,"ok","2s"]"#);
        assert_eq!(row(false), format!(r#"["a","4-0",1,"{}",0,0,0,"ok",2500]"#, "a".repeat(64)));
    }
}
