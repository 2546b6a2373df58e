//! Those who take locks, measured in turn.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use sluice_redis::Redlock;

use crate::hand::Hand;
use crate::masters::Masters;
use crate::{fresh_name, ours};

/// How long a lock lasts that is only taken and given back, in ms.
pub const TTL_MS: u64 = 10_000;
/// Of a block, so many of a hundred come first and are not counted.
const WARM_UP: usize = 10;

/// One of them. Clones share their connections.
#[derive(Clone)]
pub enum Client {
    /// The bound.
    Hand(Hand),
    /// Ours.
    Token(Redlock),
    #[cfg(feature = "peer")]
    Peer(rslock::LockManager),
}

impl Client {
    /// All there are, connected.
    ///
    /// # Errors
    /// A master does not answer.
    pub async fn all(masters: &Masters) -> Result<Vec<Client>> {
        let redlock = masters.redlock().await?;
        Ok(vec![
            Client::Hand(Hand::new(masters).await?),
            Client::Token(redlock),
            #[cfg(feature = "peer")]
            Client::Peer(crate::peer::new(masters)),
        ])
    }

    /// One lock taken and given back.
    ///
    /// # Errors
    /// It was not had.
    pub async fn pair(&self, name: &str, ttl_ms: u64) -> Result<()> {
        match self {
            Client::Hand(hand) => hand.pair(name, ttl_ms).await,
            Client::Token(redlock) => ours::pair(redlock, ours::terms(name, ttl_ms, 0)?).await,
            #[cfg(feature = "peer")]
            Client::Peer(peer) => crate::peer::pair(peer, name, ttl_ms).await,
        }
    }

    /// One after the other: how long each took, in us.
    ///
    /// # Errors
    /// One was not had.
    pub async fn pairs_us(&self, pairs: usize, ttl_ms: u64) -> Result<Vec<f64>> {
        let client = self.clone();
        // In a task of the runtime: its own thread is slower to wake.
        let task = tokio::spawn(async move {
            let (name, mut times) = (fresh_name(), Vec::new());
            for at in 0..pairs + pairs * WARM_UP / 100 {
                let begun = Instant::now();
                client.pair(&name, ttl_ms).await?;
                if at >= pairs * WARM_UP / 100 {
                    times.push(begun.elapsed().as_secs_f64() * 1e6);
                }
            }
            anyhow::Ok(times)
        });
        task.await?
    }

    /// By so many at once, each with a name of its own: how many a second.
    ///
    /// # Errors
    /// One was not had.
    pub async fn crowd(&self, clients: usize, pairs: usize) -> Result<f64> {
        let each = (pairs / clients).max(1);
        let gate = Arc::new(tokio::sync::Barrier::new(clients + 1));
        let mut tasks = Vec::new();
        for _ in 0..clients {
            let (client, gate) = (self.clone(), gate.clone());
            tasks.push(tokio::spawn(async move {
                let name = fresh_name();
                gate.wait().await;
                for _ in 0..each {
                    client.pair(&name, TTL_MS).await?;
                }
                anyhow::Ok(())
            }));
        }
        gate.wait().await;
        let begun = Instant::now();
        for task in tasks {
            task.await??;
        }
        Ok((each * clients) as f64 / begun.elapsed().as_secs_f64())
    }
}
