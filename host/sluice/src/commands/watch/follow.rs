//! Watching the log itself: each entry is folded here, and what is applied is shown.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sluice_core::{Action, Change, Content, Entry, Key, Lost, Outcome, Revision, State};
use tokio::time::{sleep, timeout};

use super::sink::{Seen, Sink};
use crate::exit::away;
use crate::replica::Replica;
use crate::space::Space;

/// Pause before asking again a log that was out of reach.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Shows what is applied under `prefix` behind `from`, or from now on.
pub async fn follow(space: &Space, prefix: &str, from: Option<Revision>, sink: &mut Sink<'_>) -> Result<()> {
    let replica = space.replica()?;
    let start = start(space, &replica, from, sink);
    let late = |_| away(format!("no answer within {:?}: wait longer with --timeout", space.timeout));
    let mut state = timeout(space.timeout, start).await.map_err(late)??;
    let mut is_away = false;
    while !sink.is_full() {
        match replica.log.pull(state.place()).await {
            Ok(entries) => {
                is_away = false;
                for entry in entries {
                    let outcome = replica.step(&mut state, entry.clone()).await?;
                    show(&entry, &outcome, &state, prefix, sink).await?;
                }
            }
            Err(error) => {
                let Lost(why) = error.lost();
                if !std::mem::replace(&mut is_away, true) {
                    sink.remark(format_args!("{why}: waiting for it"));
                }
                sleep(RETRY_PAUSE).await;
            }
        }
    }
    Ok(())
}

/// The state to start from, with its cursor just before the first entry to show.
async fn start(space: &Space, replica: &Replica, from: Option<Revision>, sink: &Sink<'_>) -> Result<State> {
    let stream = space.redis.stream().await.map_err(|lost| away(lost.0))?;
    if let (Some(from), Some(stream)) = (from, stream)
        && let Some(first) = stream.first.filter(|first| *first > from && stream.added > Some(stream.length))
    {
        sink.remark(format_args!("the log begins at {first} and has lost entries: earlier changes may be missing"));
    }
    replica.fold(from, |_: &Entry, _: &Outcome, _: &State| ()).await
}

async fn show(entry: &Arc<Entry>, outcome: &Outcome, after: &State, prefix: &str, sink: &mut Sink<'_>) -> Result<()> {
    let Ok(change) = &entry.content else { return Ok(()) };
    let applied = matches!(outcome, Outcome::Applied(_)).then(|| seen(entry.revision, change, after, prefix));
    let kept = change.later.iter().map(|later| &later.key).filter(|key| key.as_str().starts_with(prefix));
    let kept = kept.filter_map(|key| kept_for_later(key, entry.revision, change, after));
    for seen in applied.into_iter().flatten().chain(kept) {
        sink.take(&seen).await?;
    }
    Ok(())
}

fn seen(revision: Revision, change: &Change, after: &State, prefix: &str) -> Vec<Seen> {
    let under = change.edits.iter().filter(|edit| edit.key.as_str().starts_with(prefix));
    let of = |edit: &sluice_core::Edit| Seen {
        key: edit.key.to_string(),
        revision: revision.to_string(),
        value: match &edit.action {
            Action::Delete => None,
            Action::Put(put) => match &put.content {
                Content::Here(bytes) => Some(bytes.clone()),
                // The fold has fetched it.
                Content::At(_) => after.item(&edit.key).map(|item| item.bytes.clone()),
            },
        },
        author: change.author.as_deref().map(str::to_owned),
        reason: change.reason.as_deref().map(str::to_owned),
    };
    under.map(of).collect()
}

/// What an entry leaves for a time to come is an item of its own.
fn kept_for_later(key: &Key, revision: Revision, change: &Change, after: &State) -> Option<Seen> {
    let item = after.item(key).filter(|item| item.revision == revision)?;
    Some(Seen {
        key: key.to_string(),
        revision: revision.to_string(),
        value: Some(item.bytes.clone()),
        author: change.author.as_deref().map(str::to_owned),
        reason: change.reason.as_deref().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn only_edits_under_the_prefix_are_seen() {
        let fields = [("put:app/a", "1"), ("del:app/b", ""), ("put:other", "2"), ("author", "mei")];
        let fields =
            fields.map(|(name, value)| (Bytes::from_static(name.as_bytes()), Bytes::from_static(value.as_bytes())));
        let change = Entry::read(Revision { ms: 1, seq: 0 }, fields.to_vec()).content.unwrap();
        let seen = seen(Revision { ms: 1, seq: 0 }, &change, &State::default(), "app/");
        let shown: Vec<_> =
            seen.iter().map(|seen| (seen.key.as_str(), seen.value.as_deref(), seen.author.as_deref())).collect();
        assert_eq!(shown, [("app/a", Some(&b"1"[..]), Some("mei")), ("app/b", None, Some("mei"))]);
    }
}
