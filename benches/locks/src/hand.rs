//! The bound: what a lock must at least do, by hand. One round of questions to all masters each way, over connections
//! of redis-rs, returned from as soon as a majority answered; no token, no deadline, no word of a loss.

use std::sync::Arc;

use anyhow::{Result, ensure};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Script};

use crate::masters::{Masters, QUORUM};

const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Clones share their connections.
#[derive(Clone)]
pub struct Hand {
    connections: Vec<MultiplexedConnection>,
    release: Arc<Script>,
}

impl Hand {
    /// Connects to each, and loads the script.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn new(masters: &Masters) -> Result<Hand> {
        let (mut connections, release) = (Vec::new(), Arc::new(Script::new(RELEASE)));
        for url in masters.urls() {
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let client = redis::Client::open(url)?;
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            release.prepare_invoke().load_async(&mut connection).await?;
            connections.push(connection);
        }
        Ok(Hand { connections, release })
    }

    /// Tries once. The word under the name, or none: then nothing stays behind.
    ///
    /// # Errors
    /// A master answered with an error.
    pub async fn acquire(&self, name: &str, ttl_ms: u64) -> Result<Option<String>> {
        let word = format!("{:032x}", fastrand::u128(..));
        let asked = self.connections.iter().cloned().map(|mut connection| {
            let mut set = redis::cmd("SET");
            set.arg(name).arg(&word).arg("NX").arg("PX").arg(ttl_ms);
            async move { Ok(set.query_async::<Option<String>>(&mut connection).await?.is_some()) }
        });
        match majority(asked.collect()).await? {
            true => Ok(Some(word)),
            false => {
                self.release(name, &word).await?;
                Ok(None)
            }
        }
    }

    /// Gives it back. Whether a majority still had it.
    ///
    /// # Errors
    /// A master answered with an error.
    pub async fn release(&self, name: &str, word: &str) -> Result<bool> {
        let asked = self.connections.iter().cloned().map(|mut connection| {
            let (release, name, word) = (self.release.clone(), name.to_owned(), word.to_owned());
            async move { Ok(release.key(name).arg(word).invoke_async::<i64>(&mut connection).await? == 1) }
        });
        majority(asked.collect()).await
    }

    /// One lock taken and given back, of which it must be the only holder.
    ///
    /// # Errors
    /// It was not had.
    pub async fn pair(&self, name: &str, ttl_ms: u64) -> Result<()> {
        let word = self.acquire(name, ttl_ms).await?;
        let Some(word) = word else { anyhow::bail!("{name} is taken") };
        ensure!(self.release(name, &word).await?, "{name} was gone");
        Ok(())
    }
}

/// What most of them say, as soon as that is clear. The others go on: dropped, a question still in line is not asked.
async fn majority<F>(mut asked: FuturesUnordered<F>) -> Result<bool>
where
    F: Future<Output = Result<bool>> + Send + 'static,
{
    let (mut yes, mut no) = (0, 0);
    while let Some(answer) = asked.next().await {
        match answer? {
            true => yes += 1,
            false => no += 1,
        }
        if yes.max(no) >= QUORUM {
            break;
        }
    }
    if !asked.is_empty() {
        tokio::spawn(async move { while asked.next().await.is_some() {} });
    }
    Ok(yes >= QUORUM)
}
