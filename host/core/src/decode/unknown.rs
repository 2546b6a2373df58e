//! What a field was meant to be that is none.

/// Fields of the design that this version knows and does not carry out. They must never be ignored:
/// an entry meant for later that applied at once would be worse than one refused.
const LATER: [&str; 5] = ["rollout", "key-id", "seq", "signed-at", "sig"];
const KNOWN: [&str; 13] = [
    "put:",
    "put-blob:",
    "del:",
    "type:",
    "base:",
    "fence:",
    "author",
    "reason",
    "token",
    "override",
    "tick",
    "from",
    "until",
];

/// What to do about a field that is unknown.
pub fn unknown(name: &str, verb: &str) -> String {
    if LATER.contains(&verb) {
        return "not supported yet: leave the field out".to_owned();
    }
    match meant(verb) {
        Some(known) if known.ends_with(':') && !name.contains(':') => {
            format!("unknown field: \"{known}\" takes a key, as in {known}app/limits")
        }
        Some(known) => format!("unknown field: did you mean \"{known}\"?"),
        None => {
            "unknown field: use put:<key> put-blob:<key> del:<key> type:<key> base:<key> fence:<lock> author reason \
                 token override tick from until, or x-… for your own"
                .to_owned()
        }
    }
}

/// The known field a mistyped one was most likely meant to be. A short word must be nearer than a long
/// one: "set" is two letters from "del", and whoever writes it means anything but that.
fn meant(verb: &str) -> Option<&'static str> {
    let verb = verb.to_ascii_lowercase();
    let far = |known: &str| distance(&verb, known.trim_end_matches(':'));
    let near = KNOWN.into_iter().filter(|known| far(known) <= if known.len() > 4 { 2 } else { 1 });
    near.min_by_key(|known| far(known))
}

/// Edit distance (Wagner and Fischer 1974) of two short words; long ones are simply far apart.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 16 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let swap = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
