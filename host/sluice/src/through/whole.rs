//! All that a host serves, as a file.

use std::io::{BufReader, Seek, SeekFrom, Write};

use anyhow::{Context as _, Result, anyhow};
use http_body_util::{BodyExt, Full};
use hyper::header::AUTHORIZATION;
use hyper::{Request, StatusCode};
use sluice_pack::Archive;

use super::{Through, refusal, root};
use crate::exit::{away, usage};

/// A host's snapshot, in a file that is gone with this value.
pub type Download = Archive<BufReader<std::fs::File>>;

impl Through {
    /// Downloads what the host serves. Its head is checked; each chunk is when it is read. Also gives how many blobs
    /// that belong to it the host does not have.
    ///
    /// # Errors
    /// The host is out of reach, refuses, or ended in the middle; this machine has no room.
    pub async fn snapshot(&self) -> Result<(Download, u64)> {
        let mut request = Request::get(self.uri("/v1/snapshot")?);
        if let Some(bearer) = self.bearer()? {
            request = request.header(AUTHORIZATION, bearer);
        }
        let request = request.body(Full::default()).expect("a parsed address makes a request");
        let response = self.exchange(request).await?;
        let status = response.status();
        if !status.is_success() {
            let words = refusal(status, &self.whole(response).await.unwrap_or_default());
            return Err(match status {
                StatusCode::UNAUTHORIZED => usage(format!("{words:#}: name its file with --publish-token-file FILE")),
                _ => words.context(format!("host {}", self.base)),
            });
        }
        let missing = response.headers().get("sluice-missing-components").and_then(|count| count.to_str().ok());
        let missing = missing.and_then(|count| count.parse().ok()).unwrap_or(0);
        let mut file = tempfile::tempfile().context("cannot make a temporary file: is TMPDIR writable?")?;
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let cut = |error: &dyn std::error::Error| away(format!("host {} broke off: {}", self.base, root(error)));
            if let Ok(data) = frame.map_err(|error| cut(&error))?.into_data() {
                file.write_all(&data).context("cannot write a temporary file: set TMPDIR to where there is room")?;
            }
        }
        file.seek(SeekFrom::Start(0))?;
        let archive = Archive::open(BufReader::new(file));
        Ok((archive.map_err(|error| anyhow!("the snapshot of host {}: {error}: try again", self.base))?, missing))
    }
}
