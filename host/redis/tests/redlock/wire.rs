//! Other clients of the same locks: each excludes the other.

use std::path::PathBuf;
use std::process::Stdio;

use sluice_redis::Refused;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::{Masters, NAME, refused, taken, terms, wait_for};

/// Each takes the lock once, says how that went, gives it back when it is told to, and says so.
const PYTHON: &str = "
import sys
from redlock import Redlock
locks = Redlock([{'unix_socket_path': path} for path in sys.argv[2:]], retry_count=1)
lock = locks.lock(sys.argv[1], 20000)
print('had' if lock else 'refused', flush=True)
sys.stdin.readline()
if lock: locks.unlock(lock)
print('given back', flush=True)
";
const NODE: &str = "
const { default: Redlock } = require('redlock');
const Redis = require('ioredis');
const [name, ...paths] = process.argv.slice(1);
const clients = paths.map((path) => new Redis({ path }));
const locks = new Redlock(clients, { retryCount: 0 });
// It goes on once a majority answered: what is still on its way to the others must not be cut off, or come later.
const settled = () => Promise.all(clients.map((client) => client.ping()));
locks.acquire([name], 20000).catch(() => null).then(async (lock) => {
  await settled();
  console.log(lock ? 'had' : 'refused');
  process.stdin.once('data', async () => {
    if (lock) await lock.release();
    await settled();
    console.log('given back');
    process.exit(0);
  });
});
";

struct Peer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    async fn start(language: &str, masters: &Masters) -> (Peer, String) {
        let binary = std::env::current_exe().unwrap();
        let peers = binary.ancestors().nth(3).unwrap().join("languages/peers");
        assert!(peers.join("installed").is_file(), "no clients in {}: ./x setup-languages", peers.display());
        let (program, flag, text) = match language {
            "python" => (peers.join("venv/bin/python"), "-c", PYTHON),
            _ => (PathBuf::from("node"), "-e", NODE),
        };
        let mut command = Command::new(program);
        command.args([flag, text, NAME]).args(masters.servers.iter().map(|server| server.socket()));
        command.current_dir(&peers).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut peer = Peer { child, lines };
        let said = peer.says().await;
        (peer, said)
    }

    async fn says(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap_or_default()
    }

    async fn gives_back(mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"now\n").await.unwrap();
        assert_eq!(self.says().await, "given back");
    }
}

async fn exclude_each_other(language: &str) {
    let masters = Masters::start().await;
    let ours = masters.bootstrapped().await;
    let (theirs, said) = Peer::start(language, &masters).await;
    assert_eq!(said, "had");
    assert!(matches!(refused(ours.acquire(terms(10_000, 0)).await), Refused::Taken { left_ms: 1.. }));
    ours.close().await;
    assert_eq!(masters.keys(0..5).await, 5, "our failed try took nothing from them");
    theirs.gives_back().await;
    let held = taken(&ours, terms(20_000, 20_000)).await;
    wait_for(|| async { masters.keys(0..5).await == 5 }).await;
    let (theirs, said) = Peer::start(language, &masters).await;
    assert_eq!(said, "refused");
    theirs.gives_back().await;
    assert_eq!(masters.keys(0..5).await, 5, "nor theirs from us");
    assert!(held.check().is_ok());
    held.release().await;
    ours.close().await;
    assert_eq!(masters.keys(0..5).await, 0);
}

#[tokio::test]
async fn wire_1_redlock_for_python_and_ours_exclude_each_other() {
    exclude_each_other("python").await;
}

#[tokio::test]
async fn wire_1_redlock_for_node_and_ours_exclude_each_other() {
    exclude_each_other("node").await;
}
