//! A policy with blank fields that was everywhere within seconds. Google Cloud, 2025-06-12.

use anyhow::Result;
use sluice_live::Fleet;

use super::{bind, stand};

const SCHEMA: &str = r#"{"schema": {"type": "object", "required": ["quota", "location"], "properties": {
    "quota": {"type": "integer", "minimum": 1}, "location": {"type": "string", "minLength": 1}}}}"#;

#[test]
fn a_policy_with_blank_fields_is_nowhere_current_and_hosts_take_the_next_good_one() -> Result<()> {
    let mut fleet = Fleet::start(3)?;
    bind(&fleet, "json-schema", "policies/**", SCHEMA)?;
    let put = fleet.xadd(&["put:policies/quota.json", r#"{"quota": 100, "location": "eu"}"#])?;
    let good = fleet.converge(&put);
    for blank in [r#"{"quota": null, "location": ""}"#, r#"{"location": ""}"#, "{}", ""] {
        let bad = fleet.xadd(&["put:policies/quota.json", blank, "author", "automation"])?;
        assert!(fleet.verdict(&bad)?.starts_with("rejected: rule: "), "{blank:?}: {}", fleet.verdict(&bad)?);
    }
    stand(&mut fleet, &good)?;
    let fixed = fleet.xadd(&["put:policies/quota.json", r#"{"quota": 200, "location": "eu"}"#])?;
    fleet.converge(&fixed);
    assert_eq!(fleet.verdict(&fixed)?, "applied");
    Ok(())
}
