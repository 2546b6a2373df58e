//! What goes wrong for people at the command line, and what they are told.

use anyhow::Result;
use sluice_live::Fleet;

#[test]
fn an_address_where_no_redis_is_ends_with_3_and_shows_no_password() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let astray = fleet.sluice.over("redis://mei:hunter2@127.0.0.1:1");
    for args in [
        &["put", "k", "1"][..],
        &["get", "k"],
        &["ls"],
        &["status"],
        &["hosts"],
        &["history", "k"],
        &["show", "1-1"],
        &["check", "k", "1"],
    ] {
        let ran = astray.run(&[args, &["--timeout", "5s"]].concat())?;
        assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("127.0.0.1:1") && ran.stderr.contains("connection refused"), "{ran:?}");
        assert!(!ran.stderr.contains("hunter2") && !ran.stdout.contains("hunter2"), "{ran:?}");
        assert_eq!(ran.stdout, "", "{args:?}");
    }
    let doctor = astray.run(&["doctor", "--timeout", "5s"])?;
    assert_ne!(doctor.code, 0, "{doctor:?}");
    assert!(!format!("{doctor:?}").contains("hunter2"), "{doctor:?}");
    Ok(())
}

#[test]
fn a_url_that_is_none_ends_with_2_and_is_not_repeated() -> Result<()> {
    let fleet = Fleet::start(0)?;
    for url in [
        "http://mei:hunter2@127.0.0.1",
        "redis://mei:hunter2@127.0.0.1/x",
        "rediss://mei:hunter2@127.0.0.1?key=hunter2",
        "redis+sentinel://mei:hunter2@127.0.0.1",
    ] {
        for args in [&["put", "k", "1"][..], &["ls"], &["host", "run", "--listen", "127.0.0.1:0"]] {
            let data = fleet.folder.path().join("astray").to_string_lossy().into_owned();
            let more: &[&str] = if args[0] == "host" { &["--data", &data] } else { &[] };
            let ran = fleet.sluice.over(url).run(&[args, more].concat())?;
            assert_eq!(ran.code, 2, "{url} {args:?}: {ran:?}");
            assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
        }
    }
    Ok(())
}

#[test]
fn a_wrong_password_is_told_without_being_shown() -> Result<()> {
    let fleet = Fleet::start(0)?;
    fleet.server.cli(&["CONFIG", "SET", "requirepass", "right"])?;
    let port = fleet.server.port();
    let wrong = fleet.sluice.over(&format!("redis://:hunter2@127.0.0.1:{port}")).run(&["ls"])?;
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.stderr.contains("correct user and password") && !wrong.stderr.contains("hunter2"), "{wrong:?}");
    let none = fleet.sluice.run(&["ls"])?;
    assert_eq!(none.code, 3, "{none:?}");
    assert!(none.stderr.contains("put user and password into the URL"), "{none:?}");
    let right = fleet.sluice.over(&format!("redis://:right@127.0.0.1:{port}")).run(&["ls"])?;
    assert_eq!(right.code, 0, "{right:?}");
    Ok(())
}

#[test]
fn who_may_not_publish_is_told_so_by_put_and_by_doctor() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.server.cli(&["ACL", "SETUSER", "reader", "on", ">pw", "~*", "&*", "+@all", "-xadd"])?;
    let reader = fleet.sluice.over(&format!("redis://reader:pw@127.0.0.1:{}", fleet.server.port()));
    let put = reader.run(&["put", "k", "1"])?;
    assert_eq!(put.code, 1, "{put:?}");
    assert!(put.stderr.contains("NOPERM") && put.stderr.contains("ACL SETUSER"), "{put:?}");
    assert_eq!(fleet.entries()?, 0);
    let doctor = reader.run(&["doctor"])?;
    let line = doctor.stdout.lines().find(|line| line.contains("XADD")).unwrap_or_default();
    assert!(line.contains("FAIL") && line.contains("ACL SETUSER reader +xadd"), "{doctor:?}");
    assert_eq!(reader.run(&["ls"])?.code, 0);
    Ok(())
}

