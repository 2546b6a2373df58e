//! A log that begins behind what hosts have, with whatever was published since.

use sluice_core::probe::StreamFacts;
use sluice_core::{Lost, Revision};
use sluice_node::hub::wall_ms;

use crate::Redis;

/// How often a publisher may come in between before reseeding gives up.
const TRIES_MAX: usize = 16;

/// What a Redis has of a log, beside what a host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remains {
    /// Nothing.
    Nothing,
    /// So many entries, all later than the newest of the host and none of them lost: published since.
    Later(u64),
    /// It goes on behind the host already.
    Behind,
    /// Entries that the host may have or not.
    Other(StreamFacts),
}

impl Remains {
    /// How a log stands to a host that has `index` entries, the newest at `last`.
    pub fn of(log: Option<StreamFacts>, last: Revision, index: u64) -> Remains {
        let Some(log) = log else { return Remains::Nothing };
        let gone = log.added.map(|added| added.saturating_sub(log.length));
        match log.first {
            None if gone == Some(index) && log.last == last => Remains::Behind,
            None => Remains::Nothing,
            Some(first) if first > last && gone == Some(0) => Remains::Later(log.length),
            Some(first) if first > last && gone == Some(index) => Remains::Behind,
            Some(_) => Remains::Other(log),
        }
    }
}

impl Redis {
    /// How the log that is there stands to a host.
    ///
    /// # Errors
    /// The server is out of reach or does not allow it.
    pub async fn remains(&self, last: Revision, index: u64) -> Result<Remains, Lost> {
        Ok(Remains::of(self.stream().await?, last, index))
    }

    /// Makes the log one that goes on behind `last`, the entry number `index`; what was published since comes next.
    ///
    /// # Errors
    /// The server is out of reach, does not allow it, or has other entries.
    pub async fn put_before(&self, last: Revision, index: u64) -> Result<(), Lost> {
        let mut refused = Lost("the log changes all the time: try again".to_owned());
        for _ in 0..TRIES_MAX {
            let log = self.stream().await?;
            let done = match (Remains::of(log.clone(), last, index), log) {
                (Remains::Behind, _) => return Ok(()),
                (Remains::Nothing, _) => self.begin_log_behind(last, index).await,
                (Remains::Later(entries), Some(log)) => {
                    let mut set = redis::cmd("XSETID");
                    set.arg(&*self.inner.names.log).arg(log.last.to_string());
                    set.arg("ENTRIESADDED").arg(index + entries).arg("MAXDELETEDID").arg(last.to_string());
                    self.inner.commands.ask(&set).await.map(drop).map_err(|trouble| self.lost(trouble))
                }
                (Remains::Later(_) | Remains::Other(_), _) => {
                    return Err(Lost("the log has other entries meanwhile: look at it and try again".to_owned()));
                }
            };
            // An entry that came in between is later than the end named here, and then the server refuses.
            match done {
                Ok(()) => (),
                Err(lost) => refused = lost,
            }
        }
        Err(refused)
    }

    /// Gives the log another name, where nobody looks for it and nothing of it is lost; answers with that name.
    ///
    /// # Errors
    /// The server is out of reach or does not allow it.
    pub async fn set_log_aside(&self) -> Result<String, Lost> {
        let log = &*self.inner.names.log;
        let aside = format!("{log}:aside:{}", wall_ms());
        let mut rename = redis::cmd("RENAMENX");
        rename.arg(log).arg(&aside);
        self.inner.commands.once(&rename).await.map_err(|trouble| self.lost(trouble))?;
        Ok(aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_since_is_told_from_what_may_be_another_history() {
        let at = |ms| Revision { ms, seq: 0 };
        let log = |first: u64, last, length, added| StreamFacts {
            length,
            last: at(last),
            first: (length > 0).then(|| at(first)),
            newest: (length > 0).then(|| at(last)),
            added,
        };
        let of = |log| Remains::of(log, at(50), 5);
        assert_eq!(of(None), Remains::Nothing);
        assert_eq!(of(Some(log(0, 0, 0, Some(0)))), Remains::Nothing);
        assert_eq!(of(Some(log(0, 50, 0, Some(5)))), Remains::Behind);
        assert_eq!(of(Some(log(60, 70, 2, Some(2)))), Remains::Later(2));
        assert_eq!(of(Some(log(60, 70, 2, Some(7)))), Remains::Behind);
        for other in [log(40, 70, 2, Some(2)), log(60, 70, 2, Some(3)), log(60, 70, 2, None), log(10, 50, 5, Some(5))] {
            assert_eq!(of(Some(other.clone())), Remains::Other(other));
        }
    }
}
