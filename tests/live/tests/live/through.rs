//! The command line through a host, by people who cannot reach Redis.

use anyhow::Result;
use serde_json::{Value, json};
use sluice_live::{Fleet, Ran, Sluice};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const BOUNDS: &str = r#"{"/max": [1, 100]}"#;

/// Two hosts, the first of which lets publishers in, and a command line that is told of it and of no Redis.
struct Far {
    fleet: Fleet,
    sluice: Sluice,
    host: String,
    token: String,
}

impl Far {
    fn start() -> Result<Far> {
        let mut fleet = Fleet::start(0)?;
        let token = fleet.file("token", TOKEN)?;
        let settings = fleet.file("sluice.toml", format!("publish_token_file = \"{token}\"\n"))?;
        fleet.hosts.push(fleet.host("edge-1", &["--settings", &settings])?);
        fleet.hosts.push(fleet.host("edge-2", &[])?);
        fleet.gather();
        // Nothing listens there: whatever works does not go by Redis.
        let sluice = Sluice::new("redis://127.0.0.1:1", "shop", &fleet.folder.path().join("far"));
        let host = fleet.hosts[0].url("");
        Ok(Far { fleet, sluice, host, token })
    }

    fn run(&self, args: &[&str]) -> Result<Ran> {
        self.sluice.run(&[&["--host", &self.host, "--publish-token-file", &self.token], args].concat())
    }

    fn ok(&self, args: &[&str]) -> Result<String> {
        let ran = self.run(args)?;
        anyhow::ensure!(ran.code == 0, "{args:?}: {ran:?}");
        Ok(ran.stdout)
    }

    fn json(&self, args: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.run(&[args, &["-o", "json"]].concat())?.stdout)?)
    }

    fn bind(&self) -> Result<()> {
        let bounds = ["--keys", "app/**", "--settings", BOUNDS, "--wait"];
        self.fleet.sluice.ok(&[&["validator", "bind", "limits", "bounds"], &bounds[..]].concat()).map(drop)
    }
}

