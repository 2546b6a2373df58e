//! The digest of a whole set, from the digests of parts of it.

use super::Subtree;
use crate::digest::{Digest, Domain};

/// What one subtree contributes to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where its leaves lie.
    pub under: Subtree,
    /// `D` of its leaves, at its depth.
    pub digest: Digest,
    /// Whether it has one leaf, which takes no hashing on its way up; it has one at least.
    pub is_single: bool,
}

/// `D` of some leaves; a single leaf must stay recognisable, for it takes no hashing on its way up.
#[derive(Clone, Copy)]
pub(super) enum Sum {
    Empty,
    One(Digest),
    Many(Digest),
}

/// The root digest of a set that is given in parts, in the order of their subtrees. `None` when two of them
/// overlap, or they are in no order.
pub fn root_of(parts: &[Part]) -> Option<Digest> {
    sum(&Subtree::ALL, parts).map(Sum::digest)
}

impl Sum {
    pub fn join(self, right: Sum) -> Sum {
        match (self, right) {
            (Sum::Empty, Sum::Empty) => Sum::Empty,
            (Sum::One(leaf), Sum::Empty) | (Sum::Empty, Sum::One(leaf)) => Sum::One(leaf),
            (left, right) => Sum::Many(Domain::Branch.pair(left.digest(), right.digest())),
        }
    }

    pub fn digest(self) -> Digest {
        match self {
            Sum::Empty => Digest::ZERO,
            Sum::One(digest) | Sum::Many(digest) => digest,
        }
    }
}

fn sum(under: &Subtree, parts: &[Part]) -> Option<Sum> {
    match parts {
        [] => return Some(Sum::Empty),
        [part] if part.under == *under && part.is_single => return Some(Sum::One(part.digest)),
        [part] if part.under == *under => return Some(Sum::Many(part.digest)),
        _ => (),
    }
    let [zeros, ones] = under.halves()?;
    let (low, high) = parts.split_at(parts.partition_point(|part| zeros.covers(&part.under)));
    // What is larger than both halves, or strays behind, would split for ever.
    if !high.iter().all(|part| ones.covers(&part.under)) {
        return None;
    }
    Some(sum(&zeros, low)?.join(sum(&ones, high)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_overlap_or_stray_have_no_root() {
        let [zeros, ones] = Subtree::ALL.halves().unwrap();
        let part = |under| Part { under, digest: Digest::of(b"1"), is_single: false };
        let (low, high) = (part(zeros), part(ones));
        let both = Domain::Branch.pair(low.digest, high.digest);
        assert_eq!(root_of(&[low, high]), Some(both));
        assert_eq!(root_of(&[]), Some(Digest::ZERO));
        assert_eq!(root_of(&[low]), Some(Domain::Branch.pair(low.digest, Digest::ZERO)));
        assert_eq!(root_of(&[Part { is_single: true, ..high }]), Some(high.digest));
        for wrong in
            [&[high, low][..], &[low, low], &[part(Subtree::ALL), low], &[low, part(zeros.halves().unwrap()[1])]]
        {
            assert_eq!(root_of(wrong), None, "{wrong:?}");
        }
    }
}
