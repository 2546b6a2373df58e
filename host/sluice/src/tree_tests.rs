//! Files and lines as people give them.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn shown(wanted: &Wanted) -> Vec<String> {
    wanted.iter().map(|(key, value)| format!("{key} {} {}", value.media, value.bytes.escape_ascii())).collect()
}

fn lines(text: &str) -> Result<Wanted> {
    let mut found = Found::default();
    found.lines(text.as_bytes(), "app/").unwrap();
    found.finish(Path::new("-"))
}

#[test]
fn a_file_is_the_key_of_its_path() {
    let folder = folder(&[("limits.json", "{}"), ("tls/ciphers", "a"), ("tls/deep/er.yaml", "b")]);
    assert_eq!(
        shown(&read(folder.path(), "app/").unwrap()),
        [
            "app/limits.json application/json {}",
            "app/tls/ciphers application/octet-stream a",
            "app/tls/deep/er.yaml application/yaml b"
        ]
    );
}

#[test]
fn a_single_file_is_the_key_of_its_name() {
    let folder = folder(&[("deep/limits.json", "{}")]);
    assert_eq!(shown(&read(&folder.path().join("deep/limits.json"), "").unwrap()), ["limits.json application/json {}"]);
}

#[test]
fn every_bad_file_is_told_at_once_with_its_remedy() {
    let folder = folder(&[("ok", "1"), (".git/config", "2"), ("a b", "3"), ("deep/c~", "4")]);
    symlink(folder.path().join("deep"), folder.path().join("link")).unwrap();
    symlink(folder.path().join("gone"), folder.path().join("dangling")).unwrap();
    let error = read(folder.path(), "").unwrap_err().to_string();
    assert!(error.starts_with("5 faults in "), "{error}");
    for part in [
        ".git is hidden: move it",
        "a b cannot be a key: key \"a b\" contains",
        "c~ cannot be a key",
        "link to a folder",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains("config"), "a hidden folder is told once: {error}");
}

#[test]
fn a_link_to_a_file_is_the_file() {
    let folder = folder(&[("..data", "x")]);
    let target = tempfile::NamedTempFile::new().unwrap();
    fs::remove_file(folder.path().join("..data")).unwrap();
    symlink(target.path(), folder.path().join("a")).unwrap();
    assert_eq!(shown(&read(folder.path(), "").unwrap()), ["a application/octet-stream "]);
}

#[test]
fn a_source_without_files_is_a_mistake() {
    assert!(read(folder(&[]).path(), "").unwrap_err().to_string().contains("has no files"));
    assert!(read(Path::new("/nowhere/at/all"), "").is_err());
}

#[test]
fn a_line_is_a_key_with_its_value() {
    let text = "{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key\":\"b\",\"valueBase64\":\"AP8=\",\"type\":\"image/png\"}\n";
    assert_eq!(shown(&lines(text).unwrap()), ["app/a application/octet-stream 1", r"app/b image/png \x00\xff"]);
}

#[test]
fn every_bad_line_is_told_by_its_number() {
    let text = "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"a\",\"value\":\"2\"}\n{\"key\":\"b\"}\n{\"kee\":\"c\"}\nnot json\n";
    let error = lines(text).unwrap_err().to_string();
    for part in [
        "4 faults",
        "line 2: key \"app/a\" comes twice",
        "line 3: key \"app/b\": there is no value",
        "line 4: unknown field `kee`",
        "line 5: ",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}
