//! `sluice snapshot`: whole states, kept in Redis and in files.

mod file;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Map, Value, json};
use sluice_core::{Lost, State};
use sluice_node::hub::wall_ms;
use sluice_node::keeper::SNAPSHOT;
use sluice_node::{Archive as _, Kept, Lease, Leases, WriteError};
use sluice_pack::{Archive, ArchiveError, Manifest, Stored};

use crate::cli::{Restore, SnapshotVerb};
use crate::exit::{Ended, away, usage};
use crate::output::Table;
use crate::space::{Context, Space};
use crate::through::Through;
use crate::utc::utc;

/// How long a command may hold the lease, in ms; who ends in the middle keeps hosts from writing no longer.
const LEASE_MS: u64 = 120_000;

pub fn run(context: &Context, verb: &SnapshotVerb) -> Result<Ended> {
    if let (SnapshotVerb::Save { file }, Some(host)) = (verb, Through::of(context)?) {
        return save_from(context, &host, file);
    }
    let space = context.space()?;
    match verb {
        SnapshotVerb::Write => write(context, &space),
        SnapshotVerb::Save { file } => save(context, &space, file),
        SnapshotVerb::Restore(args) => restore(context, &space, args),
        SnapshotVerb::Verify { file: Some(file) } => verify_file(context, file),
        SnapshotVerb::Verify { file: None } => verify_newest(context, &space),
        SnapshotVerb::Ls => list(context, &space),
    }
}

fn write(context: &Context, space: &Space) -> Result<Ended> {
    let kept = context.run(async {
        let state = space.state(None).await?;
        if state.index == 0 {
            bail!("the log has no entries, there is nothing to write");
        }
        let (shelf, lease) = (space.snapshots(), lease(space).await?);
        let written = shelf.write(state.clone(), lease.clone(), false).await;
        let written = match (written, shelf.check().await) {
            // Something that was there already is damaged: now all of it is written.
            (Ok(_), Err(lost)) => {
                context.output.remark(format_args!("{}; writing all of it anew", lost.0));
                shelf.write(state.clone(), lease.clone(), true).await
            }
            (written, _) => written,
        };
        let written = match written {
            Ok(kept) => archived(context, space, state, &lease).await.map(|()| kept).map_err(WriteError::Away),
            written => written,
        };
        done(space, &lease, written).await
    })?;
    context.output.one("Snapshot", fields(&kept))?;
    Ok(Ended::Yes)
}

/// Adds to the history, and leaves it to hosts, which know their bounds, to forget any of it.
async fn archived(context: &Context, space: &Space, state: State, lease: &Lease) -> Result<(), Lost> {
    let archivist = space.archivist().map_err(|error| Lost(format!("{error:#}")))?;
    if let Some(why) = archivist.archive(state, lease.clone()).await?.anew {
        context.output.remark(format_args!("the history begins anew: {why}"));
    }
    Ok(())
}

fn save(context: &Context, space: &Space, path: &Path) -> Result<Ended> {
    let manifest = context.run(file::save(context, space, path))?;
    context.output.one("Snapshot", about(&manifest))?;
    Ok(Ended::Yes)
}

/// The state a host serves, whatever the log has.
fn save_from(context: &Context, host: &Through, path: &Path) -> Result<Ended> {
    let (manifest, missing) = context.run(async {
        let (archive, missing) = host.snapshot().await?;
        let manifest = archive.manifest.clone();
        let copied = tokio::task::block_in_place(|| file::copy(archive, path));
        copied.with_context(|| format!("cannot write {}", path.display()))?;
        Ok((manifest, missing))
    })?;
    if missing > 0 {
        context.output.remark(format_args!("{missing} components or blobs are not in it: the host does not have them"));
    }
    context.output.one("Snapshot", about(&manifest))?;
    Ok(Ended::Yes)
}

fn restore(context: &Context, space: &Space, args: &Restore) -> Result<Ended> {
    let archive = open(&args.file)?;
    let manifest = archive.manifest.clone();
    let kept = context.run(async {
        let redis = &space.redis;
        let is_used = redis.is_used().await.map_err(|lost| away(lost.0))?;
        if is_used && !args.force {
            let name = redis.space();
            return Err(usage(format!(
                "the space {name} has a log or a snapshot: restore into an empty one, or give --force"
            )));
        }
        let lease = lease(space).await?;
        let written = space.shelf().restore(archive, &lease).await;
        let kept = done(space, &lease, written).await.with_context(|| args.file.display().to_string())?;
        let length = redis.stream().await.map_err(|lost| away(lost.0))?.map_or(0, |stream| stream.length);
        if length == 0 {
            redis.begin_log_behind(manifest.cursor, manifest.index).await.map_err(|lost| away(lost.0))?;
        }
        Ok(kept)
    })?;
    context.output.one("Snapshot", fields(&kept))?;
    Ok(Ended::Yes)
}

