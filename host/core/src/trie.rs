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
//! root digest; a partition's digest is `D` at bit 14. In memory two levels of that binary tree make one
//! node, and the last levels, where few leaves are left, one bucket: a look-up follows half the pointers
//! while it is among nodes that fit the cache, and only two where nothing does. Digests are worked out when
//! asked for and kept, so a batch pays for each touched node once.

mod bucket;
mod bulk;
mod part;
mod subtree;

use std::sync::{Arc, OnceLock};

use self::bucket::{Bucket, FULL};
use self::part::Sum;
pub use self::part::{Part, root_of};
pub use self::subtree::Subtree;
use crate::digest::Digest;

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

// Canonical form: there is a node at a depth exactly when more leaves than a bucket holds share the bits
// above it. Equal sets therefore have equal shapes, and a removal undoes an insertion.
#[derive(Default)]
enum Child<L> {
    #[default]
    Empty,
    Bucket(Arc<Bucket<L>>),
    Node(Arc<Node<L>>),
}

struct Node<L> {
    children: [Child<L>; 4],
    digest: OnceLock<Digest>,
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
        let mut level = 0;
        loop {
            match child {
                Child::Empty => return None,
                Child::Bucket(bucket) => return bucket.find(point),
                Child::Node(node) => child = &node.children[digit(point, level)],
            }
            level += 1;
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
        self.root.sum(0).digest()
    }

    /// `D` of the leaves in a subtree, at its depth.
    pub fn digest(&self, under: &Subtree) -> Digest {
        let (mut child, mut level) = (&self.root, 0);
        loop {
            match child {
                Child::Empty => return Digest::ZERO,
                Child::Bucket(bucket) => return bucket.digest_within(under),
                Child::Node(_) if under.depth() == 2 * level => return child.sum(level).digest(),
                Child::Node(node) if under.depth() == 2 * level + 1 => return node.half(under, level).digest(),
                Child::Node(node) => child = &node.children[digit(under.first(), level)],
            }
            level += 1;
        }
    }

    /// Shows each leaf in a subtree, in the order of their points.
    pub fn each<'a>(&'a self, under: &Subtree, mut see: impl FnMut(&'a Arc<L>)) {
        self.root.each(under, 0, &mut see);
    }
}

impl<L: Leaf> Child<L> {
    fn insert(&mut self, leaf: Arc<L>, level: usize) -> Option<Arc<L>> {
        match self {
            Child::Empty => {
                *self = Child::Bucket(Arc::new(Bucket::one(leaf)));
                None
            }
            Child::Bucket(bucket) if bucket.is_full() && bucket.find(leaf.point()).is_none() => {
                *self = Child::Node(Arc::new(Node::split(bucket, level)));
                self.insert(leaf, level)
            }
            Child::Bucket(bucket) => Arc::make_mut(bucket).insert(leaf),
            Child::Node(node) => {
                let node = Arc::make_mut(node);
                node.digest.take();
                node.children[digit(leaf.point(), level)].insert(leaf, level + 1)
            }
        }
    }

    fn remove(&mut self, point: &[u8; 32], level: usize) -> Option<Arc<L>> {
        match self {
            Child::Empty => None,
            Child::Bucket(bucket) => {
                let old = Arc::make_mut(bucket).remove(point);
                if bucket.len() == 0 {
                    *self = Child::Empty;
                }
                old
            }
            Child::Node(node) => {
                let node = Arc::make_mut(node);
                node.digest.take();
                let old = node.children[digit(point, level)].remove(point, level + 1);
                if let Some(bucket) = node.joined() {
                    *self = Child::Bucket(Arc::new(bucket));
                }
                old
            }
        }
    }

    fn each<'a>(&'a self, under: &Subtree, level: usize, see: &mut impl FnMut(&'a Arc<L>)) {
        match self {
            Child::Empty => (),
            Child::Bucket(bucket) => bucket.within(under).for_each(see),
            Child::Node(node) if under.depth() >= 2 * level + 2 => {
                node.children[digit(under.first(), level)].each(under, level + 1, see);
            }
            Child::Node(node) => {
                let half = (under.depth() == 2 * level + 1).then(|| under.bit(2 * level));
                let wanted = |at: usize| half.is_none_or(|ones| (at >= 2) == ones);
                let children = node.children.iter().enumerate().filter(|(at, _)| wanted(*at));
                children.for_each(|(_, child)| child.each(under, level + 1, see));
            }
        }
    }

    fn sum(&self, level: usize) -> Sum {
        match self {
            Child::Empty => Sum::Empty,
            Child::Bucket(bucket) if bucket.len() == 1 => Sum::One(bucket.digest(2 * level)),
            Child::Bucket(bucket) => Sum::Many(bucket.digest(2 * level)),
            Child::Node(node) => Sum::Many(*node.digest.get_or_init(|| node.sum(level))),
        }
    }
}

impl<L: Leaf> Node<L> {
    /// A full bucket at a level, as four.
    fn split(bucket: &Bucket<L>, level: usize) -> Node<L> {
        let children = [0, 1, 2, 3].map(|place| {
            let mut part = Bucket::default();
            part.append(bucket.leaves().filter(|leaf| digit(leaf.point(), level) == place).cloned());
            if part.len() == 0 { Child::Empty } else { Child::Bucket(Arc::new(part)) }
        });
        Node { children, digest: OnceLock::new() }
    }

    /// The one bucket of all leaves here, when they fit: then this node has no reason to be.
    fn joined(&self) -> Option<Bucket<L>> {
        let mut len = 0;
        for child in &self.children {
            match child {
                Child::Empty => {}
                Child::Bucket(bucket) => len += bucket.len(),
                Child::Node(_) => return None,
            }
        }
        let mut joined = Bucket::default();
        for child in self.children.iter().filter(|_| len <= FULL) {
            if let Child::Bucket(bucket) = child {
                joined.append(bucket.leaves().cloned());
            }
        }
        (len <= FULL).then_some(joined)
    }

    /// The half that a subtree is which ends between two levels.
    fn half(&self, under: &Subtree, level: usize) -> Sum {
        let [a, b, c, d] = &self.children;
        let (left, right) = if under.bit(2 * level) { (c, d) } else { (a, b) };
        left.sum(level + 1).join(right.sum(level + 1))
    }

    fn sum(&self, level: usize) -> Digest {
        let [a, b, c, d] = self.children.each_ref().map(|child| child.sum(level + 1));
        a.join(b).join(c.join(d)).digest()
    }
}

/// Bits `2 * level` and the next of a point. Points are 256 bits, so 128 levels always tell two apart.
fn digit(point: &[u8; 32], level: usize) -> usize {
    usize::from(point[level / 4] >> (6 - 2 * (level % 4)) & 3)
}

/// One bit of a point; bit 0 is the highest of the first byte.
fn bit(point: &[u8; 32], at: usize) -> bool {
    point[at / 8] >> (7 - at % 8) & 1 == 1
}

/// The first 8 bytes of a point.
fn token(point: &[u8; 32]) -> u64 {
    u64::from_be_bytes(*point.first_chunk().expect("a point has 32 bytes"))
}

/// The first point of a token.
fn first_point(token: u64) -> [u8; 32] {
    let mut point = [0; 32];
    point[..8].copy_from_slice(&token.to_be_bytes());
    point
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
            Child::Bucket(bucket) => Child::Bucket(bucket.clone()),
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
