//! Fencing tokens as publishers and operators meet them.

use anyhow::Result;
use sluice_live::{Fleet, Host};

#[test]
fn fence_4_who_lost_a_lock_is_refused_also_after_kill_9_and_by_a_host_that_starts_from_nothing() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    assert_eq!(fleet.sluice.run(&["put", "a", "1", "--fence", "deploy=7"])?.code, 0);
    let lost = fleet.sluice.run(&["put", "a", "2", "--fence", "deploy=6"])?;
    assert!(lost.code == 4 && lost.stderr.contains("fencing token 6 of deploy is older than 7"), "{lost:?}");
    // Killed right behind an entry it may have on disk or not.
    let sealed = fleet.xadd(&["tick", "", "fence:deploy", "8"])?;
    let host = fleet.hosts.remove(0);
    let folder = host.kill()?;
    let again = Host::start(&fleet.sluice, "again", folder, &[])?;
    let fresh = fleet.host("fresh", &[])?;
    again.reaches(&sealed);
    fresh.reaches(&sealed);
    let late = fleet.xadd(&["put:a", "3", "fence:deploy", "7"])?;
    for host in [&again, &fresh] {
        assert_eq!(host.verdict(&late)?, "fenced", "{}", host.logged());
        assert_eq!(host.value("a")?.as_deref(), Some(&b"1"[..]));
    }
    assert_eq!(again.reaches(&late)["root"], fresh.reaches(&late)["root"]);
    Ok(())
}

#[test]
fn a_host_takes_tokens_over_http_and_a_person_can_put_one_right() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let host = &fleet.hosts[0];
    let put = |fence: &str| host.ask("PUT", "/v1/keys/a", &[("Sluice-Fence", fence)], b"1");
    assert!([200, 201].contains(&put("deploy=9")?.status), "{:?}", put("deploy=9")?.text());
    let refused = put("deploy=8")?;
    assert_eq!((refused.status, &refused.json()["errors"][0]["highest"]), (409, &9.into()));
    assert_eq!(put("deploy")?.status, 400);
    let change = |more: &str| format!(r#"{{"edits":[{{"key":"a","value":"2"}}],"fences":{{"deploy":3}}{more}}}"#);
    let post = |more: &str| host.ask("POST", "/v1/changes", &[], change(more).as_bytes());
    assert_eq!(post("")?.status, 409);
    assert_eq!(post(r#","override":"fence","author":"mei","reason":"typed wrongly""#)?.status, 200);
    assert_eq!(fleet.sluice.ok(&["get", "_sluice/fences/deploy"])?, "3");
    let by_hand = fleet.sluice.run(&["put", "_sluice/fences/deploy", "1"])?;
    assert!(by_hand.code != 0 && by_hand.stderr.contains("write it as fence:deploy"), "{by_hand:?}");
    Ok(())
}
