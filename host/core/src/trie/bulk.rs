//! A whole trie at once, from its leaves.

use std::sync::{Arc, OnceLock};

use super::bucket::{Bucket, FULL};
use super::{Child, Leaf, Node, Trie, digit};
use crate::crew::{AT_ONCE_MIN, Crew};

impl<L: Leaf + Send + Sync> Trie<L> {
    /// Of leaves in the order of their points, no two at one, each behind the first 8 bytes of its point. Digests are
    /// worked out on the way, at once if the crew can.
    pub fn of(leaves: &[(u64, Arc<L>)], crew: &impl Crew) -> Trie<L> {
        Trie { root: Child::of(leaves, 0, crew), len: leaves.len() }
    }
}

impl<L: Leaf + Send + Sync> Child<L> {
    fn of(leaves: &[(u64, Arc<L>)], level: usize, crew: &impl Crew) -> Child<L> {
        let child = match leaves.len() {
            0 => Child::Empty,
            1..=FULL => Child::Bucket(Arc::new(Bucket::of(leaves))),
            len => {
                let up_to = |place| leaves.partition_point(|(_, leaf)| digit(leaf.point(), level) < place);
                let [b, c, d] = [1, 2, 3].map(up_to);
                let part = |leaves| Child::of(leaves, level + 1, crew);
                let one = || [part(&leaves[..b]), part(&leaves[b..c])];
                let other = || [part(&leaves[c..d]), part(&leaves[d..])];
                let ([a, b], [c, d]) = if len < AT_ONCE_MIN { (one(), other()) } else { crew.both(one, other) };
                Child::Node(Arc::new(Node { children: [a, b, c, d], digest: OnceLock::new() }))
            }
        };
        child.sum(level);
        child
    }
}
