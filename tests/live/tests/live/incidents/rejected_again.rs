//! A refused resource that is sent again at once, for ever. go-control-plane#962.

use anyhow::Result;
use sluice_live::{Fleet, Host};

use super::{bind, stand};

/// How often the validator said no on this host.
fn rejections(host: &Host) -> Result<String> {
    let text = host.ask("GET", "/metrics", &[], &[])?.text();
    let line =
        text.lines().find(|line| line.starts_with("sluice_validator_verdicts_total{") && line.contains("reject"));
    Ok(line.and_then(|line| line.rsplit(' ').next()).unwrap_or("0").to_owned())
}

#[test]
fn a_refused_change_is_judged_once_and_never_comes_again() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    bind(&fleet, "bounds", "app/**", r#"{"/max": [0, 100]}"#)?;
    fleet.xadd(&["put:app/a", r#"{"max": 1}"#])?;
    let bad = fleet.xadd(&["put:app/a", r#"{"max": 101}"#, "token", "t"])?;
    assert!(fleet.verdict(&bad)?.starts_with("rejected: "), "{}", fleet.verdict(&bad)?);
    let mut last = bad;
    for at in 0..30 {
        last = fleet.xadd(&["put:web/a", &at.to_string()])?;
    }
    // A publisher that sends it again with its token is told so, and no validator is asked.
    let again = fleet.xadd(&["put:app/a", r#"{"max": 101}"#, "token", "t"])?;
    assert!(last < again && fleet.verdict(&again)?.starts_with("duplicate: "), "{}", fleet.verdict(&again)?);
    let good = fleet.converge(&again);
    for host in &fleet.hosts {
        assert_eq!(rejections(host)?, "1", "{}", host.id);
    }
    stand(&mut fleet, &good)?;
    for host in &fleet.hosts {
        assert_eq!(rejections(host)?, "0", "{} judged it again after its restart", host.id);
    }
    Ok(())
}
