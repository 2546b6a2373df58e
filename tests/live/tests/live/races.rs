//! Publishers that get in each other's way, and publishers that say the same thing twice.

use std::sync::Barrier;
use std::thread;

use anyhow::Result;
use sluice_live::Fleet;

const ROUNDS: usize = 50;

#[test]
fn of_two_publishers_with_one_base_exactly_one_wins_each_round() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let mut base = "0".to_owned();
    for round in 0..ROUNDS {
        let entries = raced(&fleet, &base, round)?;
        let verdicts = [fleet.verdict(&entries[0])?, fleet.verdict(&entries[1])?];
        let first = usize::from(sluice_live::host::order(&entries[1]) < sluice_live::host::order(&entries[0]));
        assert_eq!(verdicts[first], "applied", "round {round}");
        let lost = &verdicts[1 - first];
        assert!(lost.starts_with("conflict: key \"app/k\" ") && lost.ends_with("read it again and retry"), "{lost}");
        let value = fleet.value("app/k", &entries[1 - first])?;
        assert_eq!(value, Some(format!("{round} by {first}").into_bytes()));
        base = entries[first].clone();
    }
    assert_eq!(fleet.hosts[0].status()?["index"], 2 * ROUNDS);
    Ok(())
}

/// Two connections append at the same moment; answers with the revisions they got.
fn raced(fleet: &Fleet, base: &str, round: usize) -> Result<Vec<String>> {
    let start = Barrier::new(2);
    let publish = |who: usize| -> Result<String> {
        let mut connection = fleet.server.connect()?;
        start.wait();
        let value = format!("{round} by {who}");
        let fields = ["put:app/k", value.as_str(), "base:app/k", base];
        Ok(redis::cmd("XADD").arg("sluice:{shop}:log").arg("*").arg(&fields).query(&mut connection)?)
    };
    thread::scope(|scope| {
        let publish = &publish;
        let racers = [0, 1].map(|who| scope.spawn(move || publish(who)));
        racers.into_iter().map(|racer| racer.join().expect("a racer does not panic")).collect()
    })
}

#[test]
fn a_put_whose_base_was_overtaken_ends_with_4() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let base = fleet.sluice.json(&["put", "k", "1", "--base", "0"])?["revision"].clone();
    let base = base.as_str().unwrap_or_default();
    let start = Barrier::new(2);
    let put = |value: &str| {
        start.wait();
        fleet.sluice.run(&["put", "k", value, "--base", base])
    };
    let codes = thread::scope(|scope| -> Result<Vec<i32>> {
        let put = &put;
        let racers = ["2", "3"].map(|value| scope.spawn(move || put(value)));
        racers.into_iter().map(|racer| Ok(racer.join().expect("a racer does not panic")?.code)).collect()
    })?;
    assert!(codes == [0, 4] || codes == [4, 0], "{codes:?}");
    let again = fleet.sluice.run(&["delete", "k", "--base", base])?;
    assert_eq!(again.code, 4, "{again:?}");
    assert!(again.stdout.contains("conflict") && again.stdout.contains(&format!("not {base}")), "{again:?}");
    Ok(())
}

#[test]
fn the_same_token_twice_is_one_change() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let first = fleet.xadd(&["put:k", "1", "token", "deploy-7"])?;
    let between = fleet.xadd(&["put:k", "2"])?;
    let second = fleet.xadd(&["put:k", "1", "token", "deploy-7"])?;
    assert_eq!(fleet.verdict(&first)?, "applied");
    assert_eq!(fleet.verdict(&between)?, "applied");
    let verdict = fleet.verdict(&second)?;
    assert_eq!(verdict, format!("duplicate: the same token was published before, at {first}"));
    assert_eq!(fleet.value("k", &second)?, Some(b"2".to_vec()));
    Ok(())
}

#[test]
fn a_put_that_is_repeated_with_its_token_is_done_once_and_ends_well() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let put = |value: &str| fleet.sluice.json(&["put", "k", value, "--token", "t-1"]);
    let (first, again) = (put("1")?, put("1")?);
    assert_eq!((&first["outcome"], &again["outcome"]), (&"applied".into(), &"duplicate".into()));
    let revision = first["revision"].as_str().unwrap_or_default();
    let reply = fleet.hosts[0].ask("GET", "/v1/keys/k", &[], &[])?;
    assert_eq!(reply.header("sluice-revision"), revision);
    assert_eq!(fleet.sluice.run(&["put", "k", "1", "--token", "t-1"])?.code, 0);
    Ok(())
}
