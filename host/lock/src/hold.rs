//! A lock that is held: how it is made to last, and how its holder learns that it does not.
//!
//! An extension counts only masters that still had the word: to set it anew and count that would take a lock back that
//! somebody else had in between. Those that lost the word get it again once a majority was extended, so that one
//! restarted master after the other does not wear the majority down.

use std::fmt;

use crate::{Ask, Bounds, Names, Reply, Tide, Word, drift_ms};

/// A lock that is held, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    names: Names,
    word: Word,
    token: u64,
    ttl_ms: u64,
    deadline_ms: u64,
    /// Beyond this it is not extended; none: never by itself.
    end_ms: Option<u64>,
    /// When the next round is due; none: no more.
    due_ms: Option<u64>,
    quorum: usize,
    round: u64,
    /// The last round in which a majority extended it.
    won: u64,
    began_ms: u64,
    votes: Vec<Vote>,
    tides: Vec<Tide>,
    loss: Option<Loss>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Vote {
    #[default]
    Open,
    Extended,
    /// It ran out or was lost there.
    Absent,
    /// It is to be had again there, and was asked for.
    ToppedUp,
    Anothers,
    Failed,
}

/// Why a lock is held no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its time ran out before a majority could be extended, or this process slept through it.
    Expired,
    /// A majority of masters says that it is not there any more.
    Gone,
    /// It has lasted as long as its terms allow.
    Total,
    /// An operator took it away.
    Revoked,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::Expired => "its time ran out before a majority of masters extended it",
            Loss::Gone => "a majority of masters no longer has it",
            Loss::Total => "it has lasted as long as it may: allow it more in all, or do less under one lock",
            Loss::Revoked => "it was taken away by an operator",
        })
    }
}

impl Hold {
    /// What was just taken. `total_ms` is how long it may be extended in all; none: it is not.
    pub fn begin(bounds: &Bounds, taken: Taken, now_ms: u64, total_ms: Option<u64>) -> Hold {
        let Taken { names, word, token, ttl_ms, deadline_ms } = taken;
        let end_ms = total_ms.map(|total_ms| now_ms.saturating_add(total_ms));
        Hold {
            names,
            word,
            token,
            ttl_ms,
            deadline_ms: deadline_ms.min(end_ms.unwrap_or(u64::MAX)),
            end_ms,
            due_ms: end_ms.map(|_| now_ms + ttl_ms / 3),
            quorum: bounds.quorum(),
            round: 0,
            won: 0,
            began_ms: now_ms,
            votes: vec![Vote::default(); bounds.masters],
            tides: vec![Tide::default(); bounds.masters],
            loss: None,
        }
    }

    /// Its fencing token.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Its word.
    pub fn word(&self) -> Word {
        self.word
    }

    /// Until when it is held, in ms by the clock of the caller.
    pub fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Why it is held no longer, if so.
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// The number of the last round that was begun, and of the last that a majority answered with yes.
    pub fn rounds(&self) -> (u64, u64) {
        (self.round, self.won)
    }

    /// When [`Hold::on_time`] has something to do, in ms.
    pub fn wake_ms(&self) -> u64 {
        self.due_ms.unwrap_or(u64::MAX).min(self.deadline_ms)
    }

    /// Looks at the clock: loses what is over, and gives the question of the next round if one is due.
    pub fn on_time(&mut self, now_ms: u64) -> Option<(u64, Ask)> {
        if self.is_lost_by(now_ms) || self.due_ms.is_none_or(|due_ms| now_ms < due_ms) {
            return None;
        }
        Some(self.extend(now_ms))
    }

    /// Begins a round now: the question for all masters, and its number. The one before, if it still runs, is over.
    pub fn extend(&mut self, now_ms: u64) -> (u64, Ask) {
        self.round += 1;
        self.began_ms = now_ms;
        // Sooner than after a success: it is tried until the deadline.
        self.due_ms = self.due_ms.map(|_| now_ms + (self.ttl_ms / 6).max(1));
        self.votes.fill(Vote::Open);
        (self.round, Ask::Extend { names: self.names.clone(), word: self.word, ttl_ms: self.ttl_ms })
    }

    /// Takes an answer to the question of that round, and gives those to top up.
    pub fn on_reply(&mut self, master: usize, round: u64, reply: &Reply, now_ms: u64) -> Vec<(usize, Ask)> {
        if self.is_lost_by(now_ms) || round != self.round || self.votes.get(master) != Some(&Vote::Open) {
            return Vec::new();
        }
        self.votes[master] = match reply {
            Reply::Extended { clock_us } => match self.tides[master].see(*clock_us, self.began_ms, now_ms) {
                // By a clock that just jumped nobody can tell how long the word stays there.
                1.. => Vote::Failed,
                _ => Vote::Extended,
            },
            Reply::NotYours { is_anothers: false } => Vote::Absent,
            Reply::NotYours { is_anothers: true } => Vote::Anothers,
            _ => Vote::Failed,
        };
        let not_ours = self.count(Vote::Absent) + self.count(Vote::Anothers) + self.count(Vote::ToppedUp);
        if not_ours > self.votes.len() - self.quorum {
            self.loss = Some(Loss::Gone);
            return Vec::new();
        }
        if self.count(Vote::Extended) < self.quorum {
            return Vec::new();
        }
        self.won = self.round;
        let until_ms = self.began_ms + self.ttl_ms - drift_ms(self.ttl_ms);
        self.deadline_ms = self.deadline_ms.max(until_ms).min(self.end_ms.unwrap_or(u64::MAX));
        self.due_ms = self.due_ms.map(|_| self.began_ms + self.ttl_ms / 3);
        self.top_up()
    }

    fn top_up(&mut self) -> Vec<(usize, Ask)> {
        let ask = Ask::TopUp { names: self.names.clone(), word: self.word, ttl_ms: self.ttl_ms };
        let mut asks = Vec::new();
        for (master, vote) in self.votes.iter_mut().enumerate().filter(|(_, vote)| **vote == Vote::Absent) {
            *vote = Vote::ToppedUp;
            asks.push((master, ask.clone()));
        }
        asks
    }

    /// Ends it for a reason from outside.
    pub fn lose(&mut self, loss: Loss) {
        self.loss = self.loss.or(Some(loss));
    }

    fn is_lost_by(&mut self, now_ms: u64) -> bool {
        if self.loss.is_none() && now_ms >= self.deadline_ms {
            let is_total = self.end_ms.is_some_and(|end_ms| self.deadline_ms >= end_ms);
            self.loss = Some(if is_total { Loss::Total } else { Loss::Expired });
        }
        self.loss.is_some()
    }

    fn count(&self, vote: Vote) -> usize {
        self.votes.iter().filter(|one| **one == vote).count()
    }
}

/// What an attempt won.
#[derive(Clone, Debug)]
pub struct Taken {
    /// For what.
    pub names: Names,
    /// By which word.
    pub word: Word,
    /// The token issued.
    pub token: u64,
    /// How long it lasts, in ms.
    pub ttl_ms: u64,
    /// Until when, in ms.
    pub deadline_ms: u64,
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
