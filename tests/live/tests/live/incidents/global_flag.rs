//! A switch that went to the whole world at once. Cloudflare, 2025-12-05.

use anyhow::Result;
use sluice_live::Fleet;

use super::{bind, stand};

const RULES: &str = r#"{"rules": [{"expr": "new.rules.all(rule, rule.action != 'execute' || has(rule.execute))",
    "message": "a rule that executes has a set to execute", "pointer": "/rules"}]}"#;
const GOOD: &str =
    r#"{"rules": [{"id": "managed", "action": "execute", "execute": {"set": "managed"}}], "test": true}"#;
const KILLED: &str = r#"{"rules": [{"id": "managed", "action": "execute"}], "test": true}"#;
/// Well-formed by all rules anybody thought of.
const UNFORESEEN: &str = r#"{"rules": [], "test": false}"#;

#[test]
fn a_switch_that_breaks_what_others_assume_is_refused_where_a_rule_says_what_that_is() -> Result<()> {
    let mut fleet = Fleet::start(3)?;
    bind(&fleet, "expression", "waf/**", RULES)?;
    let put = fleet.xadd(&["put:waf/rules.json", GOOD])?;
    let good = fleet.converge(&put);
    let bad = fleet.xadd(&["put:waf/rules.json", KILLED, "reason", "switch the test tool off"])?;
    assert_eq!(fleet.verdict(&bad)?, "rejected: rule: a rule that executes has a set to execute");
    stand(&mut fleet, &good)
}

#[test]
fn a_switch_nobody_foresaw_is_everywhere_and_so_is_its_undoing() -> Result<()> {
    let mut fleet = Fleet::start(3)?;
    bind(&fleet, "expression", "waf/**", RULES)?;
    let put = fleet.xadd(&["put:waf/rules.json", GOOD])?;
    fleet.converge(&put);
    let bad = fleet.xadd(&["put:waf/rules.json", UNFORESEEN])?;
    assert_eq!(fleet.value("waf/rules.json", &bad)?, Some(UNFORESEEN.into()), "no roll-out by stages exists yet");
    let before = fleet.sluice.ok(&["get", "waf/rules.json", "--at", &put])?;
    let base = ["--base", &bad, "--wait=all", "--reason", "back to what was"];
    let undone = fleet.sluice.run(&[&["put", "waf/rules.json", &before], &base[..]].concat())?;
    assert!(undone.code == 0 && undone.stderr.contains("3 of 3 hosts have it"), "{undone:?}");
    for host in &fleet.hosts {
        assert_eq!(host.value("waf/rules.json")?, Some(GOOD.into()), "{}", host.id);
    }
    let good = fleet.hosts[0].status()?;
    stand(&mut fleet, &good)
}
