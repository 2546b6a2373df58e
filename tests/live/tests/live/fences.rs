//! Fencing tokens as publishers and operators meet them.

use anyhow::Result;
use sluice_live::{Fleet, Host};

#[test]
fn fence_4_who_lost_a_lock_is_refused_also_after_kill_9_and_by_a_host_that_starts_from_nothing() -> Result<()> {
    let mut fleet = Fleet::start(1)?;
    assert_eq!(fleet.sluice.run(&["put", "a", "1", "--fence", "deploy=7"])?.code, 0);
    let lost = fleet.sluice.run(&["put", "a", "2", "--fence", "deploy=6"])?;
    assert!(lost.code == 4 && lost.stdout.contains("fencing token 6 of deploy is older than 7"), "{lost:?}");
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
        assert!(host.verdict(&late)?.starts_with("fenced: "), "{}", host.logged());
        assert_eq!(host.value("a")?.as_deref(), Some(&b"1"[..]));
    }
    assert_eq!(again.reaches(&late)["root"], fresh.reaches(&late)["root"]);
    Ok(())
}

#[test]
fn a_host_takes_tokens_over_http_and_a_person_can_put_one_right() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let token = fleet.file("token", "publish-token-of-this-test")?;
    let settings = fleet.file("sluice.toml", format!("publish_token_file = \"{token}\"\n"))?;
    let host = fleet.host("edge-1", &["--settings", &settings])?;
    let bearer = ("authorization", "Bearer publish-token-of-this-test");
    let put = |fence: &str| host.ask("PUT", "/v1/keys/a", &[bearer, ("Sluice-Fence", fence)], b"1");
    let first = put("deploy=9")?;
    assert!([200, 201].contains(&first.code), "{}", first.text());
    let refused = put("deploy=8")?;
    assert_eq!((refused.code, &refused.json()["errors"][0]["highest"]), (409, &9.into()));
    assert_eq!(put("deploy")?.code, 400);
    let change = |more: &str| format!(r#"{{"edits":[{{"key":"a","value":"2"}}],"fences":{{"deploy":3}}{more}}}"#);
    let post = |more: &str| host.ask("POST", "/v1/changes", &[bearer], change(more).as_bytes());
    assert_eq!(post("")?.code, 409);
    assert_eq!(post(r#","override":"fence","author":"mei","reason":"typed wrongly""#)?.code, 200);
    assert_eq!(fleet.sluice.ok(&["get", "_sluice/fences/deploy"])?, "3");
    let by_hand = fleet.sluice.run(&["put", "_sluice/fences/deploy", "1"])?;
    assert!(by_hand.code != 0 && by_hand.stdout.contains("write it as fence:deploy"), "{by_hand:?}");
    Ok(())
}
