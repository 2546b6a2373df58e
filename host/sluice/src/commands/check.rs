//! `sluice check`: the validators of a key, run here as hosts would run them; nothing is appended.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use sluice_core::decode::INLINE_BYTES_MAX;
use sluice_core::{BlobRef, Digest, Entry, Key, Outcome, Revision};

use crate::cli::Check;
use crate::exit::Ended;
use crate::publish::Told;
use crate::space::{Context, Space, key, value};

pub fn run(context: &Context, args: &Check) -> Result<Ended> {
    let (key, value) = (key(&args.key)?, value(&args.value)?);
    let space = context.space()?;
    let (revision, outcome) = context.run(judged(&space, &key, value, args.media.as_deref()))?;
    Told::of(&outcome).print(context, revision, "checked here: nothing was appended")
}

/// The outcome a change of this key alone would have if it came next.
async fn judged(space: &Space, key: &Key, value: Bytes, media: Option<&str>) -> Result<(Revision, Outcome)> {
    let replica = space.replica()?;
    let mut state = replica.fold(None, |_, _, _| ()).await?;
    let revision = Revision { seq: state.cursor.seq + 1, ..state.cursor };
    let outcome = replica.step(&mut state, Arc::new(entry(revision, key, &value, media))).await?;
    Ok((revision, outcome))
}

/// As it would be published; a large value refers to a blob whose bytes are at hand already.
pub fn entry(revision: Revision, key: &Key, value: &Bytes, media: Option<&str>) -> Entry {
    let blob = BlobRef { digest: Digest::of(value), length: value.len() as u64 };
    let mut fields: Vec<(Bytes, Bytes)> = vec![match value.len() <= INLINE_BYTES_MAX {
        true => (format!("put:{key}").into(), value.clone()),
        false => (format!("put-blob:{key}").into(), format!("{} {}", blob.digest, blob.length).into()),
    }];
    if let Some(media) = media {
        fields.push((format!("type:{key}").into(), Bytes::copy_from_slice(media.as_bytes())));
    }
    let mut entry = Entry::read(revision, fields);
    if let Ok(change) = &mut entry.content {
        change.fill(blob, value);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_value_needs_no_blob_to_be_checked() {
        let key = Key::parse(b"a.json").unwrap();
        for bytes in [0, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1] {
            let entry = entry(Revision::ZERO, &key, &vec![b' '; bytes].into(), Some("text/plain"));
            let change = entry.content.unwrap();
            assert_eq!(change.missing().count(), 0);
            assert_eq!(change.puts().next().unwrap().content.length(), bytes as u64);
        }
    }
}
