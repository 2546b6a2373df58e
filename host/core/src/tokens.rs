//! The window of idempotency tokens.

use bytes::Bytes;
use imbl::{OrdMap, Vector};

use crate::revision::Revision;

/// How many tokens are remembered. A retry that comes later than this many other tokens is a new change;
/// the bound keeps a publisher from filling every host's memory (128 bytes a token: at most 8 MiB).
pub const TOKENS_MAX: usize = 1 << 16;

/// The newest tokens and where each was seen first. Depends on nothing but the order of the log.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    first: OrdMap<Bytes, Revision>,
    order: Vector<Bytes>,
}

impl Tokens {
    /// Where a token was seen first, while it is remembered.
    pub fn first(&self, token: &Bytes) -> Option<Revision> {
        self.first.get(token).copied()
    }

    /// Remembers a token that is not yet known, and forgets the oldest when there are too many.
    pub fn remember(&mut self, token: Bytes, revision: Revision) {
        self.first.insert(token.clone(), revision);
        self.order.push_back(token);
        if self.order.len() > TOKENS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, Revision)> {
        self.order.iter().map(|token| (token, self.first.get(token).copied().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_token_is_forgotten_first() {
        let mut tokens = Tokens::default();
        let token = |n: usize| Bytes::from(n.to_string());
        for n in 0..=TOKENS_MAX {
            tokens.remember(token(n), Revision { ms: n as u64, seq: 0 });
        }
        assert_eq!(tokens.first(&token(0)), None);
        assert_eq!(tokens.first(&token(1)), Some(Revision { ms: 1, seq: 0 }));
        assert_eq!(tokens.iter().count(), TOKENS_MAX);
    }
}
