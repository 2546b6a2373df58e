//! A state from a snapshot, taking over what a state at hand has already.

use sluice_core::{Digest, Hashed, Key, State};

use crate::chunk::{ChunkRef, Kind, OpenChunk};
use crate::flaw::Flaw;
use crate::manifest::Manifest;
use crate::threads::Threads;

/// A snapshot being loaded: chunks go in, and a state comes out.
pub struct Loading {
    manifest: Manifest,
    state: State,
    /// Items of the chunks that came: they are put at the end, all at once.
    items: Vec<Hashed>,
    wanted: Vec<ChunkRef>,
    missing: usize,
}

impl Loading {
    /// Begins with a state at hand, which may be empty: parts whose Merkle digest is equal are taken over from it.
    pub fn new(manifest: Manifest, mut have: State) -> Loading {
        let mut covered = Vec::new();
        let mut wanted = Vec::new();
        for chunk in &manifest.chunks {
            match chunk.kind {
                Kind::Items(under) if have.digest(&under) == chunk.sum => covered.push(under),
                Kind::Items(_) | Kind::Tokens | Kind::Refused | Kind::Held => wanted.push(*chunk),
            }
        }
        // What is not taken over goes. Both lists are in the order of the points.
        let mut gone: Vec<Key> = Vec::new();
        let mut covering = covered.iter().peekable();
        for (key, _) in have.items(&sluice_core::Subtree::ALL) {
            while covering.next_if(|under| under.cmp_point(key.point()).is_lt()).is_some() {}
            if !covering.peek().is_some_and(|under| under.has(key.point())) {
                gone.push(key.clone());
            }
        }
        gone.iter().for_each(|key| have.set(key, None));
        have.tokens = Default::default();
        have.refused = Default::default();
        have.held = Default::default();
        let missing = wanted.len();
        Loading { manifest, state: have, items: Vec::new(), wanted, missing }
    }

    /// What has to be fetched, in the order of the manifest. Tokens and refusals must come in this order.
    pub fn wanted(&self) -> &[ChunkRef] {
        &self.wanted
    }

    /// Takes a chunk in.
    pub fn take(&mut self, OpenChunk(content): OpenChunk) {
        self.items.extend(content.put_others(&mut self.state).into_iter().flatten());
        self.missing = self.missing.saturating_sub(1);
    }

    /// The state, when all chunks are in and its root is the manifest's.
    ///
    /// # Errors
    /// It is another, or the items of a chunk have another digest than the manifest says; the chunk is named.
    pub fn finish(mut self) -> Result<State, Flaw> {
        self.state.set_all(std::mem::take(&mut self.items), &Threads);
        let Manifest { cursor, index, chain, newest, root, .. } = self.manifest;
        (self.state.cursor, self.state.index) = (cursor, index);
        (self.state.chain, self.state.newest) = (chain, newest);
        let flaw = |what: String| Err(Flaw(format!("the snapshot of {cursor}: {what}")));
        if self.missing > 0 {
            return flaw(format!("{} chunks are missing", self.missing));
        }
        for about in &self.wanted {
            if let Kind::Items(under) = about.kind {
                about.check_sum(self.state.digest(&under))?;
            }
        }
        match self.state.root() {
            found if found == root => Ok(self.state),
            Digest(_) => flaw("its values have another root digest than its manifest says".to_owned()),
        }
    }
}
