//! Numbers nobody can foresee, for tokens and for spreading out waits.

use std::hash::{BuildHasher, RandomState};

/// 64 bits of the standard library's hash seed, which comes from the operating system and differs from
/// thread to thread and call to call. Not for keys; for telling two publishes apart it is plenty.
fn bits(salt: u64) -> u64 {
    RandomState::new().hash_one((salt, sluice_node::hub::wall_ms(), std::thread::current().id()))
}

/// An idempotency token of 128 bits.
pub fn token() -> String {
    format!("h-{:016x}{:016x}", bits(0), bits(1))
}

/// Up to a sixteenth less, so that polls that began together do not end together.
pub fn shortened(ms: u64) -> u64 {
    ms - bits(2) % (ms / 16 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_comes_twice() {
        let tokens: std::collections::BTreeSet<String> = (0..1000).map(|_| token()).collect();
        assert_eq!(tokens.len(), 1000);
    }

    #[test]
    fn a_wait_is_shortened_by_a_sixteenth_at_most() {
        assert_eq!(shortened(0), 0);
        assert!((0..1000).all(|_| (937..=1000).contains(&shortened(1000))));
    }
}
