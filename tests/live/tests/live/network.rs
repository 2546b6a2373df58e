//! Bad networks between hosts and Redis: nothing is lost, nothing is half applied, and it heals by itself.

use std::time::{Duration, Instant};

use anyhow::Result;
use sluice_live::proxy::End;
use sluice_live::{Fleet, Host, Proxy, Server, Sluice, Weather, wait_for};

/// One host behind the bad network, and one beside it to compare with.
fn behind() -> Result<(Fleet, Proxy)> {
    let server = Server::start()?;
    let (proxy, url) = (Proxy::start(server.port(), 7)?, server.url());
    let mut fleet = Fleet::around(server, &url, 0)?;
    for (id, url) in [("near", &url), ("far", &proxy.url())] {
        let data = fleet.folder.path().join(id);
        fleet.hosts.push(Host::start(&fleet.sluice.over(url), id, data, &[])?);
    }
    fleet.converge(&fleet.xadd(&["put:k", "first"])?);
    Ok((fleet, proxy))
}

fn notices(host: &Host) {
    wait_for("the host to notice", || (host.status().ok()?["source"]["state"] == "away").then_some(()));
}

fn publish(fleet: &Fleet, entries: usize) -> Result<String> {
    let mut last = String::new();
    for at in 0..entries {
        last = fleet.xadd(&[&format!("put:k/{at}"), &"v".repeat(at * 37 % 5_000)])?;
    }
    Ok(last)
}

#[test]
fn a_late_and_narrow_line_that_cuts_everything_into_pieces_is_only_slow() -> Result<()> {
    let (fleet, proxy) = behind()?;
    let (latency, jitter) = (Duration::from_millis(80), Duration::from_millis(40));
    let bytes_per_second = Some(2_000_000);
    proxy.set(Weather { latency, jitter, slice: Some(7), bytes_per_second, ..Weather::default() });
    fleet.converge(&publish(&fleet, 60)?);
    let begun = Instant::now();
    let put = fleet.sluice.over(&proxy.url()).run(&["put", "k", "over it"])?;
    assert!(put.code == 0 && begun.elapsed() > 2 * latency, "{put:?} in {:?}", begun.elapsed());
    assert_eq!(fleet.hosts[1].status()?["source"]["state"], "ok");
    Ok(())
}

#[test]
fn a_put_whose_answer_is_lost_says_so_and_its_retry_is_the_same_change() -> Result<()> {
    let (fleet, proxy) = behind()?;
    let far = fleet.sluice.over(&proxy.url());
    // Behind what the login is answered with, in the middle of the revision.
    proxy.set(Weather { cut_down_after: Some("+OK\r\n$1".len()), ..Weather::default() });
    let put = |sluice: &Sluice| sluice.run(&["put", "k", "once", "--token", "t-1"]);
    let lost = put(&far)?;
    assert!(lost.code == 5 && lost.stderr.contains("may have taken it, or not"), "{lost:?}");
    assert!(lost.stderr.contains("retry with --token t-1, which applies it once"), "{lost:?}");
    let landed = wait_for("the change to land all the same", || {
        let item = fleet.hosts[0].ask("GET", "/v1/keys/k", &[], &[]).ok()?;
        (item.body == b"once").then(|| item.header("sluice-revision").to_owned())
    });
    proxy.set(Weather::default());
    let again = put(&far)?;
    assert!(again.stdout.contains("duplicate") && again.stdout.contains(&landed), "{again:?}");
    assert_eq!(fleet.hosts[0].ask("GET", "/v1/keys/k", &[], &[])?.header("sluice-revision"), landed);
    Ok(())
}

#[test]
fn a_line_that_went_deaf_is_given_up_and_replaced() -> Result<()> {
    let (fleet, proxy) = behind()?;
    for weather in
        [Weather { is_deaf_down: true, ..Weather::default() }, Weather { is_deaf_up: true, ..Weather::default() }]
    {
        proxy.set(weather);
        let missed = publish(&fleet, 5)?;
        notices(&fleet.hosts[1]);
        assert_eq!(fleet.hosts[1].value("k")?, Some(b"first".to_vec()));
        proxy.set(Weather::default());
        fleet.converge(&missed);
    }
    Ok(())
}

#[test]
fn an_answer_cut_in_the_middle_is_never_applied_in_part() -> Result<()> {
    let (fleet, proxy) = behind()?;
    for bytes in [1, 700, 3_000] {
        proxy.set(Weather { cut_down_after: Some(bytes), ..Weather::default() });
        proxy.end(End::Reset);
        let last = publish(&fleet, 20)?;
        let taken = proxy.accepted();
        wait_for("the host to try some times", || (proxy.accepted() >= taken + 3).then_some(()));
        proxy.set(Weather::default());
        fleet.converge(&last);
    }
    Ok(())
}

#[test]
fn resets_and_refusals_are_answered_with_patience() -> Result<()> {
    let (fleet, proxy) = behind()?;
    for how in [End::Cut, End::Reset, End::Cut, End::Reset] {
        proxy.end(how);
        fleet.converge(&publish(&fleet, 3)?);
    }
    proxy.set(Weather { is_refusing: true, ..Weather::default() });
    proxy.end(End::Reset);
    let (begun, taken) = (Instant::now(), proxy.accepted());
    notices(&fleet.hosts[1]);
    wait_for("twenty attempts", || (proxy.accepted() >= taken + 20).then_some(()));
    assert!(begun.elapsed() > Duration::from_secs(1), "twenty attempts within {:?}", begun.elapsed());
    let missed = publish(&fleet, 3)?;
    assert_eq!(fleet.hosts[1].value("k")?, Some(b"first".to_vec()));
    proxy.set(Weather::default());
    fleet.converge(&missed);
    Ok(())
}
