//! What a host needs for its keys, measured in a process of its own.

use std::process::Command;

use anyhow::{Context, Result};
use sluice_live::Server;

use crate::Scale;
use crate::host::Local;
use crate::state;
use crate::stream::fill;
use crate::table::{Goal, Row};

/// Keys of 1 KiB.
const KEYS: usize = 100_000;

/// Says that this process is the one to be measured, and which Redis to read.
const CHILD: &str = "SLUICE_BENCH_MEMORY";

/// The figure: resident bytes of the whole process against the bytes of keys and values.
pub async fn rows(scale: Scale) -> Result<Vec<Row>> {
    let keys = KEYS.min(scale.keys);
    let server = Server::with(&["--appendonly", "no"])?;
    let last = fill(&server, keys, keys).await?;
    let output = Command::new(std::env::current_exe()?)
        .env(CHILD, format!("{} {last}", server.port()))
        .output()
        .context("cannot start this program again")?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let resident: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    let payload: usize = (0..keys).map(|key| state::name(key).len() + 1024).sum();
    let (resident, payload) = (resident / 1e6, payload as f64 / 1e6);
    Ok(vec![Row::ratio(
        "memory of a host, 100 k keys of 1 KiB",
        "MB",
        resident,
        ("keys and values", payload),
        Goal::AtMost(2.0),
    )])
}

/// When this process is the one to be measured: becomes a host, prints its resident bytes, and says so.
pub async fn child() -> Result<bool> {
    let Ok(told) = std::env::var(CHILD) else { return Ok(false) };
    let (port, last) = told.split_once(' ').context("a port and a revision")?;
    let folder = tempfile::tempdir()?;
    let host = Local::at(&format!("redis://127.0.0.1:{port}"), folder.path(), true)?;
    host.reaches(last.parse()?).await;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("Linux tells VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("VmRSS has a number")?.parse()?;
    println!("{}", kib * 1024);
    host.stop().await;
    Ok(true)
}
