//! `sluice apply`: keys become what files say, in one change.

use anyhow::Result;
use serde_json::Map;
use sluice_core::decode::{ENTRY_BYTES_MAX, FIELDS_MAX, INLINE_BYTES_MAX};
use sluice_core::{Key, Media, Revision, State};

use crate::cli::Apply;
use crate::draft::Edit;
use crate::exit::{Ended, usage};
use crate::plan::{self, Difference};
use crate::prefix::folder;
use crate::publish;
use crate::space::Context;
use crate::tree::{self, Wanted};
use crate::way::Way;

/// Fields of a change beside those of its edits: who, why, and the token.
const NOTES: usize = 3;

pub fn run(context: &Context, args: &Apply) -> Result<Ended> {
    let folder = folder(&args.prefix)?;
    if args.prune && folder.is_empty() {
        return Err(usage("--prune would delete every key that is not in the files: say under which --prefix"));
    }
    let wanted = tree::read(&args.file, &folder)?;
    let way = Way::of(context)?;
    context.run(applied(context, &way, args, &folder, &wanted))
}

async fn applied(context: &Context, way: &Way, args: &Apply, folder: &str, wanted: &Wanted) -> Result<Ended> {
    let state = way.state(folder).await?;
    let differences = plan::to_files(&state, wanted, args.prune.then_some(folder));
    if differences.is_empty() {
        return unchanged(context, &state, wanted.len());
    }
    for difference in &differences {
        context.output.remark(format_args!("{:8} {}", difference.word(), difference.key));
    }
    let edits: Vec<Edit> = differences.iter().map(edit).collect();
    fits(&edits)?;
    publish::publish(context, way, &edits, &bases(&differences, &state), &args.publish).await
}

/// The revisions seen: if somebody else changes one of these keys meanwhile, nothing of the change applies.
pub fn bases(differences: &[Difference], seen: &State) -> Vec<(Key, Revision)> {
    differences.iter().map(|difference| (difference.key.clone(), seen.revision_of(&difference.key))).collect()
}

/// Tells that nothing is to be done.
pub fn unchanged(context: &Context, state: &State, keys: usize) -> Result<Ended> {
    let fields = [("revision", state.cursor.to_string()), ("outcome", "unchanged".to_owned())];
    let fields = fields.map(|(name, text)| (name.to_owned(), text.into()));
    context.output.one("Outcome", Map::from_iter(fields))?;
    context.output.remark(format_args!("all {keys} keys are so already: nothing was appended"));
    Ok(Ended::Yes)
}

/// What makes a key what it shall be.
pub fn edit(difference: &Difference) -> Edit {
    let key = difference.key.clone();
    match &difference.after {
        None => Edit::Delete { key },
        Some(side) => {
            let media = (side.media != Media::of_key(&key)).then(|| side.media.to_string());
            Edit::Put { key, value: side.bytes.clone(), media }
        }
    }
}

/// An entry past its bounds would be refused by every host, and stay in the log for ever.
///
/// # Errors
/// It is too much for one.
pub fn fits(edits: &[Edit]) -> Result<()> {
    let (mut fields, mut bytes) = (NOTES, 0);
    for edit in edits {
        let (key, value, media) = match edit {
            Edit::Put { key, value, media } => (key, value.len(), media.as_deref().unwrap_or_default()),
            Edit::Delete { key } => (key, 0, ""),
        };
        fields += 2 + usize::from(!media.is_empty());
        // Larger values go to blobs, and leave only a digest.
        let inline = if value <= INLINE_BYTES_MAX { value } else { 0 };
        bytes += inline + media.len() + 3 * key.as_str().len() + 100;
    }
    match fields > FIELDS_MAX || bytes > ENTRY_BYTES_MAX {
        true => Err(usage(format!(
            "{} keys with {bytes} bytes are too much for one change: apply its folders one by one with --prefix",
            edits.len()
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn puts(count: usize, bytes: usize) -> Vec<Edit> {
        let key = |at: usize| Key::parse(format!("k/{at}").as_bytes()).unwrap();
        (0..count).map(|at| Edit::Put { key: key(at), value: vec![0; bytes].into(), media: None }).collect()
    }

    #[test]
    fn a_change_no_host_could_read_is_not_published() {
        assert!(fits(&puts(8_000, 10)).is_ok());
        assert!(fits(&puts(9_000, 10)).is_err(), "too many fields");
        assert!(fits(&puts(40, INLINE_BYTES_MAX)).is_err(), "too many bytes");
        assert!(fits(&puts(40, INLINE_BYTES_MAX + 1)).is_ok(), "those go to blobs");
    }

    #[test]
    fn the_media_type_is_told_when_the_name_does_not_tell_it() {
        let after = |media: Media| {
            let side = plan::Side { bytes: Bytes::new(), media };
            Difference { key: Key::parse(b"a.json").unwrap(), before: None, after: Some(side) }
        };
        let told = |difference: &Difference| match edit(difference) {
            Edit::Put { media, .. } => media,
            Edit::Delete { .. } => panic!("a delete"),
        };
        assert_eq!(told(&after(Media::parse("application/json").unwrap())), None);
        assert_eq!(told(&after(Media::BYTES)), Some("application/octet-stream".to_owned()));
    }
}
