//! `sluice apply` and `sluice diff -f`: keys that follow files.

use anyhow::Result;
use sluice_live::Fleet;

fn tree() -> Result<(Fleet, String)> {
    let fleet = Fleet::start(1)?;
    fleet.file("tree/limits.json", "{\"max\": 1}\n")?;
    fleet.file("tree/routes/eu.yaml", "to: fra\n")?;
    let folder = fleet.folder.path().join("tree").to_string_lossy().into_owned();
    Ok((fleet, folder))
}

#[test]
fn apply_makes_keys_equal_to_files_in_one_change() -> Result<()> {
    let (fleet, folder) = tree()?;
    let ran = fleet.sluice.run(&["apply", "-f", &folder, "--prefix", "shop", "--reason", "first", "--wait"])?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(fleet.entries()?, 1);
    assert_eq!(fleet.hosts[0].value("shop/routes/eu.yaml")?, Some(b"to: fra\n".to_vec()));
    let again = fleet.sluice.json(&["apply", "-f", &folder, "--prefix", "shop"])?;
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(fleet.entries()?, 1);
    Ok(())
}

#[test]
fn prune_deletes_what_is_not_in_the_files_but_only_under_its_prefix() -> Result<()> {
    let (fleet, folder) = tree()?;
    fleet.xadd(&["put:shop/old", "1", "put:shop2/other", "1", "put:other", "1"])?;
    let bare = fleet.sluice.run(&["apply", "-f", &folder, "--prune"])?;
    assert_eq!(bare.code, 2, "{bare:?}");
    fleet.sluice.ok(&["apply", "-f", &folder, "--prefix", "shop", "--prune", "--wait"])?;
    let keys = fleet.sluice.ok(&["ls", "-o", "name"])?;
    assert_eq!(keys, "other\nshop/limits.json\nshop/routes/eu.yaml\nshop2/other\n");
    Ok(())
}

#[test]
fn diff_against_files_ends_with_0_1_or_2() -> Result<()> {
    let (fleet, folder) = tree()?;
    let diff = |code: i32| -> Result<String> {
        let ran = fleet.sluice.run(&["diff", "-f", &folder, "--prefix", "shop"])?;
        assert_eq!(ran.code, code, "{ran:?}");
        Ok(ran.stdout)
    };
    assert!(diff(1)?.contains("+++ b/shop/limits.json"));
    fleet.sluice.ok(&["apply", "-f", &folder, "--prefix", "shop"])?;
    assert_eq!(diff(0)?, "");
    fleet.file("tree/limits.json", "{\"max\": 2}\n")?;
    let text = diff(1)?;
    assert!(text.contains("-{\"max\": 1}\n+{\"max\": 2}\n"), "{text}");
    let missing = fleet.sluice.run(&["diff", "-f", "/no/such/folder"])?;
    assert_eq!(missing.code, 2, "{missing:?}");
    Ok(())
}

#[test]
fn files_that_cannot_be_keys_are_all_told_and_nothing_is_changed() -> Result<()> {
    let (fleet, folder) = tree()?;
    fleet.file("tree/with space", "1")?;
    fleet.file("tree/.hidden", "1")?;
    let ran = fleet.sluice.run(&["apply", "-f", &folder])?;
    assert_eq!(ran.code, 2, "{ran:?}");
    for part in ["2 faults in", "with space", ".hidden", "nothing was changed"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    assert_eq!(fleet.entries()?, 0);
    Ok(())
}

#[test]
fn a_dry_apply_shows_what_would_change_and_appends_nothing() -> Result<()> {
    let (fleet, folder) = tree()?;
    let ran = fleet.sluice.run(&["apply", "-f", &folder, "--dry-run"])?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("added") && ran.stderr.contains("limits.json"), "{ran:?}");
    assert_eq!(fleet.entries()?, 0);
    Ok(())
}

#[test]
fn json_lines_on_stdin_are_a_tree_too() -> Result<()> {
    let (fleet, _) = tree()?;
    let lines = b"{\"key\": \"a\", \"value\": \"1\"}\n{\"key\": \"b\", \"valueBase64\": \"/wA=\"}\n";
    let ran = fleet.sluice.fed(&["apply", "-f", "-", "--wait"], lines)?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(fleet.hosts[0].value("b")?, Some(vec![0xff, 0]));
    let ran = fleet.sluice.fed(&["apply", "-f", "-"], b"{\"key\": \"a b\", \"value\": \"1\"}\n{\n")?;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("line 1:") && ran.stderr.contains("line 2:"), "{ran:?}");
    Ok(())
}

#[test]
fn of_two_applies_at_once_no_change_is_half_done() -> Result<()> {
    let (fleet, _) = tree()?;
    let folders = ["one", "two"].map(|name| -> Result<String> {
        for key in ["x", "y", "z"] {
            fleet.file(&format!("{name}/{key}"), name)?;
        }
        Ok(fleet.folder.path().join(name).to_string_lossy().into_owned())
    });
    for _ in 0..5 {
        let codes = std::thread::scope(|scope| -> Result<Vec<i32>> {
            let apply = |folder: &Result<String>| {
                let folder = folder.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
                fleet.sluice.run(&["apply", "-f", folder, "--prefix", "t"])
            };
            let racers = folders.each_ref().map(|folder| scope.spawn(move || apply(folder)));
            racers.into_iter().map(|racer| Ok(racer.join().expect("a racer does not panic")?.code)).collect()
        })?;
        assert!(codes.contains(&0) && codes.iter().all(|code| [0, 4].contains(code)), "{codes:?}");
        let values = ["x", "y", "z"].map(|key| fleet.sluice.ok(&["get", &format!("t/{key}")]));
        let values: Vec<String> = values.into_iter().collect::<Result<_>>()?;
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
    }
    Ok(())
}

#[test]
fn a_tree_rendered_to_nothing_is_stopped_on_every_host_until_somebody_means_it() -> Result<()> {
    let fleet = Fleet::start(2)?;
    let fields: Vec<String> = (0..20).flat_map(|n| [format!("put:shop/{n}"), "1".to_owned()]).collect();
    fleet.xadd(&fields.iter().map(String::as_str).collect::<Vec<_>>())?;
    fleet.file("empty/readme", "rendered nothing\n")?;
    let folder = fleet.folder.path().join("empty").to_string_lossy().into_owned();
    let apply = ["apply", "-f", &folder, "--prefix", "shop", "--prune", "--wait"];
    let ran = fleet.sluice.run(&apply)?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("guarded") && ran.stdout.contains("override guard"), "{ran:?}");
    for host in &fleet.hosts {
        assert_eq!(host.value("shop/7")?, Some(b"1".to_vec()));
    }
    let forced = [&apply[..], &["--override", "guard"]].concat();
    assert_eq!(fleet.sluice.run(&forced)?.code, 2, "without a reason");
    fleet.sluice.ok(&[&forced[..], &["--reason", "the shop moved"]].concat())?;
    for host in &fleet.hosts {
        assert_eq!(host.value("shop/7")?, None);
    }
    Ok(())
}
