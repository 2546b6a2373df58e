//! Finding the node of a cluster that has the space.
//!
//! All keys of a space lie in one slot, so one node has it all, and a cluster's routing comes down to asking any
//! node and following it: `MOVED` names the slot's owner. While the slot moves to another owner, the keys that are
//! there already are answered with `ASK`; that node takes a question for them behind an `ASKING`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::address::Address;
use crate::trouble::Trouble;
use crate::url::Node;
use crate::wire::{Wire, late};

/// Nodes of one mind name each other at most once; a few more while an owner changes.
const REDIRECTS_MAX: usize = 5;

/// Some nodes of a cluster, and the one that matters.
pub(crate) struct Cluster {
    seeds: Vec<Node>,
    log: String,
    /// Who had the slot last.
    known: Mutex<Option<Node>>,
}

impl Cluster {
    pub fn new(seeds: Vec<Node>, log: &str) -> Cluster {
        Cluster { seeds, log: log.to_owned(), known: Mutex::new(None) }
    }

    /// A connection to the owner of the slot. Who had it last is asked first, then each seed, all for the same
    /// share of the time.
    pub async fn open(&self, address: &Address, limit: Duration, purpose: &str) -> Result<Wire, Trouble> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).take();
        let starts: Vec<&Node> =
            known.iter().chain(self.seeds.iter().filter(|seed| Some(*seed) != known.as_ref())).collect();
        let share = limit / starts.len() as u32;
        let (mut faults, mut said) = (Vec::new(), None);
        for start in starts {
            let found = timeout(share, self.follow(start.clone(), address, purpose)).await;
            match found.unwrap_or_else(|_| Err(late(share).at(start))) {
                Ok((wire, node)) => {
                    *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(node);
                    return Ok(wire);
                }
                // One node may be loading, or cut off from the rest.
                Err(trouble @ Trouble::Said { .. }) => said = Some(trouble),
                Err(trouble) => faults.push(trouble.words()),
            }
        }
        match said {
            Some(said) => Err(said),
            None => Err(Trouble::Broken(format!("no node of the cluster leads to the space: {}", faults.join("; ")))),
        }
    }

    async fn follow(&self, start: Node, address: &Address, purpose: &str) -> Result<(Wire, Node), Trouble> {
        let mut node = start;
        for _ in 0..REDIRECTS_MAX {
            let mut wire =
                Wire::to(&node, address, &address.login, purpose).await.map_err(|trouble| trouble.at(&node))?;
            node = match wire.ask_once(&["EXISTS", &self.log]).await {
                Ok(_) => return Ok((wire, node)),
                Err(Trouble::Said { code, words }) => match code.as_str() {
                    "MOVED" => redirected(&words, &node)?,
                    // The slot is on its way from here, or we may not ask: the real question will tell.
                    "ASK" | "TRYAGAIN" | "NOPERM" => return Ok((wire, node)),
                    _ => return Err(Trouble::Said { code, words }),
                },
                Err(trouble) => return Err(trouble.at(&node)),
            };
        }
        Err(Trouble::Broken("its nodes send us from one to the other: this passes, or see CLUSTER NODES".to_owned()))
    }

    /// The node that `3999 10.0.0.1:6381` names.
    pub fn redirected(&self, words: &str) -> Option<Node> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        redirected(words, &known?).ok()
    }
}

/// A node without a name is the one that was asked, on another port.
fn redirected(words: &str, from: &Node) -> Result<Node, Trouble> {
    let place = words.split_once(' ').and_then(|(_, place)| place.rsplit_once(':'));
    let node = place.and_then(|(host, port)| {
        let host = host.trim_matches(['[', ']']);
        let host = if host.is_empty() || host == "?" { &from.host } else { host };
        Some(Node { host: host.to_owned(), port: port.parse().ok()? })
    });
    node.ok_or_else(|| Trouble::Broken("it sends us to a node without an address: see CLUSTER NODES".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_names_its_node_or_means_the_one_asked() {
        let from = Node { host: "edge".to_owned(), port: 7 };
        let to = |words| redirected(words, &from).map(|node| node.to_string()).map_err(|trouble| trouble.words());
        assert_eq!(to("3999 10.0.0.1:6381").unwrap(), "10.0.0.1:6381");
        assert_eq!(to("3999 ::1:6381").unwrap(), "[::1]:6381");
        assert_eq!(to("3999 :6381").unwrap(), "edge:6381");
        assert!(to("3999").unwrap_err().contains("CLUSTER NODES") && to("3999 h:x").is_err());
    }
}
