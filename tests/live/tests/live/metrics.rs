//! `/metrics`: Prometheus text 0.0.4 by its rules, with the names that are documented.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use sluice_live::{Fleet, Host, wait_for};

const OPERATING: &str = include_str!("../../../../docs/OPERATING.md");
const RECONNECTS: &str = "sluice_resyncs_total{why=\"reconnect\"}";

/// One family as it is exposed.
#[derive(Default)]
struct Family {
    help: usize,
    kind: String,
    /// Name with labels, and value, in order.
    samples: Vec<(String, f64)>,
}

fn scraped(host: &Host) -> Result<String> {
    let reply = host.ask("GET", "/metrics", &[], &[])?;
    assert_eq!((reply.code, reply.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    Ok(reply.text())
}

fn value(text: &str, sample: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or_else(|| panic!("{sample} is missing: {text}"))
}

/// The families by name, and what is wrong with the text.
fn read(text: &str) -> (BTreeMap<String, Family>, Vec<String>) {
    let (mut families, mut faults) = (BTreeMap::<String, Family>::new(), Vec::new());
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let Some(comment) = line.strip_prefix("# ") else {
            let Some((sample, Ok(number))) = line.rsplit_once(' ').map(|(sample, number)| (sample, number.parse()))
            else {
                faults.push(format!("no sample: {line}"));
                continue;
            };
            if family_of(sample, &families) != current {
                faults.push(format!("outside of its family, or without a TYPE: {line}"));
            }
            families.entry(current.clone()).or_default().samples.push((sample.to_owned(), number));
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        let (word, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (rest, family) = (words.next().unwrap_or_default(), families.entry(name.to_owned()).or_default());
        match word {
            "HELP" if !rest.is_empty() => family.help += 1,
            "TYPE" if family.kind.is_empty() && family.samples.is_empty() => family.kind = rest.to_owned(),
            _ => faults.push(format!("a second TYPE, or no comment that means anything: {line}")),
        }
        current = name.to_owned();
    }
    faults.extend(families.iter().flat_map(|(name, family)| family.faults(name)));
    (families, faults)
}

/// The family of a sample: `x_bucket` belongs to `x` when that is a histogram.
fn family_of(sample: &str, families: &BTreeMap<String, Family>) -> String {
    let name = sample.split('{').next().unwrap_or_default();
    let parts = ["_bucket", "_sum", "_count"].into_iter().filter_map(|part| name.strip_suffix(part));
    let of_histogram = |base: &&str| families.get(*base).is_some_and(|family| family.kind == "histogram");
    parts.into_iter().find(of_histogram).unwrap_or(name).to_owned()
}

impl Family {
    fn faults(&self, name: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let mut want = |holds: bool, what: &str| (!holds).then(|| faults.push(format!("{name}: {what}")));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        want(name.chars().all(is_name) && !name.starts_with(|c: char| c.is_ascii_digit()), "no name of a metric");
        want(self.help == 1, "not one HELP");
        want(["counter", "gauge", "histogram"].contains(&&*self.kind), "no TYPE");
        want(!self.samples.is_empty(), "no samples");
        want((self.kind == "counter") == name.ends_with("_total"), "counters, and they alone, end in _total");
        // Base units only, and none in the middle of a name.
        let units =
            ["_ms", "_millis", "_milliseconds", "_us", "_micros", "_minutes", "_hours", "_kb", "_mb", "_percent"];
        want(!units.iter().any(|unit| name.trim_end_matches("_total").ends_with(unit)), "not in a base unit");
        let distinct: BTreeSet<_> = self.samples.iter().map(|(sample, _)| sample).collect();
        want(distinct.len() == self.samples.len(), "a sample comes twice");
        want(self.samples.iter().all(|(sample, _)| labels(sample).is_some()), "labels that cannot be read");
        want(self.kind != "counter" || self.samples.iter().all(|(_, number)| *number >= 0.0), "a negative count");
        if self.kind == "histogram" {
            want(self.is_cumulative(name), "buckets that do not add up");
        }
        faults
    }

    /// Buckets rise, and the last is all there is, for every set of labels.
    fn is_cumulative(&self, name: &str) -> bool {
        let mut series: BTreeMap<Vec<(String, String)>, Vec<f64>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        for (sample, number) in &self.samples {
            let mut labels = labels(sample).unwrap_or_default();
            if sample.starts_with(&format!("{name}_bucket")) {
                labels.retain(|(label, _)| label != "le");
                series.entry(labels).or_default().push(*number);
            } else if sample.starts_with(&format!("{name}_count")) {
                counts.insert(labels, *number);
            }
        }
        let adds_up = |(labels, buckets): (&Vec<_>, &Vec<f64>)| {
            buckets.is_sorted() && buckets.last() == counts.get(labels) && buckets.len() > 1
        };
        !series.is_empty() && series.len() == counts.len() && series.iter().all(adds_up)
    }
}

/// The labels of a sample; none when they break the grammar. Values here have no quotes or commas in them.
fn labels(sample: &str) -> Option<Vec<(String, String)>> {
    let Some((_, rest)) = sample.split_once('{') else { return Some(Vec::new()) };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        (is_name && !value.contains(['"', '\\'])).then(|| (name.to_owned(), value.to_owned()))
    };
    rest.strip_suffix('}')?.split(',').map(pair).collect()
}

/// The names in the first column of the table.
fn documented() -> BTreeSet<String> {
    let rows = OPERATING.lines().filter(|line| line.starts_with("| `sluice_") || line.starts_with("| `process_"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn what_breaks_the_rules_of_the_text_is_found() {
    let good = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c\"} 1\n";
    assert_eq!(read(good).1, Vec::<String>::new());
    for (bad, what) in [
        ("a_total 1\n", "without a TYPE"),
        ("# TYPE a_total counter\na_total 1\n", "not one HELP"),
        ("# HELP a x\n# TYPE a counter\na 1\n", "_total"),
        ("# HELP a_ms x\n# TYPE a_ms gauge\na_ms 1\n", "base unit"),
        ("# HELP a x\n# TYPE a gauge\na 1\na 2\n", "twice"),
        ("# HELP a x\n# TYPE a gauge\na{b=c} 2\n", "labels"),
        ("# HELP a x\n# TYPE a gauge\na one\n", "no sample"),
        (
            "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
            "add up",
        ),
    ] {
        let faults = read(bad).1;
        assert!(faults.iter().any(|fault| fault.contains(what)), "{what}: {faults:?}");
    }
}

#[test]
fn the_text_keeps_its_rules_and_has_the_documented_names() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let bounds = ["--keys", "app/**", "--settings", r#"{"/max": [1, 100]}"#];
    fleet.sluice.ok(&[&["validator", "bind", "limits", "bounds"], &bounds[..]].concat())?;
    fleet.sluice.ok(&["put", "app/a-key-of-mine.json", r#"{"max": 7}"#])?;
    assert_eq!(fleet.sluice.run(&["put", "app/a-key-of-mine.json", r#"{"max": 700}"#])?.code, 1);
    // The first request is counted when it is answered.
    let text = scraped(&fleet.hosts[0]).and_then(|_| scraped(&fleet.hosts[0]))?;
    let (families, faults) = read(&text);
    assert_eq!(faults, Vec::<String>::new(), "{text}");
    assert!(!text.contains("a-key-of-mine"), "a key is never a label: {text}");
    let names: BTreeSet<String> = families.into_keys().collect();
    // Hosts in tests keep no snapshots and have no masters of locks, but where that is the point.
    let mut documented = documented();
    let elsewhere = ["sluice_snapshot_", "sluice_history_", "sluice_lock_"];
    documented.retain(|name| elsewhere.iter().all(|prefix| !name.starts_with(prefix)));
    assert_eq!(names.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "undocumented");
    assert_eq!(documented.difference(&names).collect::<Vec<_>>(), Vec::<&String>::new(), "not there");
    Ok(())
}

#[test]
fn numbers_follow_what_happens() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let host = &fleet.hosts[0];
    fleet.sluice.ok(&["put", "k", "1"])?;
    assert_eq!(value(&scraped(host)?, "sluice_refused_keys"), 0.0);
    let wrong = fleet.xadd(&["put:k", "2", "base:k", "7-7"])?;
    host.passes(&wrong);
    assert_eq!(value(&scraped(host)?, "sluice_refused_keys"), 1.0);
    let right = fleet.xadd(&["put:k", "3"])?;
    host.passes(&right);
    let text = scraped(host)?;
    assert_eq!(value(&text, "sluice_refused_keys"), 0.0);
    wait_for("a report that has it all", || {
        (value(&scraped(host).ok()?, "sluice_log_lag_entries") == 0.0).then_some(())
    });
    assert!(value(&text, "process_resident_memory_bytes") > (1 << 20) as f64, "{text}");
    assert!(value(&text, "process_open_fds") > 3.0, "{text}");
    Ok(())
}

#[test]
fn a_log_that_goes_and_comes_back_is_seen() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    let state = |fleet: &Fleet, state: &str| {
        let sample = format!("sluice_source_state{{state=\"{state}\"}}");
        Ok::<_, anyhow::Error>(value(&scraped(&fleet.hosts[0])?, &sample))
    };
    let resyncs = |fleet: &Fleet| Ok::<_, anyhow::Error>(value(&scraped(&fleet.hosts[0])?, RECONNECTS));
    fleet.hosts[0].passes(&fleet.xadd(&["put:k", "1"])?);
    assert_eq!((state(&fleet, "ok")?, state(&fleet, "away")?, resyncs(&fleet)?), (1.0, 0.0, 0.0));
    fleet.server.kill()?;
    wait_for("the log to be missed", || (state(&fleet, "away").ok()? == 1.0).then_some(()));
    assert_eq!(state(&fleet, "ok")?, 0.0);
    fleet.server.resume()?;
    wait_for("the log to be there again", || (state(&fleet, "ok").ok()? == 1.0).then_some(()));
    assert_eq!((state(&fleet, "away")?, resyncs(&fleet)?), (0.0, 1.0));
    Ok(())
}
