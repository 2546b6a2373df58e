//! A Redis with some hosts around it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::host::Host;
use crate::server::Server;
use crate::sluice::{Sluice, binary};
use crate::wait::wait_for;

/// One space: a Redis, hosts, and the command line that goes with them. The hosts go before the server.
pub struct Fleet {
    pub hosts: Vec<Host>,
    pub server: Server,
    pub sluice: Sluice,
    pub folder: TempDir,
}

impl Fleet {
    /// A Redis and `count` hosts of the space `shop`.
    ///
    /// Validators compiled for one fleet are kept beside the binary for the next: compiling is slow in a
    /// debug build, and the tests of compiling are elsewhere.
    pub fn start(count: usize) -> Result<Fleet> {
        Fleet::begin(count, Some(binary()?.with_file_name("validators-of-tests")))
    }

    /// The same, leaving nothing behind.
    pub fn passing(count: usize) -> Result<Fleet> {
        Fleet::begin(count, None)
    }

    /// The same around a server that is up already, which is reached by this URL.
    pub fn around(server: Server, url: &str, count: usize) -> Result<Fleet> {
        Fleet::of(server, url, count, Some(binary()?.with_file_name("validators-of-tests")))
    }

    fn begin(count: usize, cache: Option<PathBuf>) -> Result<Fleet> {
        let server = Server::start()?;
        let url = server.url();
        let fleet = Fleet::of(server, &url, count, cache)?;
        fleet.gather();
        Ok(fleet)
    }

    /// Waits until as many hosts have reported as there are, so that commands which look for them find them. Hosts
    /// that start together connect one after the other.
    pub fn gather(&self) {
        wait_for("all hosts to report", || {
            let reported = self.server.cli(&["ZCARD", "sluice:{shop}:hosts"]).ok()?;
            (reported == self.hosts.len().to_string()).then_some(())
        });
    }

    fn of(server: Server, url: &str, count: usize, cache: Option<PathBuf>) -> Result<Fleet> {
        let folder = tempfile::Builder::new().prefix("sluice-fleet-").tempdir()?;
        let cache = cache.unwrap_or_else(|| folder.path().join("cache"));
        let sluice = Sluice::new(url, "shop", &cache);
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

    /// What became of an entry, in the words of the hosts, which must all be the same.
    #[track_caller]
    pub fn verdict(&self, revision: &str) -> Result<String> {
        let told: Vec<String> = self.hosts.iter().map(|host| host.verdict(revision)).collect::<Result<_>>()?;
        assert!(told.iter().all(|one| *one == told[0]), "hosts differ about {revision}: {told:#?}");
        Ok(told[0].clone())
    }

    /// The value of a key, which must be the same on all hosts. They have seen `revision` then.
    #[track_caller]
    pub fn value(&self, key: &str, revision: &str) -> Result<Option<Vec<u8>>> {
        let values: Vec<Option<Vec<u8>>> = self
            .hosts
            .iter()
            .map(|host| {
                host.passes(revision);
                host.value(key)
            })
            .collect::<Result<_>>()?;
        assert!(values.iter().all(|one| *one == values[0]), "hosts differ about {key} at {revision}");
        Ok(values[0].clone())
    }

    /// How many entries the log has.
    pub fn entries(&self) -> Result<u64> {
        Ok(self.server.cli(&["XLEN", "sluice:{shop}:log"])?.parse()?)
    }

    /// A file of this fleet, gone with it.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<String> {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        std::fs::write(&path, bytes)?;
        Ok(path.to_str().context("the folder's name is UTF-8")?.to_owned())
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
