//! Entries that strangers append with nothing but `XADD`: each fault is told by its field, and harms nothing.

use anyhow::Result;
use sluice_live::Fleet;

#[test]
fn a_typo_in_a_field_is_told_by_name_and_the_next_entry_is_applied() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let first = fleet.xadd(&["put:app/limits.json", "{}"])?;
    let typo = fleet.xadd(&["putt:app/limits.json", r#"{"max":1}"#])?;
    assert_eq!(
        fleet.verdict(&typo)?,
        r#"malformed: field "putt:app/limits.json": unknown field: did you mean "put:"?"#
    );
    assert_eq!(fleet.value("app/limits.json", &typo)?, Some(b"{}".to_vec()));
    let next = fleet.xadd(&["put:app/limits.json", r#"{"max":2}"#, "author", "mei"])?;
    assert_eq!((fleet.verdict(&first)?, fleet.verdict(&next)?), ("applied".to_owned(), "applied".to_owned()));
    assert_eq!(fleet.value("app/limits.json", &next)?, Some(br#"{"max":2}"#.to_vec()));
    Ok(())
}

#[test]
fn a_bad_key_is_told_with_its_remedy() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let long = "k".repeat(513);
    let bad = [
        ("a//b", r#"key "a//b" has an empty segment: write it as "a/b""#),
        ("/a", r#"key "/a" has an empty segment: write it as "a""#),
        ("a/", r#"key "a/" has an empty segment: write it as "a""#),
        ("a/../b", r#"key "a/../b" has a segment of only dots: name the segments in full"#),
        ("./a", r#"key "./a" has a segment of only dots: name the segments in full"#),
        ("a b", r#"key "a b" contains " ": keys are segments of A-Z a-z 0-9 . _ - joined by /"#),
        ("a\nb", r#"contains "\n": keys are segments of"#),
        ("ä", r#"contains "\xc3": keys are segments of"#),
        ("a:b", r#"contains ":": keys are segments of"#),
        ("", "the key is empty: write 1 to 512 bytes, such as app/limits"),
        (long.as_str(), "has 513 bytes: keys have at most 512"),
    ];
    for verb in ["put", "del"] {
        for (key, message) in bad {
            let revision = fleet.xadd(&[&format!("{verb}:{key}"), if verb == "put" { "1" } else { "" }])?;
            let verdict = fleet.verdict(&revision)?;
            assert!(verdict.starts_with(&format!("malformed: field \"{verb}:")), "{key:?}: {verdict}");
            assert!(verdict.contains(message), "{key:?}: {verdict}");
        }
    }
    assert_eq!(fleet.hosts[0].status()?["keys"], 0);
    Ok(())
}

#[test]
fn a_field_of_later_versions_refuses_the_entry_instead_of_being_ignored() -> Result<()> {
    let fleet = Fleet::start(1)?;
    for field in ["rollout", "key-id", "seq", "signed-at", "sig"] {
        let revision = fleet.xadd(&["put:a", "1", field, "1"])?;
        let verdict = fleet.verdict(&revision)?;
        assert!(verdict.starts_with(&format!("malformed: field \"{field}\": ")), "{verdict}");
        assert!(verdict.ends_with("not supported yet: leave the field out"), "{verdict}");
    }
    assert_eq!(fleet.hosts[0].value("a")?, None);
    Ok(())
}

#[test]
fn fields_that_contradict_each_other_refuse_the_entry() -> Result<()> {
    let fleet = Fleet::start(1)?;
    for (fields, why) in [
        (&["put:a", "1", "put:a", "2"][..], "is edited twice"),
        (&["put:a", "1", "del:a", ""], "is edited twice"),
        (&["del:a", "1"], "a delete has no value: leave it empty"),
        (&["put:a", "1", "type:b", "text/plain"], "there is no put of this key in the entry"),
        (&["put:a", "1", "type:a", "text"], "is not a media type: write type/subtype"),
        (&["put:a", "1", "base:a", "yesterday"], "is not a revision: write ms-seq, or 0 for absent"),
        (&["put:a", "1", "token", ""], "the token is empty"),
        (&["put:a", "1", "author", "mei", "author", "tom"], "the field is given twice"),
        (&["author", "mei"], "the entry changes nothing: add put:<key> or del:<key>"),
        (&["put-blob:a", "deadbeef 4"], "is not \"<blake3 hex> <length>\""),
        (&["put", "1"], "\"put:\" takes a key, as in put:app/limits"),
    ] {
        let verdict = fleet.verdict(&fleet.xadd(fields)?)?;
        assert!(verdict.starts_with("malformed: ") && verdict.contains(why), "{fields:?}: {verdict}");
    }
    assert_eq!(fleet.hosts[0].status()?["keys"], 0);
    Ok(())
}

#[test]
fn the_edits_of_one_entry_are_all_applied_or_none() -> Result<()> {
    let fleet = Fleet::start(2)?;
    fleet.xadd(&["put:old", "0"])?;
    let good = fleet.xadd(&["put:a", "1", "put:b", "2", "del:old", "", "author", "mei", "x-ticket", "OPS-7"])?;
    assert_eq!(fleet.verdict(&good)?, "applied");
    for (key, value) in [("a", Some(b"1".to_vec())), ("b", Some(b"2".to_vec())), ("old", None)] {
        assert_eq!(fleet.value(key, &good)?, value, "{key}");
    }
    for (fields, class) in [
        (&["put:a", "9", "put:b", "9", "dell:old", ""][..], "malformed"),
        (&["put:a", "9", "put:b c", "9"], "malformed"),
        (&["put:a", "9", "put:b", "9", "base:b", "7-7"], "conflict"),
        (&["put:a", "9", "base:c", "7-7"], "conflict"),
        (&["put:a", "9", "put:b", "9", "base:a", "0"], "conflict"),
    ] {
        let bad = fleet.xadd(fields)?;
        let verdict = fleet.verdict(&bad)?;
        assert!(verdict.starts_with(class), "{fields:?}: {verdict}");
        assert_eq!(fleet.value("a", &bad)?, Some(b"1".to_vec()), "{fields:?}");
        assert_eq!(fleet.value("b", &bad)?, Some(b"2".to_vec()), "{fields:?}");
    }
    let last = fleet.xadd(&["put:a", "3", "base:a", &good, "base:c", "0"])?;
    assert_eq!(fleet.verdict(&last)?, "applied");
    fleet.converge(&last);
    Ok(())
}

#[test]
fn fields_full_of_strange_bytes_are_told_in_plain_text() -> Result<()> {
    let fleet = Fleet::start(1)?;
    let mut connection = fleet.server.connect()?;
    for name in [&b"\xff\xfe"[..], b"\x1b[2J", b"", b"put\0:a", &b"p".repeat(100_000)] {
        let mut command = redis::cmd("XADD");
        let revision: String =
            command.arg("sluice:{shop}:log").arg("*").arg(name).arg(b"\x00\xff").query(&mut connection)?;
        let verdict = fleet.verdict(&revision)?;
        assert!(verdict.starts_with("malformed: "), "{verdict}");
        assert!(verdict.len() < 1000 && verdict.chars().all(|c| !c.is_control()), "{verdict:?}");
    }
    Ok(())
}