fn verify_file(context: &Context, path: &Path) -> Result<Ended> {
    let checked = open(path).and_then(|mut archive| {
        while let Some(stored) = archive.next_stored().map_err(|error| damaged(path, &error))? {
            match stored {
                Stored::Chunk(..) | Stored::Blob(..) => (),
            }
        }
        Ok(archive.manifest)
    });
    context.output.one("Snapshot", about(&checked?))?;
    Ok(Ended::Yes)
}

fn verify_newest(context: &Context, space: &Space) -> Result<Ended> {
    let checked = context.run(async {
        let checked = match (space.snapshots().check().await, space.shelf().past().await) {
            (Ok(kept), Ok(Some(past))) => past.check().await.map(|()| kept),
            (Ok(kept), Ok(None)) => Ok(kept),
            (Err(lost), _) | (_, Err(lost)) => Err(lost),
        };
        Ok(checked)
    })?;
    match checked {
        Ok(Some(kept)) => {
            context.output.one("Snapshot", fields(&kept))?;
            Ok(Ended::Yes)
        }
        Ok(None) => bail!("there is no snapshot: write one with sluice snapshot write"),
        Err(lost) => Err(anyhow!(lost.0)),
    }
}

fn list(context: &Context, space: &Space) -> Result<Ended> {
    let known = context.run(async { space.snapshots().known().await.map_err(|lost| away(lost.0)) })?;
    let rows = known.iter().map(|kept| fields(kept).into_iter().map(|(_, value)| value).collect()).collect();
    let columns = vec!["number", "revision", "time", "index", "keys", "bytes", "chunks", "written", "host", "root"];
    context.output.many("Snapshots", &Table { columns, wide_from: 9, rows })?;
    Ok(if known.is_empty() { Ended::No } else { Ended::Yes })
}

fn open(path: &Path) -> Result<Archive<BufReader<File>>> {
    let file = File::open(path).map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    Archive::open(BufReader::new(file)).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, error: &ArchiveError) -> anyhow::Error {
    anyhow!("{}: {error}", path.display())
}

pub async fn lease(space: &Space) -> Result<Lease> {
    let lease = space.redis.acquire(SNAPSHOT, LEASE_MS).await.map_err(|lost| away(lost.0))?;
    lease.ok_or_else(|| anyhow!("another host or command is writing a snapshot: try again in a moment"))
}

/// Gives the lease back, whatever came of it.
pub async fn done(space: &Space, lease: &Lease, written: Result<Kept, WriteError>) -> Result<Kept> {
    drop(space.redis.release(lease).await);
    written.map_err(|error| match error {
        WriteError::Away(lost) => away(lost.0),
        WriteError::Fenced(newer) => anyhow!("somebody with the newer fencing token {newer} has written one meanwhile"),
    })
}

fn fields(kept: &Kept) -> Map<String, Value> {
    let field = |name: &str, value: Value| (name.to_owned(), value);
    Map::from_iter([
        field("number", json!(kept.number)),
        field("revision", json!(kept.revision.to_string())),
        field("time", json!(utc(kept.written_at_ms.min(wall_ms())))),
        field("index", json!(kept.index)),
        field("keys", json!(kept.keys)),
        field("bytes", json!(kept.stored_bytes)),
        field("chunks", json!(kept.chunks)),
        field("written", json!(kept.written_chunks)),
        field("host", json!(kept.host)),
        field("root", json!(kept.root.to_string())),
    ])
}

fn about(manifest: &Manifest) -> Map<String, Value> {
    let field = |name: &str, value: Value| (name.to_owned(), value);
    Map::from_iter([
        field("revision", json!(manifest.cursor.to_string())),
        field("space", json!(manifest.space)),
        field("index", json!(manifest.index)),
        field("keys", json!(manifest.keys)),
        field("bytes", json!(manifest.stored_bytes())),
        field("chunks", json!(manifest.chunks.len())),
        field("chain", json!(manifest.chain.to_string())),
        field("root", json!(manifest.root.to_string())),
    ])
}
