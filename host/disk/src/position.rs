//! How far a store has come.

use bytes::BufMut;
use sluice_core::{Digest, Revision, State, Step};
use sluice_pack::codec::{Reader, put_revision};

/// How far a store has come: what must agree where one file ends and the next goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// How many records came before. Tells records apart that fold nothing and so leave the rest alone.
    pub sequence: u64,
    /// The newest entry folded.
    pub cursor: Revision,
    /// How many entries have been folded.
    pub index: u64,
    /// The chain digest over them.
    pub chain: Digest,
}

impl Position {
    /// Where one more record with these steps leads.
    pub fn after(self, steps: &[Step]) -> Position {
        let mut next = Position { sequence: self.sequence + 1, ..self };
        for step in steps {
            let entry = match step {
                Step::Folded(_) | Step::Held(_) => step.entry(),
                // It was counted when it was held.
                Step::Released(_) => continue,
            };
            next.cursor = entry.revision;
            next.index += 1;
            next.chain = entry.chained(next.chain);
        }
        next
    }

    /// Where a record leads that brings a state which follows from none before.
    pub fn moved(self, state: &State) -> Position {
        Position { sequence: self.sequence + 1, cursor: state.cursor, index: state.index, chain: state.chain }
    }

    /// Whether a state stands here.
    pub fn is_of(&self, state: &State) -> bool {
        (self.cursor, self.index, self.chain) == (state.cursor, state.index, state.chain)
    }

    /// Makes a state say that it stands here.
    pub fn mark(&self, state: &mut State) {
        (state.cursor, state.index, state.chain) = (self.cursor, self.index, self.chain);
    }

    pub fn put(&self, out: &mut Vec<u8>) {
        out.put_u64_le(self.sequence);
        put_revision(out, self.cursor);
        out.put_u64_le(self.index);
        out.put_slice(&self.chain.0);
    }

    pub fn read(reader: &mut Reader<'_>) -> Option<Position> {
        Some(Position {
            sequence: reader.u64()?,
            cursor: reader.revision()?,
            index: reader.u64()?,
            chain: reader.digest()?,
        })
    }
}
