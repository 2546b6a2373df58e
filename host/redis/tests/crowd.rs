//! Many hosts and a server with room for few connections: all get in, and a server that comes back is not fallen upon.

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use common::Server;
use sluice_core::Revision;
use sluice_node::ports::Log;
use sluice_redis::Redis;
use tokio::task::JoinSet;

const HOSTS: usize = 100;
/// Connections the server takes: one for each fourth host.
const ROOM: &str = "25";

/// Every host pulls until the log answers it once, then goes away and leaves its place to another.
async fn all_get_in(server: &Server) {
    let answered = Arc::new(Mutex::new(BTreeSet::new()));
    let mut hosts = JoinSet::new();
    for number in 0..HOSTS {
        let mut settings = server.settings();
        settings.host = Some(format!("host-{number}").parse().unwrap());
        let (redis, answered) = (Redis::new(settings).unwrap(), answered.clone());
        hosts.spawn(async move {
            while redis.pull(Revision::ZERO.into()).await.is_err() {}
            answered.lock().unwrap().insert(number);
        });
    }
    while let Some(host) = hosts.join_next().await {
        host.unwrap();
    }
    assert_eq!(answered.lock().unwrap().len(), HOSTS);
}

#[tokio::test]
async fn a_hundred_hosts_get_in_where_there_is_room_for_a_few() {
    let mut server = Server::start(&["--maxclients", ROOM]).await;
    all_get_in(&server).await;
    server.restart().await;
    all_get_in(&server).await;
}
