//! An image: a whole state in one file.
//!
//! ```text
//!   head · items in the order of their keys · tokens · refusals · held entries · newest entry · root digest
//! ```
//!
//! Loading works every value's BLAKE3 out again, and from the state it has built the root: an image is
//! what it was or is not used.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{BufMut, Bytes};
use sluice_core::{Digest, Entry, Hashed, Refused, Revision, State};
use sluice_pack::codec::Reader;
use sluice_pack::{
    Threads, put_entry, put_item, put_refused, put_token, read_entry, read_hashed, read_refused, read_token,
};

use crate::ahead::worked;
use crate::files::{Files, Output};
use crate::frame::{Flaw, Frames, Head, Kind, put_frame, put_head};

/// How much of an image is gathered before it is written.
const BLOCK_BYTES: usize = 1 << 20;
/// Most items of a frame: values can be large, and some frames are in memory at once.
const ITEMS_MAX: usize = 1024;
/// What an item takes beside its value, about.
const ITEM_BYTES: usize = 128;
/// How much is written before it is flushed. One flush at the end would keep the disk busy for seconds,
/// and every batch written meanwhile would wait behind it.
const FLUSH_BYTES: u64 = 8 << 20;

/// Writes a state that stands at `head.start`. Gives up when `stop` is set.
pub fn write(file: &Output, head: &Head, state: &State, way: (&Files, bool), stop: &AtomicBool) -> io::Result<u64> {
    let (files, sync) = way;
    let mut sink = Sink { file, files, sync, stop, block: Vec::with_capacity(BLOCK_BYTES), written: 0, flushed: 0 };
    put_head(&mut sink.block, Kind::Image, head);
    let mut count = 0;
    for (items, frame) in items(state)? {
        count += items;
        sink.block.extend_from_slice(&frame);
        if sink.block.len() >= BLOCK_BYTES {
            sink.write()?;
        }
    }
    if count != state.len() {
        // A thread ended early. Without them it would be found damaged only when it is needed.
        return Err(io::Error::other(format!("{count} of {} items were written", state.len())));
    }
    sink.frames(1, state.tokens.iter(), |out, (token, first)| put_token(out, token, first))?;
    sink.frames(2, state.refused.iter(), |out, refused| put_refused(out, refused))?;
    sink.frames(3, state.held.values(), |out, entry| put_entry(out, entry))?;
    put_frame(&mut sink.block, |out| {
        out.put_u8(5);
        out.put_slice(&state.newest.0);
    });
    put_frame(&mut sink.block, |out| {
        out.put_u8(4);
        out.put_slice(&state.root().0);
    });
    sink.write()?;
    Ok(sink.written)
}

/// Frames of all items, each with how many are in it, made on all cores: nearly each key is one that the caches do not have.
fn items(state: &State) -> io::Result<impl Iterator<Item = (usize, Vec<u8>)> + use<>> {
    let usual = state.bytes() as usize / state.len().max(1) + ITEM_BYTES;
    let (mut names, many) = (state.names(), (BLOCK_BYTES / usual).clamp(1, ITEMS_MAX));
    let some = std::iter::from_fn(move || {
        let some: Vec<Arc<str>> = names.by_ref().take(many).collect();
        (!some.is_empty()).then_some(some)
    });
    let state = state.clone();
    worked(some, move |names| {
        let (mut count, mut frame) = (0, Vec::with_capacity(usual * many));
        put_frame(&mut frame, |out| {
            out.put_u8(0);
            for (name, item) in names.iter().filter_map(|name| Some((name, state.find(name.as_bytes())?))) {
                put_item(out, name, item);
                count += 1;
            }
        });
        (count, frame)
    })
}