#[test]
fn doctor_says_what_is_lost_without_a_right_and_its_remedy_helps() -> Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.server.cli(&["ACL", "SETUSER", "edge", "on", ">pw", "~*", "&*", "+@all", "-eval", "-xtrim"])?;
    let edge = fleet.sluice.over(&format!("redis://edge:pw@127.0.0.1:{}", fleet.server.port()));
    let doctor = edge.run(&["doctor"])?;
    let row = |command: &str| doctor.stdout.lines().find(|line| line.contains(command)).unwrap_or_default().to_owned();
    let (eval, trim) = (row("EVAL sluice:{shop}:lease:any"), row("XTRIM sluice:{shop}:log"));
    assert!(eval.contains("WARN") && eval.contains("begin no scheduled change"), "{doctor:?}");
    assert!(trim.contains("WARN") && trim.contains("do not trim the log"), "{doctor:?}");
    for row in [eval, trim] {
        let (_, remedy) = row.split_once("ACL SETUSER").unwrap_or_default();
        let words: Vec<&str> = remedy.split_whitespace().collect();
        assert_eq!(fleet.server.cli(&[&["ACL", "SETUSER"], &words[..]].concat())?, "OK");
    }
    let healed = edge.run(&["doctor"])?;
    assert!(healed.stdout.contains("all that hosts and publishers need"), "{healed:?}");
    Ok(())
}

#[test]
fn doctor_finds_a_plain_server_sound_enough_and_names_what_is_not() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let data = fleet.folder.path().join("edge-1").to_string_lossy().into_owned();
    let good = fleet.sluice.run(&["doctor", "--data", &data])?;
    assert_eq!(good.code, 0, "{good:?}");
    assert!(!good.stdout.contains("FAIL"), "{good:?}");
    fleet.server.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    let bad = fleet.sluice.run(&["doctor"])?;
    let line = bad.stdout.lines().find(|line| line.contains("noeviction")).unwrap_or_default();
    assert!(line.contains("FAIL") || line.contains("WARN"), "{bad:?}");
    let listed = fleet.sluice.json(&["doctor"])?;
    assert_eq!(listed["apiVersion"], "sluice/v1");
    Ok(())
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_would_be_right() -> Result<()> {
    let fleet = Fleet::start(0)?;
    for (args, part) in [
        (&["putt", "k", "1"][..], "put"),
        (&["put", "a//b", "1"], "write it as \"a/b\""),
        (&["put", "k"], "<VALUE>"),
        (&["get", "k", "--at", "yesterday"], "yesterday"),
        (&["put", "k", "1", "--wait=some"], "write all, quorum or 50%"),
        (&["ls", "--timeout", "5"], "write 500ms, 10s, 2m or 1h"),
        (&["ls", "--space", "Shop"], "use 1 to 64 of a-z 0-9 . _ -"),
        (&["ls", "-o", "xml"], "jsonl"),
        (&["help", "nothing"], "nothing"),
        (&[], "Usage"),
    ] {
        let ran = fleet.sluice.run(args)?;
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(part), "{args:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{args:?}");
    }
    Ok(())
}

#[test]
fn help_version_and_completions_need_no_redis() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let alone = fleet.sluice.over("redis://127.0.0.1:1");
    assert!(alone.ok(&["help"])?.contains("Usage: sluice"));
    assert!(alone.ok(&["help", "put"])?.contains("--dry-run"));
    assert!(alone.ok(&["help", "exit-codes"])?.contains("4   a race was lost"));
    assert!(alone.ok(&["--version"])?.starts_with("sluice "));
    assert_eq!(alone.json(&["version"])?["kind"], "Version");
    for shell in ["bash", "zsh", "fish"] {
        assert!(alone.ok(&["completions", shell])?.contains("sluice"), "{shell}");
    }
    Ok(())
}

#[test]
fn a_host_that_is_not_there_ends_with_3() -> Result<()> {
    let fleet = Fleet::start(0)?;
    for args in [&["get", "k"][..], &["ls"], &["status"]] {
        let ran = fleet.sluice.run(&[args, &["--host", "http://127.0.0.1:1"]].concat())?;
        assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("http://127.0.0.1:1"), "{ran:?}");
    }
    let wrong = fleet.sluice.run(&["ls", "--host", "nowhere at all"])?;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    Ok(())
}

#[test]
fn a_reader_that_goes_away_is_no_error() -> Result<()> {
    let fleet = Fleet::start(0)?;
    let keys: Vec<String> = (0..3000).map(|at| format!("put:k/{at:060}")).collect();
    let fields: Vec<&str> = keys.iter().flat_map(|key| [key.as_str(), "1"]).collect();
    fleet.xadd(&fields)?;
    let mut shell = std::process::Command::new("sh");
    let sluice = fleet.sluice.command(&["ls"])?;
    shell.envs(sluice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let piped = format!("{} ls | head -n 1", sluice.get_program().to_string_lossy());
    let output = shell.args(["-c", &piped]).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.stdout.len() > 60, stderr.as_ref()), (true, ""), "{output:?}");
    Ok(())
}
