//! One try to take a lock: a round of questions to all masters, and further rounds for the token if it was not high
//! enough.
//!
//! A token is a ballot: proposed once, granted by a master only if it is higher than all it granted before, and issued
//! when a majority granted it. Two majorities share a master, and that grants no number twice and none below another:
//! so tokens are unique, and one issued later is higher, whatever clocks and times to live do.

use crate::{Ask, Bounds, Names, Refused, Reply, Word, drift_ms};

/// Rounds for the token before the try is given up. The second wins unless somebody else raises at the same moment.
pub(crate) const ROUNDS_MAX: u64 = 5;

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    names: Names,
    word: Word,
    ttl_ms: u64,
    began_ms: u64,
    late_ms: u64,
    quorum: usize,
    token: u64,
    round: u64,
    ballots: Vec<Ballot>,
}

/// What is known of one master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ballot {
    vote: Vote,
    /// Whether it granted the token of this round.
    granted: Option<bool>,
    register: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Vote {
    #[default]
    Open,
    Yes,
    Held {
        left_ms: u64,
    },
    Unadmitted,
    Failed,
}

/// What a try has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Not decided yet.
    Open,
    /// These must be asked, in the round of that number.
    Ask(u64, Vec<(usize, Ask)>),
    /// It is held, until then by the clock of the caller.
    Held {
        /// In ms.
        deadline_ms: u64,
        /// The token issued.
        token: u64,
    },
    /// A majority cannot be had any more.
    Refused(Refused),
}

impl Attempt {
    /// Begins: the question goes to all masters at once, and the time begins before the first is sent.
    pub fn begin(bounds: &Bounds, names: &Names, ttl_ms: u64, word: Word, token: u64, now_ms: u64) -> (Attempt, Ask) {
        let attempt = Attempt {
            names: names.clone(),
            word,
            ttl_ms,
            began_ms: now_ms,
            late_ms: now_ms + bounds.answer_ms.min(ttl_ms / 4),
            quorum: bounds.quorum(),
            token,
            round: 0,
            ballots: vec![Ballot::default(); bounds.masters],
        };
        let ask = Ask::Take { names: names.clone(), word, ttl_ms, token };
        (attempt, ask)
    }

    /// Whose word.
    pub fn word(&self) -> Word {
        self.word
    }

    /// When it began, in ms.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// When it is given up undecided, in ms.
    pub fn late_ms(&self) -> u64 {
        self.late_ms
    }

    /// The highest token seen.
    pub fn register(&self) -> u64 {
        self.ballots.iter().map(|ballot| ballot.register).max().unwrap_or_default().max(self.token)
    }

    /// Takes an answer to a question of that round. The first of each master counts.
    pub fn on_reply(&mut self, master: usize, round: u64, reply: &Reply, now_ms: u64) -> Decision {
        let (is_now, names, word) = (round == self.round, self.names.clone(), self.word);
        let Some(ballot) = self.ballots.get_mut(master) else { return Decision::Open };
        let is_taking = round == 0 && ballot.vote == Vote::Open;
        match reply {
            Reply::Taken { granted, register } if is_taking => {
                ballot.vote = Vote::Yes;
                ballot.register = *register;
                if !is_now {
                    // It took the word for a token that was given up meanwhile.
                    let raise = Ask::Raise { names, word, token: self.token };
                    return Decision::Ask(self.round, vec![(master, raise)]);
                }
                ballot.granted = Some(*granted);
            }
            Reply::Held { left_ms } if is_taking => ballot.vote = Vote::Held { left_ms: *left_ms },
            Reply::Unadmitted if is_taking => ballot.vote = Vote::Unadmitted,
            Reply::Failed if is_taking => ballot.vote = Vote::Failed,
            Reply::Raised { granted, register } if round > 0 && is_now && ballot.granted.is_none() => {
                ballot.register = ballot.register.max(*register);
                ballot.granted = Some(*granted);
            }
            Reply::NotYours { .. } | Reply::Unadmitted | Reply::Failed if round > 0 && is_now => {
                ballot.vote = Vote::Failed;
            }
            // Late, doubled, or to another question.
            _ => return Decision::Open,
        }
        self.decide(now_ms)
    }

    /// Looks at the clock.
    pub fn on_time(&self, now_ms: u64) -> Decision {
        match now_ms >= self.late_ms {
            true => Decision::Refused(self.refused()),
            false => Decision::Open,
        }
    }

    fn decide(&mut self, now_ms: u64) -> Decision {
        let (yes, open) = (self.count(Vote::Yes), self.count(Vote::Open));
        if yes + open < self.quorum {
            return Decision::Refused(self.refused());
        }
        let willing = self.ballots.iter().filter(|ballot| ballot.vote == Vote::Yes);
        let granted = willing.clone().filter(|ballot| ballot.granted == Some(true)).count();
        let is_refused = willing.clone().any(|ballot| ballot.granted == Some(false));
        if yes >= self.quorum && granted >= self.quorum {
            let deadline_ms = self.began_ms + self.ttl_ms - drift_ms(self.ttl_ms);
            // What is nearly over is of no use: this process may have slept.
            return match now_ms + self.ttl_ms / 2 <= deadline_ms {
                true => Decision::Held { deadline_ms, token: self.token },
                false => Decision::Refused(Refused::Late),
            };
        }
        match yes >= self.quorum && is_refused {
            true => self.raise(),
            false => Decision::Open,
        }
    }

    fn raise(&mut self) -> Decision {
        if self.round + 1 >= ROUNDS_MAX {
            return Decision::Refused(Refused::Outbid);
        }
        self.token = self.register() + 1;
        self.round += 1;
        let raise = Ask::Raise { names: self.names.clone(), word: self.word, token: self.token };
        let mut asks = Vec::new();
        for (master, ballot) in self.ballots.iter_mut().enumerate().filter(|(_, ballot)| ballot.vote == Vote::Yes) {
            ballot.granted = None;
            asks.push((master, raise.clone()));
        }
        Decision::Ask(self.round, asks)
    }

    fn count(&self, vote: Vote) -> usize {
        self.ballots.iter().filter(|ballot| ballot.vote == vote).count()
    }

    /// Why it was not had: somebody has it where any master says so, for that passes; else what keeps it from everybody.
    fn refused(&self) -> Refused {
        let left = self.ballots.iter().filter_map(|ballot| match ballot.vote {
            Vote::Held { left_ms } => Some(left_ms),
            Vote::Open | Vote::Yes | Vote::Unadmitted | Vote::Failed => None,
        });
        let unadmitted = self.count(Vote::Unadmitted);
        match left.max() {
            Some(left_ms) => Refused::Taken { left_ms },
            None if unadmitted > self.ballots.len() - self.quorum => Refused::Unadmitted { masters: unadmitted },
            None => Refused::NoQuorum { answered: self.count(Vote::Yes), wanted: self.quorum },
        }
    }
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
