//! A store that came back empty and was taken at its word. ld-relay#141.

use anyhow::Result;
use sluice_live::{Fleet, wait_for};

use super::{many, stand, words};

#[test]
fn a_redis_restarted_without_its_data_empties_no_host() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    let good = fleet.converge(&fleet.xadd(&words(&many("flags", 40)))?);
    fleet.server.kill()?;
    fleet.server.resume_empty()?;
    // Whoever publishes now begins another log, which is not this one's next entry.
    let since = fleet.xadd(&["put:flags/000", "published since"])?;
    for host in &fleet.hosts {
        wait_for("a host to say that the log is another", || {
            (host.status().ok()?["source"]["state"] == "reset").then_some(())
        });
        assert_eq!(host.value("flags/000")?, Some(b"value 0".to_vec()));
    }
    stand(&mut fleet, &good)?;
    let from: Vec<String> = fleet.hosts.iter().map(|host| host.url("")).collect();
    fleet.sluice.ok(&["reseed", "--yes", "--from", &from[0], "--from", &from[1]])?;
    let healed = fleet.converge(&since);
    assert_eq!(
        healed["index"],
        good["index"].as_u64().map_or(0, |index| index + 1),
        "all there was, and what came since"
    );
    assert_eq!(fleet.value("flags/000", &since)?, Some(b"published since".to_vec()));
    assert_eq!(fleet.value("flags/039", &since)?, Some(b"value 39".to_vec()));
    Ok(())
}
