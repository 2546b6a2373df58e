//! All points that begin with the same bits: an aligned part of the trie.

use std::cmp::Ordering;

use super::{PARTITION_BITS, bit};

/// Bits of a point.
const BITS: usize = 256;

/// The points whose first `depth` bits are given. Those of depth 0 are all points, those of depth
/// [`PARTITION_BITS`] a partition. Ordered by where they begin, then the larger first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    first: [u8; 32],
    depth: u16,
}

impl Subtree {
    /// All points.
    pub const ALL: Subtree = Subtree { first: [0; 32], depth: 0 };

    /// From the first `depth` bits of a point. `None` when a point has not so many, or when further bits are
    /// set, so that there is one way to write each.
    pub fn new(first: [u8; 32], depth: u16) -> Option<Subtree> {
        let depth_bits = usize::from(depth);
        (depth_bits <= BITS && (depth_bits..BITS).all(|at| !bit(&first, at))).then_some(Subtree { first, depth })
    }

    /// One of the 2^14 partitions.
    pub fn partition(partition: u16) -> Subtree {
        let token = u64::from(partition) << (64 - PARTITION_BITS);
        Subtree { first: super::first_point(token), depth: PARTITION_BITS as u16 }
    }

    /// Its first point: the bits, and zeros.
    pub fn first(&self) -> &[u8; 32] {
        &self.first
    }

    /// How many bits are given.
    pub fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// Its two halves, by the next bit; none of a single point.
    pub fn halves(&self) -> Option<[Subtree; 2]> {
        if self.depth() == BITS {
            return None;
        }
        let mut second = self.first;
        second[self.depth() / 8] |= 0x80 >> (self.depth() % 8);
        let depth = self.depth + 1;
        Some([Subtree { first: self.first, depth }, Subtree { first: second, depth }])
    }

    /// Where it lies as seen from a point: `Less` when all of it comes before, `Equal` when the point is in it.
    pub fn cmp_point(&self, point: &[u8; 32]) -> Ordering {
        let (whole, rest) = (self.depth() / 8, self.depth() % 8);
        self.first[..whole].cmp(&point[..whole]).then_with(|| match rest {
            0 => Ordering::Equal,
            _ => (self.first[whole] >> (8 - rest)).cmp(&(point[whole] >> (8 - rest))),
        })
    }

    /// Whether a point is in it.
    pub fn has(&self, point: &[u8; 32]) -> bool {
        self.cmp_point(point).is_eq()
    }

    /// Whether it has all points of another.
    pub fn covers(&self, other: &Subtree) -> bool {
        self.depth <= other.depth && self.has(&other.first)
    }

    /// One bit of what is given.
    pub(super) fn bit(&self, at: usize) -> bool {
        bit(&self.first, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_each() {
        let mut first = [0; 32];
        first[0] = 0b1010_0000;
        assert!(Subtree::new(first, 3).is_some() && Subtree::new(first, 2).is_none());
        assert!(Subtree::new([255; 32], 256).is_some() && Subtree::new([0; 32], 257).is_none());
        assert_eq!(Subtree::new([0; 32], 0), Some(Subtree::ALL));
    }

    #[test]
    fn halves_share_all_points_between_them() {
        let [zeros, ones] = Subtree::ALL.halves().unwrap();
        let [low, high] = ones.halves().unwrap();
        let point = |first: u8| {
            let mut point = [7; 32];
            point[0] = first;
            point
        };
        assert!(zeros.has(&point(0x7f)) && !ones.has(&point(0x7f)));
        assert!(low.has(&point(0xbf)) && high.has(&point(0xc0)) && ones.covers(&high) && !high.covers(&ones));
        assert_eq!((high.cmp_point(&point(0xbf)), zeros.cmp_point(&point(0x80))), (Ordering::Greater, Ordering::Less));
        assert_eq!(Subtree::new([255; 32], 256).unwrap().halves(), None);
        assert!(zeros < low && low < high && Subtree::ALL < zeros);
    }
}