/// Loads the state behind a head.
pub fn load(head: &Head, frames: Frames) -> io::Result<Result<State, Flaw>> {
    let mut state = State::default();
    head.start.mark(&mut state);
    let mut root = None;
    let mut end = 0;
    let mut items = Vec::new();
    for part in worked(Payloads { frames, is_over: false }, read_payload)? {
        match part {
            Err(flaw) => return Ok(Err(flaw)),
            Ok((at, Part::Root(found))) => (root, end) = (Some(found), at),
            Ok((at, _)) if root.is_some() => return Ok(Err(flaw(at, "something follows the end"))),
            Ok((_, Part::Items(some))) => items.extend(some),
            Ok((_, Part::Tokens(tokens))) => {
                tokens.into_iter().for_each(|(token, first)| state.tokens.remember(token, first));
            }
            Ok((_, Part::Refused(refused))) => refused.into_iter().for_each(|one| state.remember(Arc::new(one))),
            Ok((_, Part::Newest(newest))) => state.newest = newest,
            Ok((_, Part::Held(held))) => {
                held.into_iter().for_each(|entry| drop(state.held.insert(entry.revision, Arc::new(entry))));
            }
        }
    }
    state.set_all(items, &Threads);
    Ok(match root {
        Some(root) if root == state.root() => Ok(state),
        Some(_) => Err(flaw(end, "the root digest is not that of the values")),
        None => Err(flaw(end, "the end is missing")),
    })
}

/// A frame's worth of an image.
enum Part {
    Items(Vec<Hashed>),
    Tokens(Vec<(Bytes, Revision)>),
    Refused(Vec<Refused>),
    Held(Vec<Entry>),
    Newest(Digest),
    Root(Digest),
}

/// Gathers frames and writes them in large blocks.
struct Sink<'a> {
    file: &'a Output,
    files: &'a Files,
    sync: bool,
    stop: &'a AtomicBool,
    block: Vec<u8>,
    written: u64,
    flushed: u64,
}

impl Sink<'_> {
    /// Writes things of one kind, as many to a frame as make a block.
    fn frames<T>(
        &mut self,
        kind: u8,
        things: impl Iterator<Item = T>,
        put: impl Fn(&mut Vec<u8>, T),
    ) -> io::Result<()> {
        let mut things = things.peekable();
        while things.peek().is_some() {
            put_frame(&mut self.block, |out| {
                let start = out.len();
                out.put_u8(kind);
                while out.len() - start < BLOCK_BYTES
                    && let Some(thing) = things.next()
                {
                    put(out, thing);
                }
            });
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.files.write_at(self.file, self.written, &self.block)?;
        self.written += self.block.len() as u64;
        self.block.clear();
        if self.sync && self.written - self.flushed >= FLUSH_BYTES {
            self.files.flush(self.file)?;
            self.flushed = self.written;
        }
        Ok(())
    }
}

/// The payloads of an image, each with the byte it starts at; ends at the first flaw.
struct Payloads {
    frames: Frames,
    is_over: bool,
}

impl Iterator for Payloads {
    type Item = Result<(u64, Vec<u8>), Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let at = self.frames.at();
        let payload = self.frames.next_frame().transpose();
        self.is_over = !matches!(payload, Some(Ok(_)));
        Some(payload?.map(|payload| (at, payload)))
    }
}

fn read_payload(payload: Result<(u64, Vec<u8>), Flaw>) -> Result<(u64, Part), Flaw> {
    let (at, payload) = payload?;
    read_part(&payload).map(|part| (at, part)).ok_or_else(|| flaw(at, "a value is not what its digest says"))
}

fn read_part(payload: &[u8]) -> Option<Part> {
    let mut reader = Reader::new(payload);
    let part = match reader.u8()? {
        0 => Part::Items(all(&mut reader, read_hashed)?),
        1 => Part::Tokens(all(&mut reader, read_token)?),
        2 => Part::Refused(all(&mut reader, read_refused)?),
        3 => Part::Held(all(&mut reader, read_entry)?),
        4 => Part::Root(reader.digest()?),
        5 => Part::Newest(reader.digest()?),
        _ => return None,
    };
    reader.is_done().then_some(part)
}

fn all<T>(reader: &mut Reader<'_>, read: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut things = Vec::new();
    while !reader.is_done() {
        things.push(read(reader)?);
    }
    Some(things)
}

fn flaw(at: u64, what: &str) -> Flaw {
    Flaw { at, what: what.to_owned() }
}
