//! A Redis with some hosts around it.

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::Host;
use crate::server::Server;
use crate::sluice::Sluice;

/// One space: a Redis, hosts, and the command line that goes with them. The hosts go before the server.
pub struct Fleet {
    pub hosts: Vec<Host>,
    pub server: Server,
    pub sluice: Sluice,
    pub folder: TempDir,
}

impl Fleet {
    /// A Redis and `count` hosts of the space `shop`.
    pub fn start(count: usize) -> Result<Fleet> {
        let server = Server::start()?;
        let folder = tempfile::Builder::new().prefix("sluice-fleet-").tempdir()?;
        let sluice = Sluice::new(&server.url(), "shop", &folder.path().join("cache"));
        let mut fleet = Fleet { hosts: Vec::new(), server, sluice, folder };
        for number in 1..=count {
            let host = fleet.host(&format!("edge-{number}"), &[])?;
            fleet.hosts.push(host);
        }
        Ok(fleet)
    }

    /// Starts one more host, or one again on the folder it had.
    pub fn host(&self, id: &str, more: &[&str]) -> Result<Host> {
        Host::start(&self.sluice, id, self.folder.path().join(id), more)
    }

    /// `XADD` as any publisher would: name and value, name and value.
    pub fn xadd(&self, fields: &[&str]) -> Result<String> {
        self.server.cli(&[&["XADD", "sluice:{shop}:log", "*"], fields].concat())
    }

    /// Waits until all hosts serve `revision`, and checks that they agree on root and chain.
    #[track_caller]
    pub fn converge(&self, revision: &str) -> Value {
        let all: Vec<Value> = self.hosts.iter().map(|host| host.reaches(revision)).collect();
        for status in &all {
            assert_eq!(status["root"], all[0]["root"], "roots differ at {revision}: {all:#?}");
            assert_eq!(status["chain"], all[0]["chain"], "chains differ at {revision}: {all:#?}");
        }
        all[0].clone()
    }
}
