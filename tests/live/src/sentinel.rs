//! A primary, its replica, and three Sentinels that watch over them.

use anyhow::Result;

use crate::server::Server;
use crate::wait::wait_for;

/// What the Sentinels call it.
pub const NAME: &str = "main";

/// Two servers and three Sentinels, all processes of our own.
pub struct Sentinels {
    /// The first of them was the primary at the start.
    pub servers: [Server; 2],
    pub sentinels: Vec<Server>,
}

impl Sentinels {
    /// Starts all of it, and waits until every Sentinel knows the replica and the other Sentinels.
    pub fn start() -> Result<Sentinels> {
        let primary = Server::start()?;
        let replica = Server::replica_of(&primary)?;
        let settings = format!(
            "sentinel monitor {NAME} 127.0.0.1 {} 2\nsentinel down-after-milliseconds {NAME} 500\n\
             sentinel failover-timeout {NAME} 3000\n",
            primary.port()
        );
        let sentinels = (0..3).map(|_| Server::sentinel(&settings)).collect::<Result<Vec<_>>>()?;
        for sentinel in &sentinels {
            wait_for("the Sentinels to know each other", || {
                let info = sentinel.cli(&["INFO", "sentinel"]).ok()?;
                info.contains("slaves=1,sentinels=3").then_some(())
            });
        }
        Ok(Sentinels { servers: [primary, replica], sentinels })
    }

    /// How clients are told to reach the primary.
    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
        format!("redis+sentinel://{}/{NAME}", nodes.join(","))
    }

    /// Waits until this one is the primary, in its own words and in those of all Sentinels.
    #[track_caller]
    pub fn promoted(&self, at: usize) {
        let port = self.servers[at].port().to_string();
        wait_for("the failover", || {
            let named = |sentinel: &Server| {
                let told = sentinel.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
                told.is_ok_and(|told| told.lines().nth(1) == Some(&port))
            };
            let is_primary = self.servers[at].role().is_ok_and(|role| role == "master");
            (is_primary && self.sentinels.iter().all(named)).then_some(())
        });
    }
}
