//! The few leaves that share a long prefix, side by side in memory.

use std::sync::{Arc, OnceLock};

use arrayvec::ArrayVec;

use super::{Leaf, Subtree, bit, token};
use crate::digest::{Digest, Domain};

/// Most leaves of a bucket. A change copies one, a look-up finds its leaf in one: about as many leaves as
/// the pointers of the four small nodes which would be here otherwise, without their cache misses.
pub const FULL: usize = 16;

/// Leaves in the order of their points, each behind the first 8 bytes of its point, so that a search reads
/// the bucket alone.
pub struct Bucket<L> {
    leaves: ArrayVec<(u64, Arc<L>), FULL>,
    digest: OnceLock<Digest>,
}

impl<L: Leaf> Bucket<L> {
    pub fn one(leaf: Arc<L>) -> Bucket<L> {
        let mut bucket = Bucket::default();
        bucket.leaves.push((token(leaf.point()), leaf));
        bucket
    }

    /// No more than a bucket holds, in order.
    pub fn of(leaves: &[(u64, Arc<L>)]) -> Bucket<L> {
        Bucket { leaves: leaves.iter().cloned().collect(), digest: OnceLock::new() }
    }

    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    pub fn is_full(&self) -> bool {
        self.leaves.is_full()
    }

    pub fn find(&self, point: &[u8; 32]) -> Option<&Arc<L>> {
        let token = token(point);
        let mut same = self.leaves.iter().filter(|(other, _)| *other == token).map(|(_, leaf)| leaf);
        same.find(|leaf| leaf.point() == point)
    }

    /// Puts a leaf in its place and gives back the one that was there. The bucket must not be full, unless
    /// it has the point already.
    pub fn insert(&mut self, leaf: Arc<L>) -> Option<Arc<L>> {
        self.digest.take();
        let point = leaf.point();
        match self.place(point) {
            Ok(at) => Some(std::mem::replace(&mut self.leaves[at].1, leaf)),
            Err(at) => {
                self.leaves.insert(at, (token(point), leaf));
                None
            }
        }
    }

    pub fn remove(&mut self, point: &[u8; 32]) -> Option<Arc<L>> {
        let at = self.place(point).ok()?;
        self.digest.take();
        Some(self.leaves.remove(at).1)
    }

    /// Puts leaves behind all others; their points must be larger. Used to split and to join.
    pub fn append(&mut self, leaves: impl Iterator<Item = Arc<L>>) {
        self.digest.take();
        self.leaves.extend(leaves.map(|leaf| (token(leaf.point()), leaf)));
    }

    pub fn leaves(&self) -> impl Iterator<Item = &Arc<L>> {
        self.leaves.iter().map(|(_, leaf)| leaf)
    }

    /// `D` of all leaves, which agree in their first `depth` bits.
    pub fn digest(&self, depth: usize) -> Digest {
        *self.digest.get_or_init(|| digest_of(&self.leaves, depth))
    }

    /// `D` of those leaves that are in a subtree.
    pub fn digest_within(&self, under: &Subtree) -> Digest {
        digest_of(self.part(under), under.depth())
    }

    /// The leaves in a subtree.
    pub fn within(&self, under: &Subtree) -> impl Iterator<Item = &Arc<L>> {
        self.part(under).iter().map(|(_, leaf)| leaf)
    }

    fn part(&self, under: &Subtree) -> &[(u64, Arc<L>)] {
        let from = self.leaves.partition_point(|(_, leaf)| under.cmp_point(leaf.point()).is_gt());
        let to = self.leaves.partition_point(|(_, leaf)| under.cmp_point(leaf.point()).is_ge());
        &self.leaves[from..to]
    }

    fn place(&self, point: &[u8; 32]) -> Result<usize, usize> {
        self.leaves.binary_search_by(|(other, leaf)| other.cmp(&token(point)).then_with(|| leaf.point().cmp(point)))
    }
}

fn digest_of<L: Leaf>(leaves: &[(u64, Arc<L>)], depth: usize) -> Digest {
    match leaves {
        [] => Digest::ZERO,
        [(_, leaf)] => leaf.digest(),
        _ => {
            let (zeros, ones) = leaves.split_at(leaves.partition_point(|(_, leaf)| !bit(leaf.point(), depth)));
            Domain::Branch.pair(digest_of(zeros, depth + 1), digest_of(ones, depth + 1))
        }
    }
}

impl<L> Default for Bucket<L> {
    fn default() -> Self {
        Bucket { leaves: ArrayVec::new(), digest: OnceLock::new() }
    }
}

impl<L> Clone for Bucket<L> {
    fn clone(&self) -> Self {
        Bucket { leaves: self.leaves.clone(), digest: self.digest.clone() }
    }
}
