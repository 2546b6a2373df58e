//! Blobs: bytes under the BLAKE3 of what they are.

use bytes::Bytes;
use redis::Value;
use sluice_core::{BlobRef, Digest, Lost};
use sluice_node::ports::{Answer, Blobs};

use crate::Redis;
use crate::log::{bytes, odd};

/// Fewer bytes than this are hashed where they are: a thread of their own would cost more.
const INLINE_HASH_BYTES_MAX: usize = 1 << 20;

impl Blobs for Redis {
    fn fetch(&self, digest: Digest) -> Answer<'_, Result<Bytes, Lost>> {
        Box::pin(async move {
            let mut command = redis::cmd("GET");
            command.arg(self.inner.names.blob(digest));
            let found = match self.inner.blobs.ask(&command).await {
                Ok(Value::Nil) => {
                    let why = "is not there: store it again, or republish the value without a blob";
                    return Err(self.about(digest, why));
                }
                other => other.and_then(bytes).map_err(|trouble| self.lost(trouble))?,
            };
            match digest_of(&found).await? == digest {
                true => Ok(found),
                false => Err(self.about(digest, "has other bytes than it is named for: delete it and store it again")),
            }
        })
    }

    /// Written even when it is there already: writing heals a blob whose bytes were damaged.
    fn store(&self, bytes: Bytes) -> Answer<'_, Result<BlobRef, Lost>> {
        Box::pin(async move {
            let digest = digest_of(&bytes).await?;
            let mut command = redis::cmd("SET");
            command.arg(self.inner.names.blob(digest)).arg(&bytes[..]);
            match self.inner.blobs.ask(&command).await {
                Ok(Value::Okay) => Ok(BlobRef { digest, length: bytes.len() as u64 }),
                Ok(other) => Err(self.lost(odd("SET", &other))),
                Err(trouble) => Err(self.lost(trouble)),
            }
        })
    }
}

impl Redis {
    /// Whether a blob of this name is there; its bytes are not looked at.
    ///
    /// # Errors
    /// The server is out of reach or does not allow it.
    pub async fn blob_exists(&self, digest: Digest) -> Result<bool, Lost> {
        let mut command = redis::cmd("EXISTS");
        command.arg(self.inner.names.blob(digest));
        match self.inner.commands.ask(&command).await {
            Ok(Value::Int(found)) => Ok(found > 0),
            Ok(other) => Err(self.lost(odd("EXISTS", &other))),
            Err(trouble) => Err(self.lost(trouble)),
        }
    }

    fn about(&self, digest: Digest, why: &str) -> Lost {
        Lost(format!("{}: blob {digest} {why}", self.address()))
    }
}

async fn digest_of(bytes: &Bytes) -> Result<Digest, Lost> {
    if bytes.len() <= INLINE_HASH_BYTES_MAX {
        return Ok(Digest::of(bytes));
    }
    let bytes = bytes.clone();
    let hashed = tokio::task::spawn_blocking(move || Digest::of(&bytes)).await;
    hashed.map_err(|error| Lost(format!("hashing a blob failed: {error}")))
}
