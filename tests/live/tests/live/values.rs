//! Values of every size and kind, and the blobs that hold large ones.

use anyhow::{Context, Result};
use serde_json::Value;
use sluice_live::{Fleet, wait_for};

const MIB: usize = 1 << 20;

#[test]
fn every_byte_comes_out_as_it_went_in() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let all: Vec<u8> = (0..=255).collect();
    let revision = fleet.server.cli_fed(&["XADD", "sluice:{shop}:log", "*", "put:bin"], &all)?;
    assert_eq!(fleet.verdict(&revision)?, "applied");
    assert_eq!(fleet.value("bin", &revision)?, Some(all.clone()));
    assert_eq!(fleet.sluice.run(&["get", "bin"])?.bytes, all);
    Ok(())
}

#[test]
fn an_empty_value_is_there_and_empty() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let revision = fleet.xadd(&["put:empty", ""])?;
    assert_eq!(fleet.value("empty", &revision)?, Some(Vec::new()));
    assert_eq!(fleet.sluice.ok(&["get", "empty"])?, "");
    assert_eq!(fleet.hosts[0].status()?["keys"], 1);
    Ok(())
}

#[test]
fn a_value_of_one_mib_goes_inline_and_one_byte_more_is_sent_to_a_blob() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let largest = noise(MIB, 1);
    let fits = fleet.server.cli_fed(&["XADD", "sluice:{shop}:log", "*", "put:large"], &largest)?;
    assert_eq!(fleet.verdict(&fits)?, "applied");
    assert_eq!(fleet.value("large", &fits)?, Some(largest.clone()));

    let larger = noise(MIB + 1, 2);
    let over = fleet.server.cli_fed(&["XADD", "sluice:{shop}:log", "*", "put:large"], &larger)?;
    assert_eq!(
        fleet.verdict(&over)?,
        r#"malformed: field "put:large": the value has 1048577 bytes: use put-blob, inline at most 1048576"#
    );
    assert_eq!(fleet.value("large", &over)?, Some(largest));

    let file = fleet.file("larger.bin", &larger)?;
    fleet.sluice.ok(&["put", "large", &format!("@{file}"), "--wait"])?;
    assert_eq!(fleet.hosts[0].value("large")?, Some(larger.clone()));
    assert_eq!(fleet.sluice.run(&["get", "large"])?.bytes, larger);
    Ok(())
}

#[test]
fn a_blob_of_five_mib_stored_by_hand_is_served() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let bytes = noise(5 * MIB, 3);
    store(&fleet, &digest(&bytes), &bytes)?;
    let revision = name(&fleet, "dump", &bytes)?;
    assert_eq!(fleet.verdict(&revision)?, "applied");
    assert_eq!(fleet.value("dump", &revision)?, Some(bytes));
    fleet.converge(&revision);
    Ok(())
}

#[test]
fn a_blob_named_before_it_is_there_is_waited_for_while_other_keys_go_on() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let bytes = noise(3000, 4);
    let early = name(&fleet, "early", &bytes)?;
    let other = fleet.xadd(&["put:other", "1"])?;
    assert_eq!(fleet.value("other", &other)?, Some(b"1".to_vec()));
    assert_eq!(fleet.value("early", &other)?, None);
    let held = tried(&fleet, 1)?;
    assert_eq!((&held["revision"], &held["keys"][0]), (&early.as_str().into(), &"early".into()), "{held:#}");
    store(&fleet, &digest(&bytes), &bytes)?;
    fleet.converge(&other);
    assert_eq!(fleet.verdict(&early)?, "applied");
    assert_eq!(fleet.value("early", &other)?, Some(bytes));
    Ok(())
}

#[test]
fn a_later_change_of_a_waiting_key_waits_behind_it() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let bytes = noise(3000, 5);
    name(&fleet, "app/a", &bytes)?;
    let later = fleet.xadd(&["put:app/a", "later"])?;
    let other = fleet.xadd(&["put:app/b", "1"])?;
    assert_eq!(fleet.value("app/b", &other)?, Some(b"1".to_vec()));
    assert_eq!(fleet.value("app/a", &other)?, None);
    store(&fleet, &digest(&bytes), &bytes)?;
    fleet.converge(&other);
    assert_eq!(fleet.value("app/a", &later)?, Some(b"later".to_vec()));
    Ok(())
}

#[test]
fn a_blob_with_other_bytes_than_its_name_is_never_applied() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let (right, wrong) = (noise(3000, 6), noise(3000, 7));
    store(&fleet, &digest(&right), &wrong)?;
    fleet.xadd(&["put:k", "old"])?;
    let named = name(&fleet, "k", &right)?;
    let other = fleet.xadd(&["put:other", "1"])?;
    assert_eq!(fleet.value("other", &other)?, Some(b"1".to_vec()));
    let held = tried(&fleet, 2)?;
    assert_eq!(held["revision"], named.as_str(), "{held:#}");
    assert_eq!(fleet.hosts[0].value("k")?, Some(b"old".to_vec()));
    store(&fleet, &digest(&right), &right)?;
    fleet.converge(&other);
    assert_eq!(fleet.value("k", &other)?, Some(right));
    Ok(())
}

#[test]
fn a_blob_of_another_length_than_named_is_never_applied() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let bytes = noise(3000, 8);
    store(&fleet, &digest(&bytes), &bytes)?;
    let named = fleet.xadd(&["put-blob:k", &format!("{} 2999", digest(&bytes))])?;
    let other = fleet.xadd(&["put:other", "1"])?;
    assert_eq!(fleet.value("other", &other)?, Some(b"1".to_vec()));
    let held = tried(&fleet, 2)?;
    assert_eq!(held["revision"], named.as_str(), "{held:#}");
    assert_eq!(fleet.hosts[0].value("k")?, None);
    Ok(())
}

#[test]
fn a_blob_larger_than_any_may_be_is_refused_unseen() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let revision = fleet.xadd(&["put-blob:k", &format!("{} {}", digest(b""), 64 * MIB + 1)])?;
    let verdict = fleet.verdict(&revision)?;
    assert!(verdict.ends_with("the blob has 67108865 bytes: at most 67108864"), "{verdict}");
    Ok(())
}

/// Waits until the one held entry was tried so often, and shows it.
fn tried(fleet: &Fleet, times: u64) -> Result<Value> {
    let host = fleet.hosts.first().context("there is a host")?;
    Ok(wait_for("the blob to be asked for", || {
        let held = host.status().ok()?["held"].get(0)?.clone();
        (held["tries"].as_u64()? >= times).then_some(held)
    }))
}

fn name(fleet: &Fleet, key: &str, bytes: &[u8]) -> Result<String> {
    fleet.xadd(&[&format!("put-blob:{key}"), &format!("{} {}", digest(bytes), bytes.len())])
}

fn store(fleet: &Fleet, digest: &str, bytes: &[u8]) -> Result<()> {
    fleet.server.cli_fed(&["SET", &format!("sluice:{{shop}}:blob:{digest}")], bytes)?;
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Bytes that no compression and no text reader can do anything with; the same for the same seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| chance.u8(..)).take(length).collect()
}
