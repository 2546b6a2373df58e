//! What validators had to say about changes that were applied all the same.

use std::collections::VecDeque;

use crate::effect::{Remark, Settled, Step};
use crate::outcome::Outcome;

/// How many changes are remembered: for publishers who wait, not for history, which asks the validators again.
const REMARKS_MAX: usize = 32;

/// The newest remarks, in the order they were made. Not part of the state: no rule depends on them.
#[derive(Default)]
pub struct Remarks(VecDeque<Remark>);

impl Remarks {
    /// Remembers what was said about a step.
    pub fn note(&mut self, step: &Step) {
        let (Step::Folded(settled) | Step::Released(settled)) = step else { return };
        let Settled { entry, outcome: Outcome::Applied(findings), .. } = settled else { return };
        if findings.is_empty() {
            return;
        }
        if self.0.len() >= REMARKS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Remark { revision: entry.revision, findings: findings.clone() });
    }

    /// All of them.
    pub fn all(&self) -> Vec<Remark> {
        self.0.iter().cloned().collect()
    }
}
