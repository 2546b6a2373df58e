//! A batch as the bytes of a log record.
//!
//! ```text
//!   record  position after it · steps
//!   step    kind · verdict if one was asked for · entry
//!   entry   see `sluice_pack`
//! ```

use std::sync::Arc;

use bytes::BufMut;
use sluice_core::{Outcome, Settled, Step};
use sluice_pack::codec::{Reader, put_list, put_option};
use sluice_pack::{put_entry, put_verdict, read_entry, read_verdict};

use crate::position::Position;

/// A batch read back.
pub struct Record {
    /// Where it leads.
    pub after: Position,
    /// What happened, in order.
    pub steps: Vec<Step>,
}

/// Appends a batch.
pub fn put_record(out: &mut Vec<u8>, after: Position, steps: &[Step]) {
    after.put(out);
    put_list(out, steps.iter(), put_step);
}

/// Reads a batch. Its entries are decoded and hashed anew.
pub fn read_record(bytes: &[u8]) -> Option<Record> {
    let mut reader = Reader::new(bytes);
    let record = Record { after: Position::read(&mut reader)?, steps: reader.list(read_step)? };
    reader.is_done().then_some(record)
}

fn put_step(out: &mut Vec<u8>, step: &Step) {
    let (kind, verdict) = match step {
        Step::Folded(settled) => (0, settled.verdict.as_ref()),
        Step::Held(_) => (1, None),
        Step::Released(settled) => (2, settled.verdict.as_ref()),
    };
    out.put_u8(kind);
    put_option(out, verdict, put_verdict);
    put_entry(out, step.entry());
}

fn read_step(reader: &mut Reader<'_>) -> Option<Step> {
    let kind = reader.u8()?;
    let verdict = reader.option(read_verdict)?;
    let entry = Arc::new(read_entry(reader)?);
    // Not written down, for it follows from the rest: replaying works it out anew.
    let outcome = Outcome::Staged;
    Some(match kind {
        0 => Step::Folded(Settled { entry, verdict, outcome }),
        1 => Step::Held(entry),
        2 => Step::Released(Settled { entry, verdict, outcome }),
        _ => return None,
    })
}
