//! Any bytes as the answer of a Redis: read in pieces it is what it is at once, and nobody is asked for more than
//! it takes to go on.
#![no_main]

// Its way in is a connection, which no fuzzer needs.
#[path = "../../../host/redis/src/resp.rs"]
mod resp;

use libfuzzer_sys::fuzz_target;
use resp::{Head, Parsed, Stop};

fuzz_target!(|bytes: &[u8]| {
    let Some((Head::Records(count), mut at)) = in_pieces(bytes, resp::head) else { return };
    for _ in 0..count {
        let Some((record, used)) = in_pieces(&bytes[at..], resp::record) else { return };
        assert!(record.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() < used);
        at += used;
    }
});

/// Reads as a connection does: no more bytes at a time than it was told are needed.
fn in_pieces<T: PartialEq + std::fmt::Debug>(bytes: &[u8], read: fn(&[u8]) -> Parsed<T>) -> Option<(T, usize)> {
    let mut have = 0;
    loop {
        match (read(&bytes[..have]), read(bytes)) {
            (Err(Stop::Needs(needed)), _) if needed <= bytes.len() => {
                assert!(needed > have, "it has {have} bytes and asks for {needed}");
                have = needed;
            }
            (Err(Stop::Needs(_)), Err(Stop::Needs(_))) => return None,
            (Err(Stop::Odd(why)), Err(Stop::Odd(_))) => {
                assert!(!why.contains(char::is_control), "{why:?}");
                return None;
            }
            (Ok(part), Ok(whole)) => {
                assert_eq!(part, whole);
                assert!(part.1 > 0 && part.1 <= have);
                return Some(part);
            }
            (part, whole) => panic!("{part:?} in pieces, {whole:?} at once"),
        }
    }
}
