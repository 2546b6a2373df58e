//! Reading the log on a connection: what is new, and what stands where a host has come to.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use sluice_core::Revision;
use tokio::time::timeout;

use super::{Answer, IDLE_BYTES_MAX, Patience, Wire, command, late};
use crate::resp::{self, Head};
use crate::trouble::Trouble;

impl Wire {
    /// Whether several commands may be sent at once: the server of a slot on its way here wants to be asked for each.
    pub fn may_pipeline(&self) -> bool {
        !self.is_asking
    }

    /// Asks for up to `count` records behind `after`; the answer must be read before anything else is asked. With
    /// `probed`, what stands at `after` is asked for besides, and answered when the first answer is complete.
    pub async fn ask(
        &mut self,
        log: &str,
        after: Revision,
        (count, block): (usize, Duration),
        probed: bool,
    ) -> Result<(), Trouble> {
        let (count, block, after) = (count.to_string(), block.as_millis().to_string(), after.to_string());
        let words = ["XREAD", "COUNT", &count, "BLOCK", &block, "STREAMS", log, &after];
        let mut text = command(&words.map(str::as_bytes));
        if probed {
            text.extend(probe(log, &after));
        }
        self.say(&text).await
    }

    /// Asks for what stands at `after`, or first behind it.
    pub async fn ask_at(&mut self, log: &str, after: Revision) -> Result<(), Trouble> {
        self.say(&probe(log, &after.to_string())).await
    }

    /// Reads the answer. Past `bytes_max` it stops with what it has: the count asked for came from smaller
    /// entries, and a host must not take a gigabyte because a thousand entries turned out large.
    pub async fn answer(&mut self, patience: Patience, bytes_max: usize) -> Result<Answer, Trouble> {
        let mut answer = Answer { records: Vec::new(), bytes: 0, newest_bytes: 0, is_whole: true };
        let mut wait = patience.first;
        if self.is_asking {
            timeout(wait, self.reply()).await.unwrap_or_else(|_| Err(late(wait)))?;
        }
        let (head, used) = self.until(resp::head, &mut wait, patience.next).await?;
        self.buffer.advance(used);
        let records = match head {
            Head::Nothing => 0,
            Head::Records(records) => records,
            Head::Error(line) => return Err(Trouble::said(&line)),
        };
        answer.records.reserve(records.min(1024));
        while answer.records.len() < records {
            let (record, used) = self.until(resp::record, &mut wait, patience.next).await?;
            self.buffer.advance(used);
            answer.bytes += used;
            answer.newest_bytes = used;
            answer.records.push(record);
            if answer.bytes > bytes_max && answer.records.len() < records {
                answer.is_whole = false;
                return Ok(answer);
            }
        }
        if self.buffer.is_empty() && self.buffer.capacity() > IDLE_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        Ok(answer)
    }
}

/// From an entry on, that one included, which is answered as `XREAD` answers.
fn probe(log: &str, at: &str) -> Vec<u8> {
    let before = at.parse().map_or(Revision::ZERO, Revision::before).to_string();
    command(&["XREAD", "COUNT", "1", "STREAMS", log, &before].map(str::as_bytes))
}
