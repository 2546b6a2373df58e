//! Keys, values and states of the benches.

use bytes::Bytes;
use sluice_core::{Entry, Revision, State, Verdict, fold};

/// The value of a key: JSON of 1 KiB, which the `bounds` validator has something to read in.
pub fn value(number: u64) -> Bytes {
    let mut text = format!("{{\"max\":{},\"text\":\"", number % 100);
    while text.len() < 1022 {
        text.push((b'a' + (number as usize + text.len()) as u8 % 26) as char);
    }
    text.push_str("\"}");
    text.into()
}

/// The value of a key of a large space: JSON of 256 bytes, of which some 60 % are left when it is packed.
pub fn small(number: u64) -> Bytes {
    let mut random = fastrand::Rng::with_seed(number);
    let mut text = format!("{{\"max\":{},\"text\":\"", number % 100);
    while text.len() < 254 {
        text.push(random.lowercase());
    }
    text.push_str("\"}");
    text.into()
}

/// The name of a key.
pub fn name(number: usize) -> String {
    format!("tenant-{}/service-{}/config.json", number % 97, number)
}

/// Fields of an entry that puts one key.
pub fn fields(number: u64, key: usize) -> Vec<(Bytes, Bytes)> {
    vec![(format!("put:{}", name(key)).into(), value(number))]
}

/// An entry that puts one key.
pub fn entry(number: u64, key: usize) -> Entry {
    Entry::read(Revision { ms: 1_700_000_000_000 + number, seq: 0 }, fields(number, key))
}

/// A state of so many keys. Values are short: a million of 1 KiB would fill the machine.
pub fn of(keys: usize) -> State {
    let mut state = State::default();
    for key in 0..keys {
        let field = (Bytes::from(format!("put:{}", name(key))), Bytes::from(key.to_string()));
        let entry = Entry::read(Revision { ms: 1 + key as u64, seq: 0 }, vec![field]);
        fold::fold(&mut state, &entry, |_, _| Verdict::accept());
    }
    state
}
