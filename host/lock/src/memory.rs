//! What a master does with what it is asked: the meaning of the scripts, for simulators, models and comparison.

use std::collections::BTreeMap;

use crate::{Ask, Mark, Names, Reply, Word};

/// One master's memory. Time is its own clock, as an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// The words, and when each runs out, in us.
    pub words: BTreeMap<String, (Word, u64)>,
    /// The highest token granted for each name.
    pub registers: BTreeMap<String, u64>,
    /// What else it remembers.
    pub mark: Mark,
}

impl Memory {
    /// Answers a question in this `run`, at this time by its own clock.
    pub fn answer(&mut self, ask: &Ask, run: &str, now_us: u64) -> Reply {
        self.words.retain(|_, (_, end_us)| *end_us > now_us);
        match ask {
            Ask::Take { names, word, ttl_ms, token } => {
                if self.mark.run != run {
                    return Reply::Unadmitted;
                }
                let held = names.iter().filter_map(|name| self.words.get(name));
                if let Some(end_us) = held.map(|(_, end_us)| *end_us).max() {
                    return Reply::Held { left_ms: (end_us - now_us) / 1000 };
                }
                self.set(names, *word, now_us + ttl_ms * 1000);
                let (granted, register) = self.grant(names, *token);
                Reply::Taken { granted, register }
            }
            Ask::Raise { .. } if self.mark.run != run => Reply::Unadmitted,
            Ask::Raise { names, word, token } => match self.not_theirs(names, *word) {
                Some(not_yours) => not_yours,
                None => {
                    let (granted, register) = self.grant(names, *token);
                    Reply::Raised { granted, register }
                }
            },
            Ask::Extend { names, word, ttl_ms } => match self.not_theirs(names, *word) {
                Some(not_yours) => not_yours,
                None => {
                    for name in names.iter() {
                        let end_us = self.words.get(name).map_or(0, |(_, end_us)| *end_us);
                        self.words.insert(name.to_owned(), (*word, end_us.max(now_us + ttl_ms * 1000)));
                    }
                    Reply::Extended { clock_us: now_us }
                }
            },
            Ask::TopUp { names, word, ttl_ms } => {
                for name in names.iter().filter(|name| !self.words.contains_key(*name)).collect::<Vec<_>>() {
                    self.words.insert(name.to_owned(), (*word, now_us + ttl_ms * 1000));
                }
                Reply::ToppedUp(self.not_theirs(names, *word).is_none())
            }
            Ask::Release { names, word } => {
                let before = self.words.len();
                self.words.retain(|name, (set, _)| set != word || !names.iter().any(|one| one == name));
                Reply::Released(self.words.len() < before)
            }
        }
    }

    /// Gives this master a vote in this `run`: no token up to `floor` will be granted.
    pub fn admit(&mut self, run: &str, floor: u64) {
        self.mark.run = run.to_owned();
        self.mark.floor = self.mark.floor.max(floor);
        self.mark.high = self.mark.high.max(floor);
    }

    fn set(&mut self, names: &Names, word: Word, end_us: u64) {
        self.words.extend(names.iter().map(|name| (name.to_owned(), (word, end_us))));
    }

    fn grant(&mut self, names: &Names, token: u64) -> (bool, u64) {
        let registers = names.iter().filter_map(|name| self.registers.get(name).copied());
        let register = registers.max().unwrap_or_default().max(self.mark.floor);
        if token <= register {
            return (false, register);
        }
        self.registers.extend(names.iter().map(|name| (name.to_owned(), token)));
        self.mark.high = self.mark.high.max(token);
        (true, token)
    }

    fn not_theirs(&self, names: &Names, word: Word) -> Option<Reply> {
        let set: Vec<_> = names.iter().map(|name| self.words.get(name).map(|(set, _)| *set)).collect();
        let is_anothers = set.iter().flatten().any(|set| *set != word);
        set.iter().any(|set| *set != Some(word)).then_some(Reply::NotYours { is_anothers })
    }
}
