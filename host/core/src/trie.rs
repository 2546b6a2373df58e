//! A persistent Merkle trie: one leaf a key, placed by the key's point, two bits a level.
//!
//! The digest of a set `S` of leaves whose points agree in their first `d` bits is defined by
//!
//! ```text
//! D(S, d) = 0^32                          if S is empty
//!         = leaf                          if S has one leaf
//!         = H(D(S0, d+1) ‖ D(S1, d+1))    else; S0 and S1 split S by bit d
//! ```
//!
//! so it depends on what is in the set and never on how it came about (Merkle 1987; the same shape as a
//! sparse Merkle tree, Dahlberg et al. 2016, with runs of single leaves collapsed). `D(all, 0)` is the
//! root digest; a partition's digest is `D` at bit 14. Two levels of that binary tree make one node here,
//! which halves the pointers a look-up follows; digests are worked out when asked for and kept, so a
//! batch pays for each touched node once.

use std::sync::{Arc, OnceLock};

use crate::digest::{Digest, Domain};

/// Bits of a point that name a partition.
pub const PARTITION_BITS: usize = 14;

/// Something that has a place in the trie and a digest.
pub trait Leaf {
    /// Its path.
    fn point(&self) -> &[u8; 32];
    /// What it contributes to the root.
    fn digest(&self) -> Digest;
}

/// A set of leaves. Cloning costs one reference count; clones share all they have in common.
pub struct Trie<L> {
    root: Child<L>,
    len: usize,
}

// Canonical form: there is a node at a depth exactly when two leaves or more share the bits above it.
// Equal sets therefore have equal shapes, and a removal undoes an insertion.
#[derive(Default)]
enum Child<L> {
    #[default]
    Empty,
    Leaf(Arc<L>),
    Node(Arc<Node<L>>),
}

struct Node<L> {
    children: [Child<L>; 4],
    digest: OnceLock<Digest>,
}

/// `D` of some leaves; a single leaf must stay recognisable, for it takes no hashing on its way up.
#[derive(Clone, Copy)]
enum Sum {
    Empty,
    One(Digest),
    Many(Digest),
}

impl<L: Leaf> Trie<L> {
    /// Nothing yet.
    pub fn new() -> Trie<L> {
        Trie { root: Child::Empty, len: 0 }
    }

    /// How many leaves.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The leaf at a point.
    pub fn find(&self, point: &[u8; 32]) -> Option<&Arc<L>> {
        let mut child = &self.root;
        let mut depth = 0;
        loop {
            match child {
                Child::Empty => return None,
                Child::Leaf(leaf) => return (leaf.point() == point).then_some(leaf),
                Child::Node(node) => child = &node.children[digit(point, depth)],
            }
            depth += 1;
        }
    }

    /// Puts a leaf at its point and gives back the one that was there.
    pub fn insert(&mut self, leaf: Arc<L>) -> Option<Arc<L>> {
        let old = self.root.insert(leaf, 0);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes the leaf at a point out.
    pub fn remove(&mut self, point: &[u8; 32]) -> Option<Arc<L>> {
        // Look first: a removal of nothing must not copy the path.
        self.find(point)?;
        let old = self.root.remove(point, 0);
        self.len -= usize::from(old.is_some());
        old
    }

    /// The Merkle root of all leaves.
    pub fn root(&self) -> Digest {
        self.root.sum().digest()
    }

    /// The digest of one partition's leaves.
    pub fn partition(&self, partition: u16) -> Digest {
        let mut point = [0; 32];
        point[..2].copy_from_slice(&(partition << (16 - PARTITION_BITS)).to_be_bytes());
        let mut child = &self.root;
        for depth in 0..PARTITION_BITS / 2 {
            match child {
                Child::Empty => return Digest::ZERO,
                Child::Leaf(leaf) => {
                    let own = u16::from_be_bytes([leaf.point()[0], leaf.point()[1]]) >> (16 - PARTITION_BITS);
                    return if own == partition { leaf.digest() } else { Digest::ZERO };
                }
                Child::Node(node) => child = &node.children[digit(&point, depth)],
            }
        }
        child.sum().digest()
    }
}

impl<L: Leaf> Child<L> {
    fn insert(&mut self, leaf: Arc<L>, depth: usize) -> Option<Arc<L>> {
        match self {
            Child::Empty => {
                *self = Child::Leaf(leaf);
                None
            }
            Child::Leaf(other) if other.point() == leaf.point() => Some(std::mem::replace(other, leaf)),
            Child::Leaf(_) => {
                let other = std::mem::replace(self, Child::Empty);
                let mut node = Node { children: Default::default(), digest: OnceLock::new() };
                if let Child::Leaf(leaf) = &other {
                    let place = digit(leaf.point(), depth);
                    node.children[place] = other;
                }
                node.children[digit(leaf.point(), depth)].insert(leaf, depth + 1);
                *self = Child::Node(Arc::new(node));
                None
            }
            Child::Node(node) => {
                let node = Arc::make_mut(node);
                node.digest.take();
                node.children[digit(leaf.point(), depth)].insert(leaf, depth + 1)
            }
        }
    }

