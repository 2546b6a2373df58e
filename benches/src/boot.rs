//! How long a host takes from its start until it serves: on an empty folder, and on its own disk alone.
//!
//! The host is the real one, `sluice host run`, in a process of its own: this program, started again.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sluice_live::process::Process;
use sluice_live::{Host, Server, Sluice, wait_for};
use sluice_node::keeper::Looked;

use crate::host::Local;
use crate::stream::{SPACE, connect, fill_small};
use crate::table::{Goal, Row, median};
use crate::{Scale, state};

/// Says that this process is a host, and its arguments are those of `sluice`.
const CHILD: &str = "SLUICE_BENCH_HOST";
/// Keys of a small space, and within how many seconds such a host serves.
const SMALL: (usize, f64) = (10_000, 0.5);
/// Within how many seconds one of the large space does.
const LARGE_S: f64 = 2.0;
/// A key that all of these spaces have.
const KEY: usize = 500;
/// Bytes sent to Redis at a time, where a blob is made.
const PIECE_BYTES: usize = 16 << 20;
/// The blob of the limit.
const BLOB: &str = "blob";

/// Whether this process is to be a host.
pub fn is_host() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// A large space and a small one.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    let mut rows = of(scale.keys, LARGE_S, scale.runs).await?;
    let small = of(SMALL.0.min(scale.keys), SMALL.1, scale.runs).await?;
    rows.extend(small);
    Ok(rows)
}

async fn of(keys: usize, goal_s: f64, runs: usize) -> Result<Vec<Row>> {
    let mut server = Server::with(&["--appendonly", "no"])?;
    let folded = tempfile::tempdir()?;
    let payload = fill(&server, folded.path(), keys).await?;
    let (mut fresh, mut limits) = (Vec::new(), Vec::new());
    let mut restored = tempfile::tempdir()?;
    for _ in 0..runs {
        limits.push(blob_s(&server, payload)?);
        restored = tempfile::tempdir()?;
        fresh.push(serving_s(&server.url(), &restored.path().join("data"))?);
    }
    server.kill()?;
    let (mut booted, mut replayed, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        read.push(read_s(&restored.path().join("data"))?);
        booted.push(serving_s(&server.url(), &restored.path().join("data"))?);
        replayed.push(serving_s(&server.url(), &folded.path().join("data"))?);
    }
    let [fresh, limit, booted, replayed, read] = [fresh, limits, booted, replayed, read].map(median);
    let goal = |is_goal| if is_goal { Goal::AtMost(2.0) } else { Goal::None };
    let name = |what: &str| format!("{what}, {keys} keys of 256 B");
    let ratio = |what: &str, value, limit, goal| Row::ratio(&name(what), "s", value, limit, goal);
    Ok(vec![
        ratio("fresh host until it serves the newest snapshot", fresh, ("one blob", limit), goal(goal_s == LARGE_S)),
        ratio("boot without network, from an image", booted, ("goal", goal_s), Goal::AtMost(1.0)),
        ratio("the same", booted, ("reading and hashing the files", read), Goal::None),
        ratio("boot without network, of a host that folded all of it", replayed, ("goal", goal_s), Goal::AtMost(1.0)),
    ])
}

/// Fills the log, lets a host fold it, and leaves a snapshot with an empty log behind it, and a blob of the same
/// bytes; answers how many those are.
async fn fill(server: &Server, folder: &Path, keys: usize) -> Result<usize> {
    let last = fill_small(server, 0..keys).await?;
    let host = Local::start(server, folder, true)?;
    host.reaches(last).await;
    let looked = host.keeper().look(true).await.map_err(|lost| anyhow::anyhow!(lost.0))?;
    ensure!(matches!(looked, Looked::Wrote(..)), "no snapshot was written: {looked:?}");
    let mut connection = connect(server).await?;
    let (mut piece, mut length) = (Vec::new(), 0);
    for (number, (key, item)) in host.hub.view().state.range("", None).enumerate() {
        piece.extend_from_slice(key.as_str().as_bytes());
        piece.extend_from_slice(&item.bytes);
        if piece.len() >= PIECE_BYTES || number + 1 == keys {
            length = redis::cmd("APPEND").arg(BLOB).arg(&piece[..]).query_async(&mut connection).await?;
            piece.clear();
        }
    }
    host.stop().await;
    Ok(length)
}

/// Seconds to fetch the blob over a bare socket, and to write it to the disk.
fn blob_s(server: &Server, length: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port()))?;
    stream.write_all(format!("*2\r\n$3\r\nGET\r\n${}\r\n{BLOB}\r\n", BLOB.len()).as_bytes())?;
    let mut answer = vec![0; format!("${length}\r\n").len() + length + 2];
    stream.read_exact(&mut answer)?;
    ensure!(answer.starts_with(format!("${length}\r\n").as_bytes()), "the blob has another length");
    let mut file = File::create(folder.path().join(BLOB))?;
    file.write_all(&answer)?;
    file.sync_all()?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds from the start of a host on a folder until it serves a key; then it is stopped.
fn serving_s(url: &str, data: &Path) -> Result<f64> {
    let parent = data.parent().context("the folder is in one of ours")?;
    let sluice = Sluice::new(url, SPACE, parent).by(&std::env::current_exe()?);
    let mut command = Host::command(&sluice, "bench", data, &[])?;
    command.env(CHILD, "1");
    let begun = Instant::now();
    let host = Host::of(Process::start(&mut command)?, "bench", data.to_owned())?;
    let name = state::name(KEY);
    let value = wait_for("the host to serve", || host.value(&name).ok().flatten());
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(value.len() == 256, "{name} is {}", String::from_utf8_lossy(&value));
    host.terminate()?;
    Ok(seconds)
}

/// Seconds to read all files of a folder, and to hash them.
fn read_s(folder: &Path) -> Result<f64> {
    let begun = Instant::now();
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        if file.file_type()?.is_file() {
            std::hint::black_box(sluice_core::Digest::of(&std::fs::read(file.path())?));
        }
    }
    Ok(begun.elapsed().as_secs_f64())
}