#[test]
fn values_go_in_and_out_without_redis() -> Result<()> {
    let far = Far::start()?;
    let put =
        far.run(&["put", "app/a.json", r#"{"max": 7}"#, "--as", "mei", "--reason", "grün\nund neu", "--wait=all"])?;
    assert!(put.code == 0 && put.stderr.contains("2 of 2 hosts have it"), "{put:?}");
    let revision = put.stdout.lines().next().and_then(|line| line.split('\t').nth(1)).unwrap_or_default().to_owned();
    assert_eq!(put.stdout, format!("revision\t{revision}\noutcome\tapplied\n"));
    assert_eq!(far.fleet.hosts[1].value("app/a.json")?, Some(br#"{"max": 7}"#.to_vec()));
    let shown = far.json(&["show", &revision])?;
    assert_eq!((&shown["author"], &shown["reason"]), (&"mei".into(), &"grün\nund neu".into()), "{shown:#}");
    assert_eq!((&shown["outcome"], &shown["edits"][0]["key"]), (&"applied".into(), &"app/a.json".into()), "{shown:#}");
    assert!(far.ok(&["show", &revision])?.contains("edit\tput\tapp/a.json\t10\tapplication/json"));
    assert_eq!(far.run(&["show", "7-7"])?.code, 1);
    let lost = far.run(&["put", "app/a.json", "{}", "--base", "0"])?;
    assert!(lost.code == 4 && lost.stdout.contains("outcome\tconflict\n"), "{lost:?}");
    let same = far.run(&["put", "app/b", "@/dev/null", "--type", "x/y", "--token", "t-1"])?;
    assert_eq!(same.stdout, far.ok(&["put", "app/b", "@/dev/null", "--type", "x/y", "--token", "t-1"])?);
    far.ok(&["delete", "app/a.json", "--base", &revision])?;
    assert_eq!(far.ok(&["ls", "-o", "name"])?, "app/b\n");
    assert_eq!(far.fleet.hosts[0].ask("GET", "/v1/keys/app/b", &[], &[])?.header("content-type"), "x/y");
    Ok(())
}

#[test]
fn what_validators_say_is_the_same_by_every_way() -> Result<()> {
    let far = Far::start()?;
    far.bind()?;
    let bad = r#"{"max": 700}"#;
    let before = far.fleet.entries()?;
    for args in [&["put", "app/a.json", bad, "--dry-run"][..], &["check", "app/a.json", bad]] {
        let (there, here) = (far.run(args)?, far.fleet.sluice.run(args)?);
        assert_eq!((there.code, there.stdout.contains("revision")), (1, false), "{there:?}");
        assert!(
            here.stdout.ends_with(&there.stdout) && there.stdout.contains("app/a.json#/max"),
            "{here:?}\n{there:?}"
        );
        assert!(there.stderr.contains("nothing was appended"), "{there:?}");
    }
    assert_eq!(far.run(&["check", "app/a.json", r#"{"max": 7}"#])?.code, 0);
    assert_eq!(far.fleet.entries()?, before, "dry runs append nothing");
    let (there, here) = (far.json(&["put", "app/a.json", bad])?, far.fleet.sluice.json(&["put", "app/a.json", bad])?);
    assert_eq!((&there["outcome"], &there["findings"]), (&here["outcome"], &here["findings"]), "{there:#}");
    let refused = far.json(&["show", there["revision"].as_str().unwrap_or_default()])?;
    assert_eq!((&refused["outcome"], &refused["findings"][0]["pointer"]), (&"rejected".into(), &"/max".into()));
    assert_eq!(far.json(&["validator", "ls"])?, far.fleet.sluice.json(&["validator", "ls"])?);
    Ok(())
}

#[test]
fn files_are_applied_and_compared_through_a_host() -> Result<()> {
    let far = Far::start()?;
    // More than a page of keys, one that is no text, and one that needs a blob.
    for key in 0..1_100 {
        far.fleet.file(&format!("tree/k/{key}"), key.to_string())?;
    }
    far.fleet.file("tree/bytes", b"\xff\0")?;
    far.fleet.file("tree/large", vec![b'x'; 2 << 20])?;
    let folder = far.fleet.folder.path().join("tree").to_string_lossy().into_owned();
    let tree = ["-f", &folder, "--prefix", "t", "--prune"];
    assert_eq!(far.run(&[&["diff"], &tree[..]].concat())?.code, 1);
    let dry = far.run(&[&["apply", "--dry-run"], &tree[..]].concat())?;
    assert!(dry.code == 0 && far.fleet.entries()? == 0, "{dry:?}");
    far.ok(&[&["apply"], &tree[..]].concat())?;
    assert_eq!(far.run(&[&["diff"], &tree[..]].concat())?.code, 0);
    assert!(far.ok(&[&["apply"], &tree[..]].concat())?.contains("unchanged"));
    assert_eq!(far.fleet.sluice.run(&[&["diff"], &tree[..]].concat())?.code, 0);
    std::fs::remove_file(far.fleet.folder.path().join("tree/bytes"))?;
    let differs = far.json(&[&["diff"], &tree[..]].concat())?;
    assert_eq!(differs["items"], json!([{"key": "t/bytes", "change": "removed"}]));
    far.ok(&[&["apply"], &tree[..]].concat())?;
    assert_eq!(far.run(&["get", "t/bytes"])?.code, 1);
    assert_eq!(far.fleet.entries()?, 2);
    Ok(())
}

#[test]
fn the_fleet_is_listed_through_any_of_its_hosts() -> Result<()> {
    let far = Far::start()?;
    far.ok(&["put", "k", "1", "--wait"])?;
    let lasting = |listed: Value| -> Vec<Value> {
        let rows = listed["items"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| json!([row["host"], row["address"], row["version"], row["since"]])).collect()
    };
    let (there, here) = (lasting(far.json(&["hosts"])?), lasting(far.fleet.sluice.json(&["hosts"])?));
    assert_eq!((there.len(), &there), (2, &here));
    Ok(())
}

#[test]
fn without_the_token_the_flag_for_it_is_named() -> Result<()> {
    let far = Far::start()?;
    let bare = far.sluice.run(&["--host", &far.host, "put", "k", "1"])?;
    assert!(bare.code == 2 && bare.stderr.contains("--publish-token-file FILE"), "{bare:?}");
    let wrong = far.fleet.file("wrong", "f".repeat(32))?;
    let refused = far.sluice.run(&["--host", &far.host, "--publish-token-file", &wrong, "delete", "k"])?;
    assert!(refused.code == 2 && refused.stderr.contains("is not the one this host knows"), "{refused:?}");
    let closed = far.sluice.run(&["--host", &far.fleet.hosts[1].url(""), "put", "k", "1"])?;
    assert!(closed.code == 2 && closed.stderr.contains("publish_token_file"), "{closed:?}");
    let missing = far.sluice.run(&["--host", &far.host, "--publish-token-file", "/no/such", "put", "k", "1"])?;
    assert!(missing.code == 2 && missing.stderr.contains("/no/such"), "{missing:?}");
    assert_eq!(far.fleet.entries()?, 0);
    Ok(())
}

#[test]
fn when_redis_is_away_a_put_through_a_host_names_the_token_of_its_retry() -> Result<()> {
    let mut far = Far::start()?;
    far.fleet.server.kill()?;
    let put = far.run(&["put", "k", "1", "--token", "t-7"])?;
    // 5 where the host had not noticed yet, and sent it.
    assert!([3, 5].contains(&put.code) && put.stderr.contains("retry with --token t-7"), "{put:?}");
    let hosts = far.run(&["hosts"])?;
    assert!(hosts.code == 3 && hosts.stderr.contains("see that it runs"), "{hosts:?}");
    Ok(())
}

#[test]
fn a_command_that_cannot_go_through_a_host_says_so_and_does_nothing() -> Result<()> {
    let far = Far::start()?;
    let args: [&[&str]; 13] = [
        &["history", "k"],
        &["doctor"],
        &["diff", "1-0", "2-0"],
        &["validator", "push", "bounds"],
        &["validator", "bind", "limits", "bounds", "--keys", "**"],
        &["validator", "inspect", "bounds"],
        &["validator", "run", "bounds", "1"],
        &["status", "--watch"],
        &["dev"],
        &["host", "run", "--id", "x"],
        &["host", "check"],
        &["get", "k", "--host", "https://127.0.0.1"],
        &["get", "k", "--host", "127.0.0.1/path"],
    ];
    for args in args {
        // By the variable, which is how it is forgotten.
        let mut command = far.fleet.sluice.command(args)?;
        let output = command.env("SLUICE_HOST", &far.host).output()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {told}");
        let is_remedy = ["SLUICE_HOST", "leave", "http://"].iter().any(|word| told.contains(word));
        assert!(is_remedy, "{args:?}: {told}");
    }
    assert_eq!(far.fleet.entries()?, 0);
    Ok(())
}
