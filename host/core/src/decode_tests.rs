//! Every rule of the fields, each as one sentence.

use expect_test::{Expect, expect};

use super::*;
use crate::entry::Entry;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn read(fields: &[(&str, &str)]) -> Result<Change, Malformed> {
    let fields = fields.iter().map(|(name, value)| (bytes(name), bytes(value)));
    Entry::read(Revision { ms: 1, seq: 0 }, fields.collect()).content
}

/// How a change reads, one line a part; or why there is none.
fn shown_change(result: Result<Change, Malformed>) -> String {
    let change = match result {
        Ok(change) => change,
        Err(malformed) => return malformed.to_string(),
    };
    let mut lines: Vec<String> = change.edits.iter().map(shown_edit).collect();
    lines.extend(change.bases.iter().map(|(key, base)| format!("base {key} {base}")));
    lines.extend(change.author.iter().map(|author| format!("author {author}")));
    lines.extend(change.reason.iter().map(|reason| format!("reason {reason}")));
    lines.extend(change.token.iter().map(|token| format!("token {}", token.escape_ascii())));
    lines.extend(change.extras.iter().map(|(name, value)| format!("{name} {}", value.escape_ascii())));
    lines.join("\n")
}

fn shown_edit(edit: &Edit) -> String {
    match &edit.action {
        Action::Put(Put { media, content: Content::Here(bytes), .. }) => {
            format!("put {} {media} {}", edit.key, bytes.escape_ascii())
        }
        Action::Put(Put { media, content: Content::At(blob), .. }) => {
            format!("put {} {media} blob {} {}", edit.key, &blob.digest.to_string()[..8], blob.length)
        }
        Action::Delete => format!("delete {}", edit.key),
    }
}

#[track_caller]
fn check(fields: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&shown_change(read(fields)));
}

#[track_caller]
fn refused(name: &str, value: &str, expected: Expect) {
    let fields = [("put:other", "1"), (name, value)];
    expected.assert_eq(&read(&fields).unwrap_err().to_string());
}

