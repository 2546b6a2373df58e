//! Where a node stands.

use crate::effect::{Held, Standing};
use crate::node::Node;
use crate::wait::Waiting;

impl Node {
    /// Where this host stands, for those who ask it directly.
    pub fn standing(&self) -> Standing {
        let held: Vec<Held> = self.held.values().map(Waiting::shown).collect();
        let (source, store) = (self.source.clone(), self.store.clone());
        let (state, remarks) = (self.served.clone(), self.remarks.all());
        Standing { state, held, source, rift: self.rift, store, probation: None, remarks }
    }
}
