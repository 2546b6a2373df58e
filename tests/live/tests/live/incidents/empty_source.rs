//! A replicator that read an empty source during an election, and made the copy equal to it. consul-replicate#82.

use anyhow::Result;
use sluice_live::sluice::binary;
use sluice_live::{Fleet, Host, Sentinels, Sluice, wait_for};

use super::{many, stand, words};

#[test]
fn a_replicator_whose_source_came_up_empty_deletes_nothing() -> Result<()> {
    let mut fleet = Fleet::start(2)?;
    fleet.xadd(&["put:shared/other", "1"])?;
    let put = fleet.xadd(&words(&many("pub", 60)))?;
    let good = fleet.converge(&put);
    // With our own command on an empty folder, on one with a rest, and as any other program would.
    let folder = fleet.folder.path().join("source");
    std::fs::create_dir(&folder)?;
    let folder = folder.to_str().unwrap_or_default();
    let told = fleet.sluice.run(&["apply", "-f", folder, "--prefix", "pub", "--prune"])?;
    assert!(told.code == 2 && told.stderr.contains("has no files"), "{told:?}");
    fleet.file("source/rest", "1")?;
    let told = fleet.sluice.run(&["apply", "-f", folder, "--prefix", "pub", "--prune"])?;
    assert!(told.code == 1 && told.stdout.contains("guarded"), "{told:?}");
    let deletes: Vec<String> = (0..60).flat_map(|at| [format!("del:pub/{at:03}"), String::new()]).collect();
    let bad = fleet.xadd(&words(&deletes))?;
    assert!(fleet.verdict(&bad)?.starts_with("guarded: "), "{}", fleet.verdict(&bad)?);
    stand(&mut fleet, &good)
}

#[test]
fn a_host_serves_all_it_had_through_an_election() -> Result<()> {
    let mut sentinels = Sentinels::start()?;
    let folder = tempfile::Builder::new().prefix("sluice-fleet-").tempdir()?;
    let sluice = Sluice::new(&sentinels.url(), "shop", &binary()?.with_file_name("validators-of-tests"));
    let host = Host::start(&sluice, "edge-1", folder.path().join("edge-1"), &[])?;
    let fields = [vec!["XADD".to_owned(), "sluice:{shop}:log".to_owned(), "*".to_owned()], many("pub", 60)].concat();
    let revision = sentinels.servers[0].cli(&words(&fields))?;
    let good = host.reaches(&revision);
    wait_for("the replica to have it", || {
        (sentinels.servers[1].cli(&["XLEN", "sluice:{shop}:log"]).ok()? == "1").then_some(())
    });
    sentinels.servers[0].kill()?;
    wait_for("the host to notice", || (host.status().ok()?["source"]["state"] == "away").then_some(()));
    assert_eq!(host.status()?["root"], good["root"]);
    sentinels.promoted(1);
    wait_for("the host to follow", || (host.status().ok()?["source"]["state"] == "ok").then_some(()));
    assert_eq!((&host.status()?["root"], host.get("/readyz")?.0), (&good["root"], 200));
    // A new primary with nothing, as a server without a disk comes back: it is no reason to have nothing.
    sentinels.servers[1].cli(&["FLUSHALL"])?;
    wait_for("the host to say so", || (host.status().ok()?["source"]["state"] == "reset").then_some(()));
    assert_eq!((&host.status()?["root"], host.get("/readyz")?.0), (&good["root"], 200));
    Ok(())
}
