//! Globs of keys and of JSON Pointers: `*` is any characters of one segment, `**` any number of whole segments.

/// Whether the glob means this key or pointer.
pub fn matches(glob: &str, path: &str) -> bool {
    let segments = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    fits(&segments(glob), &segments(path))
}

fn fits(globs: &[String], segments: &[String]) -> bool {
    match globs.split_first() {
        None => segments.is_empty(),
        Some((glob, rest)) if glob == "**" => (0..=segments.len()).any(|skipped| fits(rest, &segments[skipped..])),
        Some((glob, rest)) => {
            segments.split_first().is_some_and(|(first, others)| segment(glob, first) && fits(rest, others))
        }
    }
}

fn segment(glob: &str, text: &str) -> bool {
    let Some((start, rest)) = glob.split_once('*') else { return glob == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    // The first fit is as good as any but for the last piece, which belongs to the end.
    let mut text = text;
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stay_within_a_segment_and_double_stars_do_not() {
        for (glob, pointer, expected) in [
            ("", "", true),
            ("", "/a", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/b/c", false),
            ("/a/**", "/a", true),
            ("/**/token", "/a/b/token", true),
            ("/**/token", "/token", true),
            ("/**/token", "/a/tokens", false),
            ("/x-*-y*z", "/x-1-yyz", true),
            ("/x-*-y*z", "/x-1-yy", false),
            ("/a*", "/b", false),
        ] {
            assert_eq!(matches(glob, pointer), expected, "{glob} {pointer}");
        }
    }
}
