//! What comes to the core from strangers, and what must hold whatever it is. The property tests beside this file and
//! the fuzzer in `tests/fuzz` share it.

use bytes::Bytes;
use sluice_core::fold::fold;
use sluice_core::{
    Action, Binding, Change, Content, Digest, Entry, Glob, Key, Outcome, Planned, Revision, State, Verdict,
};

/// Records of a stream, a field a line, an empty line between two: each is a change or refused in words, and leads
/// to the same state whenever it is read.
pub fn entries(text: &[u8]) {
    let (mut state, mut again) = (State::default(), State::default());
    for (n, fields) in (1..).zip(records(text)) {
        let revision = Revision { ms: n, seq: 0 };
        let entry = Entry::read(revision, fields.clone());
        assert_eq!(entry, Entry::read(revision, fields));
        match &entry.content {
            Err(malformed) => assert!(is_shown(&malformed.to_string()), "{malformed}"),
            Ok(change) => sound(change, entry.bytes()),
        }
        let outcome = fold(&mut state, &entry, |_, _| Verdict::accept());
        fold(&mut again, &entry, |_, _| Verdict::accept());
        assert_eq!((state.root(), state.chain), (again.root(), again.chain));
        assert_eq!((state.cursor, state.index), (revision, n));
        followed(&state, &entry, &outcome);
    }
}

/// A binding document: refused with the place of its fault, or sound, and the same once written down again.
pub fn binding(text: &[u8]) {
    let binding = match Binding::parse("guest", text) {
        Ok(binding) => binding,
        Err(error) => return assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{error:?}"),
    };
    binding.limits.check().unwrap();
    assert_eq!(binding.settings_digest, Digest::of(binding.settings.as_bytes()));
    binding.keys.iter().chain(&*binding.reads).for_each(meant);
    let list = |globs: &[Glob]| globs.iter().map(|glob| format!("\"{glob}\"")).collect::<Vec<_>>().join(",");
    let written = format!(
        r#"{{"keys": [{}], "reads": [{}], "component": "{}", "settings": {}}}"#,
        list(&binding.keys),
        list(&binding.reads),
        binding.component,
        binding.settings,
    );
    let again = Binding::parse("guest", written.as_bytes()).unwrap();
    assert_eq!(again.settings, binding.settings);
    assert_eq!((again.keys.len(), again.reads.len()), (binding.keys.len(), binding.reads.len()));
}

fn records(text: &[u8]) -> impl Iterator<Item = Vec<(Bytes, Bytes)>> {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let records: Vec<_> =
        lines.split(|line| line.is_empty()).map(|lines| lines.iter().map(|line| field(line)).collect()).collect();
    records.into_iter()
}

/// The name up to the first blank, and the value behind it.
fn field(line: &[u8]) -> (Bytes, Bytes) {
    let mut halves = line.splitn(2, |byte| *byte == b' ').map(Bytes::copy_from_slice);
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

fn sound(change: &Change, bytes: usize) {
    // A tick has none, and nothing that would apply to some.
    assert!(!change.edits.is_empty() || change.later.is_none());
    let mut keys: Vec<&Key> = change.edits.iter().map(|edit| &edit.key).collect();
    keys.sort();
    assert!(keys.windows(2).all(|two| two[0] < two[1]), "no key is edited twice");
    for key in change.keys() {
        assert_eq!(Key::parse(key.as_str().as_bytes()).as_ref(), Ok(key));
    }
    let inline =
        change.puts().filter_map(|put| if let Content::Here(bytes) = &put.content { Some((put, bytes)) } else { None });
    inline.for_each(|(put, bytes)| assert_eq!(put.digest, Digest::of(bytes)));
    assert!(bytes as u64 >= change.puts().map(|put| put.content.length()).sum());
    assert!(change.author.iter().chain(&change.reason).all(|note| note.len() <= 4096));
}

/// What was applied is there, and what was not has changed nothing.
fn followed(state: &State, entry: &Entry, outcome: &Outcome) {
    match outcome {
        Outcome::Applied(_) => {
            for edit in &entry.content.as_ref().unwrap().edits {
                match &edit.action {
                    Action::Delete => assert!(state.item(&edit.key).is_none()),
                    // The node fetches blobs before it folds.
                    Action::Put(put) if matches!(put.content, Content::At(_)) => (),
                    Action::Put(put) => {
                        let item = state.item(&edit.key).unwrap();
                        assert_eq!((item.revision, item.digest), (entry.revision, put.digest));
                    }
                }
            }
        }
        Outcome::Refused(_) => {
            assert_eq!(state.refused.last().map(|refused| refused.revision), Some(entry.revision));
            assert!(state.range("", None).all(|(_, item)| item.revision != entry.revision));
        }
        Outcome::Scheduled(_) => {
            let kept: Vec<_> = state.range("", None).filter(|(_, item)| item.revision == entry.revision).collect();
            let [(key, item)] = kept[..] else { panic!("one item keeps it: {kept:?}") };
            let planned = Planned::read(key.clone(), item).unwrap();
            assert!(planned.at() > entry.revision.ms && !planned.keys().is_empty());
        }
        Outcome::Staged => panic!("nothing is staged yet"),
    }
}

/// A glob means the keys that one writes for its stars.
fn meant(glob: &Glob) {
    let whole = |segment: &str| if segment == "**" { "some/thing".to_owned() } else { segment.replace('*', "some") };
    let text = glob.to_string().split('/').map(whole).collect::<Vec<_>>().join("/");
    let Ok(key) = Key::parse(text.as_bytes()) else { return };
    let segments: Vec<&str> = key.as_str().split('/').collect();
    // The rules themselves are meant by none, and what lies beside them only by name.
    if segments[0] != "_sluice" {
        assert!(glob.matches(&segments), "{glob} means {key}");
        assert!(key.as_str().starts_with(glob.prefix()), "{glob} means {key}");
    }
}

fn is_shown(text: &str) -> bool {
    !text.is_empty() && text.len() < 8192 && !text.contains(char::is_control)
}
