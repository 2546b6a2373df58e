//! A real cluster: hosts and publishers find the slot, and follow it while it moves.

use anyhow::Result;
use sluice_live::{Cluster, Sluice, wait_for};

use crate::edge;

const LOG: &str = "sluice:{shop}:log";

fn put(sluice: &Sluice, key: &str, value: &str) -> Result<String> {
    let told = sluice.json(&["put", key, value])?;
    anyhow::ensure!(told["outcome"] == "applied", "{told}");
    Ok(told["revision"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_slot_is_followed_while_and_after_it_moves() -> Result<()> {
    let cluster = Cluster::start()?;
    let (sluice, folder, host) = edge(&cluster.url())?;
    let large = folder.path().join("large");
    std::fs::write(&large, vec![7; 2 << 20])?;
    let large = format!("@{}", large.display());
    put(&sluice, "large", &large)?;
    host.reaches(&put(&sluice, "k", "1")?);

    let slot = cluster.slot(LOG)?;
    let from = cluster.owner(slot)?;
    let to = (from + 1) % 3;
    cluster.begin_move(slot, from, to)?;
    // The log is still here; what is new, such as a blob, is there already.
    std::fs::write(&large[1..], vec![8; 2 << 20])?;
    host.reaches(&put(&sluice, "large", &large)?);
    cluster.move_key(LOG, from, to)?;
    host.reaches(&put(&sluice, "k", "2")?);
    assert_eq!(host.value("k")?, Some(b"2".to_vec()));

    // Reports are written all the time, so that keys come back until the slot is closed.
    let slot_text = slot.to_string();
    wait_for("all keys to be moved", || {
        let keys = cluster.nodes[from].cli(&["CLUSTER", "GETKEYSINSLOT", &slot_text, "100"]).ok()?;
        keys.lines().filter(|key| !key.is_empty()).for_each(|key| drop(cluster.move_key(key, from, to)));
        keys.is_empty().then_some(())
    });
    cluster.end_move(slot, to)?;
    assert_eq!(cluster.owner(slot)?, to);
    host.reaches(&put(&sluice, "k", "3")?);
    assert_eq!(host.value("large")?, Some(vec![8; 2 << 20]));
    assert_eq!(host.status()?["source"]["state"], "ok");
    let doctor = sluice.run(&["doctor"])?;
    assert!(doctor.stdout.contains(&format!("by 127.0.0.1:{}", cluster.nodes[to].port())), "{doctor:?}");
    Ok(())
}

#[test]
fn a_node_that_dies_is_waited_for_and_a_single_address_is_told_of_the_cluster() -> Result<()> {
    let mut cluster = Cluster::start()?;
    let (sluice, _folder, host) = edge(&cluster.url())?;
    host.reaches(&put(&sluice, "k", "1")?);
    let owner = cluster.owner(cluster.slot(LOG)?)?;
    let other =
        sluice.over(&format!("redis://127.0.0.1:{}", cluster.nodes[(owner + 1) % 3].port())).run(&["get", "k"])?;
    assert!(other.code != 0 && other.stderr.contains("redis+cluster://"), "{other:?}");

    cluster.nodes[owner].kill()?;
    wait_for("the host to notice", || (host.status().ok()?["source"]["state"] == "away").then_some(()));
    assert_eq!(host.value("k")?, Some(b"1".to_vec()));
    cluster.nodes[owner].resume()?;
    let revision = wait_for("the cluster to be whole again", || put(&sluice, "k", "2").ok());
    host.reaches(&revision);
    Ok(())
}
