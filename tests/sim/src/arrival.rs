//! The end of a history: whether all hosts have come where they should, and what it amounted to.

use sluice_core::{LOST_FIELD, Node};

use crate::history::Tally;
use crate::host::Host;
use crate::laws;
use crate::weather::Blow;
use crate::world::World;

impl World {
    pub(crate) fn has_arrived(&self) -> bool {
        let is_abandoned = matches!(self.blown, Some((_, Blow::Abandoned)));
        if matches!(self.blown, Some((_, Blow::Reset))) && !self.is_reseeded {
            return false;
        }
        if is_abandoned {
            return self.hosts.iter().all(|host| laws::has_arrived(host, &self.log) || laws::stands_still(host));
        }
        self.hosts.iter().all(|host| laws::has_arrived(host, &self.log))
    }

    pub(crate) fn who_is_missing(&self) -> String {
        let late = |(number, host): (usize, &Host)| {
            let held = host.node.as_ref().map(Node::standing).map_or(0, |standing| standing.held.len());
            let at = host.served.place();
            (!laws::has_arrived(host, &self.log)).then(|| {
                format!(
                    "host {number} stands at {at:?}, {held} held, {:?}",
                    host.node.as_ref().map(Node::standing).and_then(|standing| standing.source)
                )
            })
        };
        let late: Vec<String> = self.hosts.iter().enumerate().filter_map(late).collect();
        format!("not all hosts arrived at entry {}: {}", self.log.tip().index, late.join("; "))
    }

    pub(crate) fn sum_up(&mut self) -> Result<Tally, String> {
        laws::fences_never_fall(&self.log)?;
        laws::nothing_twice(&self.log)?;
        laws::nothing_unseen(&self.log)?;
        laws::owed_is_back(&self.owed, &self.log)?;
        for line in self.log.lines().iter().filter(|line| line.field(LOST_FIELD).is_some()) {
            *self.tally.back.entry(line.outcome.class()).or_default() += 1;
        }
        Ok(std::mem::take(&mut self.tally))
    }
}
