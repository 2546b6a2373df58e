//! The suites that every log and every store of blobs passes.

mod common;

use std::sync::Arc;

use common::Server;
use sluice_node::conformance;

#[tokio::test]
async fn the_log_and_the_blobs_keep_what_their_ports_promise() {
    let server = Server::start(&[]).await;
    conformance::log(Arc::new(server.redis())).await;
    conformance::blobs(Arc::new(server.redis())).await;
}

#[tokio::test]
async fn the_log_can_be_trimmed() {
    let server = Server::start(&[]).await;
    let redis = Arc::new(server.redis());
    conformance::retention(redis.clone(), redis).await;
}

#[tokio::test]
async fn the_leases_keep_what_their_port_promises() {
    let server = Server::start(&[]).await;
    conformance::leases(Arc::new(server.redis())).await;
}

#[tokio::test]
async fn the_snapshots_keep_what_their_port_promises() {
    let server = Server::start(&[]).await;
    conformance::snapshots(Arc::new(server.redis().shelf("edge-1"))).await;
}
