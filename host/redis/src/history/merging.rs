//! Keeps a history short: runs of about one size become one, what is beyond the bounds is forgotten.
//!
//! A run is merged with the one before it until that is four times as large, so there are few of them, and each event is
//! written again a few times in its life (the logarithmic method, Bentley and Saxe 1980; O'Neil et al. 1996).

use std::collections::VecDeque;

use sluice_core::{Key, Lost, Revision};
use sluice_pack::history::{Bounds, Cutoff, Event, Index, Page, Run, Weight, cutoff, thinned, weights};

use crate::snapshots::Shelf;

use super::archivist::Archivist;

/// A run is left alone while the one before it is so many times as large.
const RATIO: u64 = 4;
/// How often is cut for want of room at a time; what is still too much goes with the next snapshot.
const CUTS_MAX: usize = 3;
/// Bytes of packed pages that are sent at a time.
const SENT_PAGES: usize = 16;
/// Events that become pages at a time are about this many bytes.
const OPEN_BYTES: u64 = 1 << 20;

/// A run that is being read.
struct Cursor<'a> {
    run: &'a Run,
    next: usize,
    open: VecDeque<Event>,
}

/// What is forgotten on the way.
#[derive(Clone, Copy)]
struct Bound {
    versions: u64,
    cutoff: Cutoff,
    floor: Revision,
}

impl Archivist {
    /// Merges what has grown alike, and forgets what is too much.
    pub(super) async fn tidy(&self, number: u64, index: &mut Index, bounds: Bounds) -> Result<(), Lost> {
        let bound = Bound { versions: bounds.versions, cutoff: Cutoff::default(), floor: index.floor };
        while let [.., before, last] = &index.runs[..]
            && before.stored_bytes() < RATIO * last.stored_bytes()
        {
            let merged = self.merged(number, &[before.clone(), last.clone()], bound).await?;
            index.runs.truncate(index.runs.len() - 2);
            index.runs.extend(Some(merged).filter(|run| !run.parts.is_empty()));
        }
        forget_notes(index, bounds.bytes / 4);
        // What is forgotten is told by its bytes before they are packed; where it packed better than the rest, more has to go.
        for _ in 0..CUTS_MAX {
            let much = index.stored_bytes().saturating_sub(bounds.bytes);
            if much == 0 {
                break;
            }
            // A quarter more than has to be, or it would be so again with the next entry.
            self.cut(number, index, bounds.versions, much.saturating_add(bounds.bytes / 4)).await?;
        }
        Ok(())
    }

    /// Forgets until so many stored bytes are free.
    async fn cut(&self, number: u64, index: &mut Index, versions: u64, bytes: u64) -> Result<(), Lost> {
        let bound = Bound { versions, cutoff: Cutoff::default(), floor: index.floor };
        let mut all: Vec<Weight> = Vec::new();
        let runs = index.runs.clone();
        let mut cursors = cursors(&runs);
        let mut raw = 0;
        while let Some((_, events)) = self.shelf.next_key(&mut cursors).await? {
            raw += events.iter().map(weight).sum::<u64>();
            all.extend(weights(&thinned(events, bound.versions, bound.cutoff, bound.floor), weight));
        }
        let thin: u64 = all.iter().map(|weight| weight.bytes).sum();
        let stored: u64 = runs.iter().map(Run::stored_bytes).sum();
        // By how much they are packed on average.
        let wanted = (bytes as f64 * raw.max(1) as f64 / stored.max(1) as f64) as u64;
        let cutoff = cutoff(all, wanted.saturating_sub(raw - thin));
        index.floor = index.floor.max(cutoff.newest);
        let merged = self.merged(number, &runs, Bound { cutoff, floor: index.floor, ..bound }).await?;
        index.runs = Some(merged).filter(|run| !run.parts.is_empty()).into_iter().collect();
        Ok(())
    }

    async fn merged(&self, number: u64, runs: &[Run], bound: Bound) -> Result<Run, Lost> {
        let mut cursors = cursors(runs);
        let (mut run, mut open, mut bytes, mut pages) = (Run::default(), Vec::new(), 0, Vec::new());
        while let Some((_, events)) = self.shelf.next_key(&mut cursors).await? {
            let events = thinned(events, bound.versions, bound.cutoff, bound.floor);
            bytes += events.iter().map(weight).sum::<u64>();
            open.extend(events);
            if bytes >= OPEN_BYTES {
                pages.extend(Page::events(&std::mem::take(&mut open)));
                bytes = 0;
            }
            if pages.len() >= SENT_PAGES {
                run.parts.extend(pages.iter().map(|page: &Page| page.about));
                self.shelf.put_pages(number, &std::mem::take(&mut pages)).await?;
            }
        }
        pages.extend(Page::events(&open));
        run.parts.extend(pages.iter().map(|page| page.about));
        self.shelf.put_pages(number, &pages).await?;
        self.shelf.each_page(&run.parts, |part, bytes| part.check(&bytes)).await?;
        Ok(run)
    }
}

impl Shelf {
    /// The next key of some runs, with all its events in the order of their revisions.
    async fn next_key(&self, cursors: &mut [Cursor<'_>]) -> Result<Option<(Key, Vec<Event>)>, Lost> {
        for cursor in &mut *cursors {
            self.refill(cursor).await?;
        }
        let fronts = cursors.iter().filter_map(|cursor| cursor.open.front());
        let Some(key) = fronts.min_by(|a, b| a.key.point().cmp(b.key.point())).map(|event| event.key.clone()) else {
            return Ok(None);
        };
        let mut events = Vec::new();
        for cursor in cursors {
            while cursor.open.front().is_some_and(|event| event.key == key) {
                events.extend(cursor.open.pop_front());
                self.refill(cursor).await?;
            }
        }
        // A mark stands before what came later, and says nothing of what it replaced at its own revision.
        events.sort_by_key(|event| event.revision);
        Ok(Some((key, events)))
    }

    async fn refill(&self, cursor: &mut Cursor<'_>) -> Result<(), Lost> {
        if let (true, Some(part)) = (cursor.open.is_empty(), cursor.run.parts.get(cursor.next)) {
            cursor.next += 1;
            let open = &mut cursor.open;
            let read = |part: &sluice_pack::history::Part, bytes: bytes::Bytes| {
                part.open_events(&bytes).map(|events| open.extend(events))
            };
            self.each_page(&[*part], read).await?;
        }
        Ok(())
    }
}

fn cursors(runs: &[Run]) -> Vec<Cursor<'_>> {
    runs.iter().map(|run| Cursor { run, next: 0, open: VecDeque::new() }).collect()
}

/// The oldest notes go when all are more than their share.
fn forget_notes(index: &mut Index, bytes: u64) {
    let mut all: u64 = index.notes.iter().map(|part| u64::from(part.stored_bytes)).sum();
    let mut gone = 0;
    while all > bytes
        && let Some(part) = index.notes.get(gone)
    {
        all -= u64::from(part.stored_bytes);
        index.notes_since = index.notes_since.max(part.revisions.1);
        gone += 1;
    }
    index.notes.drain(..gone);
}

/// What an event takes before it is packed, about.
fn weight(event: &Event) -> u64 {
    const HEAD: u64 = 48;
    let texts = [&event.author, &event.reason].into_iter().flatten().map(|text| text.len() as u64).sum::<u64>();
    HEAD + event.key.as_str().len() as u64 + texts + event.value_bytes()
}
