//! A cluster of three primaries.

use anyhow::{Context, Result};

use crate::server::{Server, free_port};
use crate::wait::wait_for;

const SLOTS: u16 = 16_384;

/// Three nodes, each with a third of the slots.
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts it, and waits until every node knows who has what.
    pub fn start() -> Result<Cluster> {
        let node = |_| {
            // A bus port of its own: the usual one, 10,000 higher, need not exist.
            let bus = free_port()?.to_string();
            let args = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
            Server::with(&[&args[..], &["--appendonly", "yes"]].concat()).map(|server| (server, bus))
        };
        let (nodes, buses): (Vec<_>, Vec<_>) = (0..3).map(node).collect::<Result<Vec<_>>>()?.into_iter().unzip();
        for (at, server) in nodes.iter().enumerate() {
            let third = SLOTS / 3;
            let first = at as u16 * third;
            let last = if at == 2 { SLOTS - 1 } else { first + third - 1 };
            server.cli(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])?;
            let port = nodes[0].port().to_string();
            server.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &buses[0]])?;
        }
        for server in &nodes {
            wait_for("the cluster to be whole", || {
                let info = server.cli(&["CLUSTER", "INFO"]).ok()?;
                (info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")).then_some(())
            });
        }
        Ok(Cluster { nodes })
    }

    /// How clients are told to reach it.
    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> Result<u16> {
        Ok(self.nodes[0].cli(&["CLUSTER", "KEYSLOT", key])?.parse()?)
    }

    /// Which node has the slot, in its own words.
    pub fn owner(&self, slot: u16) -> Result<usize> {
        let has = |node: &Server| {
            let told = node.cli(&["CLUSTER", "NODES"])?;
            let own = told.lines().find(|line| line.contains("myself")).context("a node knows itself")?;
            let ranges = own.split_whitespace().skip(8).filter_map(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?)
            });
            Ok::<bool, anyhow::Error>(ranges.into_iter().any(|range| range.contains(&slot)))
        };
        for (at, node) in self.nodes.iter().enumerate() {
            if has(node)? {
                return Ok(at);
            }
        }
        anyhow::bail!("nobody has slot {slot}")
    }

    /// Opens the way for a slot, both ends told; its keys have not moved yet.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) -> Result<()> {
        let (slot, ids) = (slot.to_string(), (self.id(from)?, self.id(to)?));
        self.nodes[to].cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids.0])?;
        self.nodes[from].cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids.1])?;
        Ok(())
    }

    /// Moves one key of a slot that is on its way.
    pub fn move_key(&self, key: &str, from: usize, to: usize) -> Result<()> {
        let port = self.nodes[to].port().to_string();
        self.nodes[from].cli(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"])?;
        Ok(())
    }

    /// Gives the slot to its new owner, once all keys are there.
    pub fn end_move(&self, slot: u16, to: usize) -> Result<()> {
        let (slot, id) = (slot.to_string(), self.id(to)?);
        for at in [to, 0, 1, 2] {
            self.nodes[at].cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &id])?;
        }
        Ok(())
    }

    fn id(&self, at: usize) -> Result<String> {
        self.nodes[at].cli(&["CLUSTER", "MYID"])
    }
}