#[test]
fn every_field_says_its_part() {
    let blob = format!("{} 1234", Digest::of(b"large"));
    check(
        &[
            ("put:shop/limits.json", "{\"max\":1}"),
            ("put:empty", ""),
            ("put-blob:logo", &blob),
            ("del:old", ""),
            ("type:logo", "image/png"),
            ("base:shop/limits.json", "17-3"),
            ("base:elsewhere", "0"),
            ("author", "mei"),
            ("reason", "raise the limit"),
            ("token", "t1"),
            ("x-ticket", "A-1"),
            ("x-trace:id", "7"),
            ("x-ticket", "A-2"),
        ],
        expect![[r#"
            put shop/limits.json application/json {\"max\":1}
            put empty application/octet-stream 
            put logo image/png blob 6d7c674e 1234
            delete old
            base elsewhere 0-0
            base shop/limits.json 17-3
            author mei
            reason raise the limit
            token t1
            x-ticket A-1
            x-trace:id 7
            x-ticket A-2"#]],
    );
}

#[test]
fn values_and_tokens_may_be_any_bytes() {
    let binary = Bytes::from_static(b"\x00\xff\r\n");
    let fields = vec![(bytes("put:a"), binary.clone()), (bytes("token"), binary.clone()), (bytes("x-a"), binary)];
    let shown = shown_change(Entry::read(Revision { ms: 1, seq: 0 }, fields).content);
    expect![[r#"
        put a application/octet-stream \x00\xff\r\n
        token \x00\xff\r\n
        x-a \x00\xff\r\n"#]]
    .assert_eq(&shown);
}

#[test]
fn a_put_carries_the_digest_of_its_value() {
    let change = read(&[("put:a", "1"), ("put-blob:b", &format!("{} 9", Digest::of(b"2")))]).unwrap();
    let digests: Vec<Digest> = change.puts().map(|put| put.digest).collect();
    assert_eq!(digests, [Digest::of(b"1"), Digest::of(b"2")]);
}

#[test]
fn an_entry_must_change_something() {
    check(&[("author", "mei"), ("base:a", "0")], expect!["the entry changes nothing: add put:<key> or del:<key>"]);
    check(&[], expect!["the entry changes nothing: add put:<key> or del:<key>"]);
}

#[test]
fn a_key_is_edited_once() {
    check(
        &[("put:a", "1"), ("put:a", "2")],
        expect![[r#"field "put:a": key "a" is edited twice: an entry edits a key once"#]],
    );
    check(
        &[("put:a", "1"), ("del:a", "")],
        expect![[r#"field "del:a": key "a" is edited twice: an entry edits a key once"#]],
    );
    check(
        &[("del:a", ""), ("put-blob:a", &format!("{} 1", Digest::ZERO))],
        expect![[r#"field "put-blob:a": key "a" is edited twice: an entry edits a key once"#]],
    );
}

#[test]
fn what_may_be_said_once_is_not_said_twice() {
    for name in ["author", "reason", "token"] {
        check(
            &[("put:a", "1"), (name, "x"), (name, "x")],
            match name {
                "author" => expect![[r#"field "author": the field is given twice"#]],
                "reason" => expect![[r#"field "reason": the field is given twice"#]],
                _ => expect![[r#"field "token": the field is given twice"#]],
            },
        );
    }
    check(&[("put:a", "1"), ("base:a", "0"), ("base:a", "0")], expect![[r#"field "base:a": the base is given twice"#]]);
    check(
        &[("put:a", "1"), ("type:a", "a/b"), ("type:a", "a/b")],
        expect![[r#"field "type:a": the type is given twice"#]],
    );
}

#[test]
fn a_type_belongs_to_a_put() {
    check(
        &[("put:a", "1"), ("type:b", "text/plain")],
        expect![[r#"field "type:b": there is no put of this key in the entry: leave the type out, or add the put"#]],
    );
    check(
        &[("del:a", ""), ("type:a", "text/plain")],
        expect![[r#"field "type:a": there is no put of this key in the entry: leave the type out, or add the put"#]],
    );
    check(&[("type:a", "text/plain"), ("put:a", "1")], expect!["put a text/plain 1"]);
    refused("type:other", "json", expect![[r#"field "type:other": "json" is not a media type: write type/subtype"#]]);
}

#[test]
fn a_bad_key_is_told_under_every_verb() {
    refused(
        "put:a b",
        "1",
        expect![[r#"field "put:a b": key "a b" contains " ": keys are segments of A-Z a-z 0-9 . _ - joined by /"#]],
    );
    refused("put:", "1", expect![[r#"field "put:": the key is empty: write 1 to 512 bytes, such as app/limits"#]]);
    refused("del:a//b", "", expect![[r#"field "del:a//b": key "a//b" has an empty segment: write it as "a/b""#]]);
    refused(
        "put-blob:..",
        &format!("{} 1", Digest::ZERO),
        expect![[r#"field "put-blob:..": key ".." has a segment of only dots: name the segments in full"#]],
    );
    refused("type:/a", "a/b", expect![[r#"field "type:/a": key "/a" has an empty segment: write it as "a""#]]);
    refused("base:a/", "0", expect![[r#"field "base:a/": key "a/" has an empty segment: write it as "a""#]]);
    refused(
        "put:a:b",
        "1",
        expect![[r#"field "put:a:b": key "a:b" contains ":": keys are segments of A-Z a-z 0-9 . _ - joined by /"#]],
    );
}

#[test]
fn a_delete_has_no_value() {
    refused("del:a", "yes", expect![[r#"field "del:a": a delete has no value: leave it empty"#]]);
}

#[test]
fn a_base_is_a_revision() {
    refused(
        "base:a",
        "latest",
        expect![[r#"field "base:a": "latest" is not a revision: write ms-seq, or 0 for absent"#]],
    );
    refused("base:a", "", expect![[r#"field "base:a": "" is not a revision: write ms-seq, or 0 for absent"#]]);
    refused("base:a", "-1", expect![[r#"field "base:a": "-1" is not a revision: write ms-seq, or 0 for absent"#]]);
}

#[test]
fn a_blob_is_named_by_digest_and_length() {
    let digest = Digest::of(b"1").to_string();
    refused("put-blob:a", "", expect![[r#"field "put-blob:a": "" is not "<blake3 hex> <length>""#]]);
    refused("put-blob:a", "abc 1", expect![[r#"field "put-blob:a": "abc 1" is not "<blake3 hex> <length>""#]]);
    for value in [digest.clone(), format!("{digest} "), format!("{digest} -1"), format!("{digest}  1")] {
        assert!(read(&[("put-blob:a", &value)]).is_err(), "{value}");
    }
    assert!(read(&[("put-blob:a", &format!("{} 1", digest.to_uppercase()))]).is_err());
    assert!(read(&[("put-blob:a", &format!("{digest} 67108864"))]).is_ok());
    refused(
        "put-blob:a",
        &format!("{digest} 67108865"),
        expect![[r#"field "put-blob:a": the blob has 67108865 bytes: at most 67108864"#]],
    );
}

#[test]
fn a_typo_is_told_with_what_was_meant() {
    refused("putt:a", "1", expect![[r#"field "putt:a": unknown field: did you mean "put:"?"#]]);
    refused("put_blob:a", "1", expect![[r#"field "put_blob:a": unknown field: did you mean "put-blob:"?"#]]);
    refused("PUT:a", "1", expect![[r#"field "PUT:a": unknown field: did you mean "put:"?"#]]);
    refused("put", "1", expect![[r#"field "put": unknown field: "put:" takes a key, as in put:app/limits"#]]);
    refused("auther", "mei", expect![[r#"field "auther": unknown field: did you mean "author"?"#]]);
    refused("reasons", "mei", expect![[r#"field "reasons": unknown field: did you mean "reason"?"#]]);
    refused("tocken", "1", expect![[r#"field "tocken": unknown field: did you mean "token"?"#]]);
}

#[test]
fn a_word_far_from_every_field_gets_the_list_and_never_a_delete() {
    refused(
        "set:a",
        "1",
        expect![[
            r#"field "set:a": unknown field: use put:<key> put-blob:<key> del:<key> type:<key> base:<key> fence:<lock> author reason token override tick from until, or x-… for your own"#
        ]],
    );
    refused(
        "get:a",
        "1",
        expect![[
            r#"field "get:a": unknown field: use put:<key> put-blob:<key> del:<key> type:<key> base:<key> fence:<lock> author reason token override tick from until, or x-… for your own"#
        ]],
    );
    refused(
        "value",
        "1",
        expect![[
            r#"field "value": unknown field: use put:<key> put-blob:<key> del:<key> type:<key> base:<key> fence:<lock> author reason token override tick from until, or x-… for your own"#
        ]],
    );
    refused(
        "",
        "1",
        expect![
            "unknown field: use put:<key> put-blob:<key> del:<key> type:<key> base:<key> fence:<lock> author reason token override tick from until, or x-… for your own"
        ],
    );
    refused(
        &"long".repeat(99),
        "1",
        expect![[
            r#"field "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong": unknown field: use put:<key> put-blob:<key> del:<key> type:<key> base:<key> fence:<lock> author reason token override tick from until, or x-… for your own"#
        ]],
    );
}

#[test]
fn fields_of_later_versions_are_refused_rather_than_ignored() {
    for name in ["rollout", "key-id", "seq", "signed-at", "sig"] {
        let malformed = read(&[("put:a", "1"), (name, "1")]).unwrap_err();
        assert_eq!(
            (malformed.field.as_str(), malformed.why.as_str()),
            (name, "not supported yet: leave the field out")
        );
    }
    refused("tick", "", expect![[r#"field "tick": a tick changes nothing: publish the edits without"#]]);
    refused(
        "override",
        "all",
        expect![[r#"field "override": "all" cannot be overridden: only "guard" and "fence" can"#]],
    );
}

#[test]
fn names_and_notes_are_text() {
    let field = |name: &'static [u8], value: &'static [u8]| {
        let fields = vec![(bytes("put:a"), bytes("1")), (Bytes::from_static(name), Bytes::from_static(value))];
        Entry::read(Revision { ms: 1, seq: 0 }, fields).content.unwrap_err().to_string()
    };
    expect![[r#"field "put:\xff": the name is not UTF-8"#]].assert_eq(&field(b"put:\xff", b"1"));
    expect![[r#"field "author": the value is not UTF-8"#]].assert_eq(&field(b"author", b"\xff"));
    expect![[r#"field "base:a": "\xff\x00" is not a revision: write ms-seq, or 0 for absent"#]]
        .assert_eq(&field(b"base:a", b"\xff\x00"));
}

#[test]
fn a_token_says_something() {
    refused("token", "", expect![[r#"field "token": the token is empty: leave the field out, or send a unique text"#]]);
}

#[test]
fn limits_are_reached_and_not_passed() {
    let long = |most: usize| "v".repeat(most + 1);
    let fits =
        |name: &str, most: usize| assert!(read(&[("put:other", "1"), (name, &"v".repeat(most))]).is_ok(), "{name}");
    fits("put:a", INLINE_BYTES_MAX);
    refused(
        "put:a",
        &long(INLINE_BYTES_MAX),
        expect![[r#"field "put:a": the value has 1048577 bytes: use put-blob, inline at most 1048576"#]],
    );
    fits("author", NOTE_BYTES_MAX);
    refused("author", &long(NOTE_BYTES_MAX), expect![[r#"field "author": the value has 4097 bytes: at most 4096"#]]);
    fits("x-a", NOTE_BYTES_MAX);
    refused("x-a", &long(NOTE_BYTES_MAX), expect![[r#"field "x-a": the value has 4097 bytes: at most 4096"#]]);
    fits("token", TOKEN_BYTES_MAX);
    refused("token", &long(TOKEN_BYTES_MAX), expect![[r#"field "token": the value has 129 bytes: at most 128"#]]);
    let name = format!("x-{}", "n".repeat(NAME_BYTES_MAX - 2));
    fits(&name, 1);
    let malformed = read(&[("put:a", "1"), (&format!("{name}n"), "1")]).unwrap_err();
    assert_eq!((malformed.field.len(), malformed.why.as_str()), (120, "the name has 257 bytes: at most 256"));
}

#[test]
fn an_entry_as_a_whole_is_bounded() {
    let names: Vec<String> = (0..=FIELDS_MAX).map(|n| format!("del:{n}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert!(read(&fields[..FIELDS_MAX]).is_ok());
    check(&fields, expect!["the entry has 16385 fields: split it, at most 16384"]);

    let value = bytes(&"v".repeat(INLINE_BYTES_MAX));
    let puts = |count: usize| (0..count).map(|n| (bytes(&format!("put:{n:03}")), value.clone())).collect();
    assert!(Entry::read(Revision::ZERO, puts(31)).content.is_ok());
    expect!["the entry has 33554656 bytes: use put-blob, at most 33554432"]
        .assert_eq(&shown_change(Entry::read(Revision::ZERO, puts(32)).content));
}