    fn remove(&mut self, point: &[u8; 32], depth: usize) -> Option<Arc<L>> {
        match self {
            Child::Empty => None,
            Child::Leaf(_) => match std::mem::replace(self, Child::Empty) {
                Child::Leaf(leaf) => Some(leaf),
                Child::Empty | Child::Node(_) => None,
            },
            Child::Node(node) => {
                let node = Arc::make_mut(node);
                node.digest.take();
                let old = node.children[digit(point, depth)].remove(point, depth + 1);
                if let Some(last) = node.take_only_leaf() {
                    *self = last;
                }
                old
            }
        }
    }

    fn sum(&self) -> Sum {
        match self {
            Child::Empty => Sum::Empty,
            Child::Leaf(leaf) => Sum::One(leaf.digest()),
            Child::Node(node) => Sum::Many(*node.digest.get_or_init(|| node.sum())),
        }
    }
}

impl<L: Leaf> Node<L> {
    fn sum(&self) -> Digest {
        let [a, b, c, d] = &self.children;
        a.sum().join(b.sum()).join(c.sum().join(d.sum())).digest()
    }

    /// The one child left, when it is a leaf: then this node has no reason to be.
    fn take_only_leaf(&mut self) -> Option<Child<L>> {
        let mut full = self.children.iter_mut().filter(|child| !matches!(child, Child::Empty));
        match (full.next(), full.next()) {
            (Some(only @ Child::Leaf(_)), None) => Some(std::mem::replace(only, Child::Empty)),
            (_, _) => None,
        }
    }
}

impl Sum {
    fn join(self, right: Sum) -> Sum {
        match (self, right) {
            (Sum::Empty, Sum::Empty) => Sum::Empty,
            (Sum::One(leaf), Sum::Empty) | (Sum::Empty, Sum::One(leaf)) => Sum::One(leaf),
            (left, right) => Sum::Many(Domain::Branch.pair(left.digest(), right.digest())),
        }
    }

    fn digest(self) -> Digest {
        match self {
            Sum::Empty => Digest::ZERO,
            Sum::One(digest) | Sum::Many(digest) => digest,
        }
    }
}

/// Bits `2 * depth` and the next of a point. Points are 256 bits, so 128 levels always tell two apart.
fn digit(point: &[u8; 32], depth: usize) -> usize {
    usize::from(point[depth / 4] >> (6 - 2 * (depth % 4)) & 3)
}

impl<L: Leaf> Default for Trie<L> {
    fn default() -> Self {
        Trie::new()
    }
}

impl<L> Clone for Trie<L> {
    fn clone(&self) -> Self {
        Trie { root: self.root.clone(), len: self.len }
    }
}

impl<L> Clone for Child<L> {
    fn clone(&self) -> Self {
        match self {
            Child::Empty => Child::Empty,
            Child::Leaf(leaf) => Child::Leaf(leaf.clone()),
            Child::Node(node) => Child::Node(node.clone()),
        }
    }
}

impl<L> Clone for Node<L> {
    fn clone(&self) -> Self {
        Node { children: self.children.clone(), digest: self.digest.clone() }
    }
}

#[cfg(test)]
#[path = "trie_tests.rs"]
mod tests;
