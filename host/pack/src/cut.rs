//! A state in chunks: where one ends and the next begins depends on nothing but what is in them.

use std::collections::HashMap;

use sluice_core::{Digest, Entry, Item, Key, State, Subtree};

use crate::chunk::{CHUNK_BYTES, Chunk, ChunkRef, Kind, pack};
use crate::entry::put_entry;
use crate::item::{item_bytes, put_item, put_token};
use crate::manifest::Manifest;
use crate::verdicts::put_refused;

/// Bits of a record's BLAKE3 that are all zero where a list is cut: a cut every 512 records on average.
const CUT_MASK: u8 = 0x01;

/// A state about to be written: a plan, and each chunk when it is asked for, so that no more than one is in memory.
pub struct Packing<'a> {
    space: &'a str,
    state: &'a State,
    items: Vec<(&'a Key, &'a Item)>,
    parts: Vec<Piece>,
    others: Vec<Chunk>,
    known: HashMap<(Subtree, Digest), ChunkRef>,
}

/// A subtree with where its items stand in the list of all.
struct Piece {
    under: Subtree,
    from: usize,
    to: usize,
}

impl<'a> Packing<'a> {
    /// Cuts a state. Parts that `before` has too are taken over from it by their Merkle digest: they are neither
    /// packed nor written again.
    pub fn new(space: &'a str, state: &'a State, before: Option<&Manifest>) -> Packing<'a> {
        let items = state.items(&Subtree::ALL);
        let parts = pieces(&items);
        let known = before.into_iter().flat_map(|before| &before.chunks).filter_map(|chunk| match chunk.kind {
            Kind::Items(under) => Some(((under, chunk.sum), *chunk)),
            Kind::Tokens | Kind::Refused | Kind::Held => None,
        });
        Packing { space, state, parts, others: others(state), known: known.collect(), items }
    }

    /// Packs everything, gives each chunk that `before` has not to `put`, and says what it all is.
    ///
    /// # Errors
    /// What `put` says, which ends it.
    pub fn each<E>(self, mut put: impl FnMut(Chunk) -> Result<(), E>) -> Result<Manifest, E> {
        let mut chunks = Vec::with_capacity(self.parts.len() + self.others.len());
        for piece in &self.parts {
            let sum = self.state.digest(&piece.under);
            if let Some(known) = self.known.get(&(piece.under, sum)) {
                chunks.push(*known);
                continue;
            }
            let items = &self.items[piece.from..piece.to];
            let mut raw = Vec::with_capacity(CHUNK_BYTES);
            items.iter().for_each(|(key, item)| put_item(&mut raw, key.as_str(), item));
            let chunk = pack(Kind::Items(piece.under), &raw, items.len(), Some(sum));
            chunks.push(chunk.about);
            put(chunk)?;
        }
        for chunk in self.others {
            chunks.push(chunk.about);
            put(chunk)?;
        }
        Ok(Manifest::of(self.space, self.state, chunks))
    }
}

/// The largest subtrees whose items take no more than a chunk should, or have but one.
fn pieces(items: &[(&Key, &Item)]) -> Vec<Piece> {
    // What all items before each take: the size of any run is a subtraction.
    let mut ends = Vec::with_capacity(items.len() + 1);
    ends.push(0_u64);
    for (key, item) in items {
        ends.push(ends.last().copied().unwrap_or_default() + item_bytes(key, item) as u64);
    }
    let mut pieces = Vec::new();
    let mut open = vec![Piece { under: Subtree::ALL, from: 0, to: items.len() }];
    while let Some(piece) = open.pop() {
        let Piece { under, from, to } = piece;
        match to - from {
            0 => (),
            1 => pieces.push(piece),
            _ if ends[to] - ends[from] <= CHUNK_BYTES as u64 => pieces.push(piece),
            _ => {
                let [zeros, ones] = under.halves().expect("two points differ in some bit");
                let middle = from + items[from..to].partition_point(|(key, _)| zeros.has(key.point()));
                open.push(Piece { under: ones, from: middle, to });
                open.push(Piece { under: zeros, from, to: middle });
            }
        }
    }
    pieces
}

/// Tokens, refusals and held entries. A held entry goes without the blobs it was filled with: they are stored under
/// names of their own, and a host that has it fetches them again.
fn others(state: &State) -> Vec<Chunk> {
    let tokens = records(state.tokens.iter(), |out, (token, first)| put_token(out, token, first));
    let refused = records(state.refused.iter(), |out, refused| put_refused(out, refused));
    let held = records(state.held.values(), |out, entry| {
        put_entry(out, &Entry::read(entry.revision, entry.fields.clone()));
    });
    let tokens = lists(tokens).map(|(raw, count)| pack(Kind::Tokens, &raw, count, None));
    let refused = lists(refused).map(|(raw, count)| pack(Kind::Refused, &raw, count, None));
    let held = held.map(|raw| pack(Kind::Held, &raw, 1, None));
    tokens.chain(refused).chain(held).collect()
}

fn records<T>(things: impl Iterator<Item = T>, put: impl Fn(&mut Vec<u8>, T)) -> impl Iterator<Item = Vec<u8>> {
    things.map(move |thing| {
        let mut raw = Vec::new();
        put(&mut raw, thing);
        raw
    })
}

/// Records in lists, cut behind one whose own digest says so, or before a list grows too large (content-defined
/// chunking, Muthitacharoen et al. 2001): what is taken from the front and added at the end leaves the middle alone.
fn lists(records: impl Iterator<Item = Vec<u8>>) -> impl Iterator<Item = (Vec<u8>, usize)> {
    let mut records = records.peekable();
    std::iter::from_fn(move || {
        let (mut raw, mut count) = (records.next()?, 1);
        let mut is_cut = is_end(&raw);
        while !is_cut && let Some(next) = records.next_if(|next| raw.len() + next.len() <= CHUNK_BYTES) {
            is_cut = is_end(&next);
            raw.extend_from_slice(&next);
            count += 1;
        }
        Some((raw, count))
    })
}

fn is_end(record: &[u8]) -> bool {
    let Digest([first, second, ..]) = Digest::of(record);
    first == 0 && second & CUT_MASK == 0
}
