//! The rows of locks in `docs/PERFORMANCE.md`: `cargo bench -p sluice-bench-locks --features peer [-- NAME …]`.

use anyhow::Result;
use sluice_bench_locks::masters::Masters;
use sluice_bench_locks::table::{HEAD, Row};
use sluice_bench_locks::{Scale, contended, stopped, uncontended};

fn main() -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(figures())
}

async fn figures() -> Result<()> {
    // `cargo bench` passes --bench; without it this is a check that everything works.
    let is_bench = std::env::args().any(|arg| arg == "--bench") && !std::env::args().any(|arg| arg == "--test");
    let scale = if is_bench { Scale::FULL } else { Scale::CHECK };
    let names: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wants = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let Some(masters) = Masters::start().await? else {
        println!("there is no redis-server: nothing is measured");
        return Ok(());
    };
    println!("{HEAD}");
    let print = |rows: Vec<Row>| rows.iter().for_each(|row| println!("{}", row.line()));
    if wants("uncontended") {
        print(uncontended::rows(scale, &masters).await?);
    }
    if wants("stopped") {
        print(stopped::rows(scale, &masters).await?);
    }
    if wants("contended") {
        print(contended::rows(scale, &masters).await?);
    }
    Ok(())
}
