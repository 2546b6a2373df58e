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
