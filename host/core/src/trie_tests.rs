//! The trie against the definition of its digest, word for word.

use std::collections::BTreeMap;

use proptest::prelude::{Strategy, any, proptest};

use super::*;
use crate::digest::Domain;

struct Plain([u8; 32], Digest);

impl Leaf for Plain {
    fn point(&self) -> &[u8; 32] {
        &self.0
    }

    fn digest(&self) -> Digest {
        self.1
    }
}

/// The definition, word for word.
fn by_definition(leaves: &[(&[u8; 32], &Digest)], bit: usize) -> Digest {
    match leaves {
        [] => Digest::ZERO,
        [(_, digest)] => **digest,
        _ => {
            let is_set = |point: &[u8; 32]| point[bit / 8] >> (7 - bit % 8) & 1 == 1;
            let (ones, zeros): (Vec<_>, Vec<_>) = leaves.iter().copied().partition(|(point, _)| is_set(point));
            Domain::Branch.pair(by_definition(&zeros, bit + 1), by_definition(&ones, bit + 1))
        }
    }
}

fn point(seed: u16) -> [u8; 32] {
    // Few different first bytes, so that long shared prefixes occur.
    let mut point = [0; 32];
    point[1] = (seed >> 8) as u8 & 3;
    point[20] = seed as u8 & 15;
    point[31] = (seed >> 4) as u8 & 1;
    point
}

fn steps() -> impl Strategy<Value = Vec<(u16, Option<u8>)>> {
    proptest::collection::vec((any::<u16>(), proptest::option::of(any::<u8>())), 0..80)
}

proptest! {
    #[test]
    fn any_history_gives_the_digest_of_the_definition(steps in steps()) {
        let (mut trie, mut model) = (Trie::new(), BTreeMap::new());
        for (seed, value) in steps {
            let at = point(seed);
            let before = match value {
                Some(value) => {
                    let digest = Digest::of(&[value]);
                    let old = trie.insert(Arc::new(Plain(at, digest)));
                    (old.map(|leaf| leaf.1), model.insert(at, digest))
                }
                None => (trie.remove(&at).map(|leaf| leaf.1), model.remove(&at)),
            };
            assert_eq!(before.0, before.1);
            assert_eq!(trie.len(), model.len());
            assert_eq!(trie.find(&at).map(|leaf| leaf.1), model.get(&at).copied());
            let leaves: Vec<_> = model.iter().collect();
            assert_eq!(trie.root(), by_definition(&leaves, 0));
        }
    }

    #[test]
    fn a_partition_has_the_digest_of_its_own_leaves(seeds in proptest::collection::vec(any::<[u8; 3]>(), 0..60)) {
        let (mut trie, mut model) = (Trie::new(), BTreeMap::new());
        for [a, b, c] in seeds {
            let mut at = [c; 32];
            (at[0], at[1]) = (a & 1, b & 0x1f);
            let digest = Digest::of(&at);
            trie.insert(Arc::new(Plain(at, digest)));
            model.insert(at, digest);
        }
        for partition in 0..1 << 7 {
            let own = |at: &[u8; 32]| u16::from_be_bytes([at[0], at[1]]) >> 2 == partition;
            let leaves: Vec<_> = model.iter().filter(|(at, _)| own(at)).collect();
            assert_eq!(trie.digest(&Subtree::partition(partition)), by_definition(&leaves, PARTITION_BITS));
        }
    }

    #[test]
    fn every_subtree_has_the_digest_and_the_order_of_its_own_leaves(
        seeds in proptest::collection::vec(any::<[u8; 3]>(), 0..120),
        cuts in proptest::collection::vec((any::<[u8; 3]>(), 0_u16..=256), 0..40),
    ) {
        // Few different bits, far apart: runs shared by many leaves and by few.
        let spread = |[a, b, c]: [u8; 3]| {
            let mut at = [0; 32];
            (at[0], at[1], at[7], at[8], at[31]) = (a & 0x8f, b, c & 3, c & 0xc1, c >> 6);
            at
        };
        let (mut trie, mut model) = (Trie::new(), BTreeMap::new());
        for at in seeds.iter().copied().map(spread) {
            let digest = Digest::of(&at);
            trie.insert(Arc::new(Plain(at, digest)));
            model.insert(at, digest);
        }
        for (seed, depth) in cuts {
            let mut first = spread(seed);
            for bit in usize::from(depth)..256 {
                first[bit / 8] &= !(0x80 >> (bit % 8));
            }
            let under = Subtree::new(first, depth).unwrap();
            let leaves: Vec<_> = model.iter().filter(|(at, _)| under.has(at)).collect();
            assert_eq!(trie.digest(&under), by_definition(&leaves, usize::from(depth)));
            let mut seen = Vec::new();
            trie.each(&under, |leaf| seen.push(leaf.0));
            assert_eq!(seen, leaves.iter().map(|(at, _)| **at).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_clone_keeps_what_it_had() {
    let mut trie = Trie::new();
    for seed in 0..200 {
        trie.insert(Arc::new(Plain(Digest::of(&[seed]).0, Digest::of(&[seed]))));
    }
    let (before, root) = (trie.clone(), trie.root());
    for seed in 0..100 {
        trie.remove(&Digest::of(&[seed]).0);
    }
    assert_eq!((before.root(), before.len()), (root, 200));
    assert_ne!(trie.root(), root);
}
