//! A store that came back empty and was taken at its word. ld-relay#141.

use anyhow::Result;
use sluice_live::{Fleet, wait_for};

use super::{many, stand, words};

#[test]
fn a_redis_restarted_without_its_data_empties_no_host() -> Result<()> {
    let mut fleet = Fleet::gathered(2)?;
    let good = fleet.converge(&fleet.xadd(&words(&many("flags", 40)))?);
    fleet.server.kill()?;
    fleet.server.resume_empty()?;
    // Whoever publishes now begins another log, which is not this one's next entry.
    fleet.xadd(&["put:flags/000", "of another log"])?;
    for host in &fleet.hosts {
        wait_for("a host to say that the log is another", || {
            (host.status().ok()?["source"]["state"] == "reset").then_some(())
        });
        assert_eq!(host.value("flags/000")?, Some(b"value 0".to_vec()));
    }
    stand(&mut fleet, &good)
}
