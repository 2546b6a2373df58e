//! The table of `docs/PERFORMANCE.md`: `cargo bench -p sluice-benches --bench figures [-- NAME …]`.

use std::process::ExitCode;

use anyhow::Result;
use sluice_benches::table::HEAD;
use sluice_benches::{Scale, beside, boot, fold, ingest, latency, memory, read, snapshot, verdicts};

// The host's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode> {
    if boot::is_host() {
        return Ok(sluice::main(std::env::args_os()));
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(figures())?;
    Ok(ExitCode::SUCCESS)
}

async fn figures() -> Result<()> {
    if memory::child().await? {
        return Ok(());
    }
    // `cargo bench` passes --bench; without it this is a check that everything works.
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let scale = if is_bench { Scale::FULL } else { Scale::CHECK };
    let names: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wants = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    println!("{HEAD}");
    let print = |rows: Vec<sluice_benches::table::Row>| rows.iter().for_each(|row| println!("{}", row.line()));
    if wants("fold") {
        print(fold::rows(scale));
    }
    if wants("ingest") {
        print(ingest::rows(scale).await?);
    }
    if wants("latency") {
        print(latency::rows(scale).await?);
    }
    if wants("verdicts") {
        print(verdicts::rows(scale).await?);
        if !scale.is_check() {
            print(beside::rows(scale).await?);
        }
    }
    if wants("read") {
        print(read::rows(scale).await?);
    }
    if wants("memory") {
        print(memory::rows(scale).await?);
    }
    if wants("snapshot") {
        print(snapshot::rows(scale).await?);
    }
    if wants("boot") {
        print(boot::rows(scale).await?);
    }
    Ok(())
}
