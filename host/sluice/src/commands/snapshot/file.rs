//! A space in one file: its state, the components it announces, and its history.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use sluice_core::key::COMPONENTS;
use sluice_core::{BlobRef, Digest, State};
use sluice_pack::history::{Event, Former, Index, Value, What};
use sluice_pack::{Chunk, Manifest, Packing, Stored, begin_archive, end_archive};

use crate::exit::away;
use crate::space::{Context, Space};
use crate::through::Download;

/// A file that is being written, with the blobs that are in it already.
struct Draft {
    file: BufWriter<File>,
    blobs: Vec<BlobRef>,
}

/// Writes the state at the log's end. The file appears whole or not at all.
pub async fn save(context: &Context, space: &Space, path: &Path) -> Result<Manifest> {
    let state = space.state(None).await?;
    let cannot = || format!("cannot write {}", path.display());
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let mut file = BufWriter::new(File::create(&part).with_context(cannot)?);
    let manifest = tokio::task::block_in_place(|| {
        begin_archive(&mut file)?;
        let name = space.redis.space().as_str();
        Packing::new(name, &state, None).each(|chunk: Chunk| file.write_all(&chunk.bytes))
    });
    let manifest = manifest.with_context(cannot)?;
    let mut draft = Draft { file, blobs: Vec::new() };
    let history = history(context, space, (&state, &manifest), &mut draft).await.with_context(cannot)?;
    for (key, _) in state.range(COMPONENTS, None) {
        let digest: Digest = key.as_str()[COMPONENTS.len()..].parse()?;
        let component = space.blobs().fetch(digest).await.map_err(|lost| away(lost.0))?;
        draft.put(&component).with_context(cannot)?;
    }
    draft.finish(&manifest, history).and_then(|()| fs::rename(&part, path)).with_context(cannot)?;
    Ok(manifest)
}

/// Writes what was downloaded, each part of it checked, as a file that appears whole or not at all.
pub fn copy(mut archive: Download, path: &Path) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let mut file = BufWriter::new(File::create(&part)?);
    begin_archive(&mut file)?;
    while let Some(Stored::Chunk(_, bytes) | Stored::Blob(_, bytes)) = archive.next_stored()? {
        file.write_all(&bytes)?;
    }
    end_archive(&mut file, &archive.manifest, &archive.blobs, archive.history)?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&part, path)?;
    Ok(())
}

/// The index first, so that who reads the file knows what follows; then its parts, then values that stand in blobs.
async fn history(
    context: &Context,
    space: &Space,
    (state, manifest): (&State, &Manifest),
    draft: &mut Draft,
) -> Result<Digest> {
    let archivist = space.archivist()?;
    let grown = archivist.grown(state).await.map_err(|lost| away(lost.0))?;
    if let Some(why) = &grown.anew {
        context.output.remark(format_args!("the file has no history: {why}"));
    }
    let index = Index { snapshot: Digest::of(&manifest.to_bytes()), ..grown.index };
    let text = index.to_bytes();
    draft.put(&text)?;
    let (mut values, mut failed) = (BTreeSet::new(), None);
    let runs = index.runs.iter().flat_map(|run| &run.parts);
    let has_events: BTreeSet<Digest> = runs.map(|part| part.digest).collect();
    let written = archivist.each_stored(&index, &grown.pages, |part, bytes| {
        match has_events.contains(&part.digest) {
            true => values.extend(part.open_events(&bytes)?.iter().filter_map(elsewhere)),
            false => drop(part.open_notes(&bytes)?),
        }
        failed = failed.take().or(draft.put(&bytes).err());
        Ok(())
    });
    written.await.map_err(|lost| away(lost.0))?;
    failed.map_or(Ok(()), Err)?;
    for digest in values {
        match space.blobs().fetch(digest).await {
            Ok(bytes) => draft.put(&bytes)?,
            // Whoever deleted it took it from the history of every space, not just from this file.
            Err(lost) => context.output.remark(format_args!("not in the file: {}", lost.0)),
        }
    }
    Ok(Digest::of(&text))
}

fn elsewhere(event: &Event) -> Option<Digest> {
    match &event.what {
        What::Changed { former: Some(Former { value: Value::At(blob), .. }), .. } => Some(blob.digest),
        What::Changed { .. } | What::Refused { .. } | What::Forgotten => None,
    }
}

impl Draft {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let blob = BlobRef { digest: Digest::of(bytes), length: bytes.len() as u64 };
        if self.blobs.contains(&blob) {
            return Ok(());
        }
        self.blobs.push(blob);
        self.file.write_all(bytes)
    }

    fn finish(mut self, manifest: &Manifest, history: Digest) -> std::io::Result<()> {
        end_archive(&mut self.file, manifest, &self.blobs, Some(history))?;
        self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    }
}
