//! Publishers that never pause: good entries and every kind of bad ones.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Result;
use sluice_live::{Server, wait_for};

/// Entries appended at a time, and the time from one time to the next.
const BURST: usize = 3;
const BEAT: Duration = Duration::from_millis(10);
/// Keys, so few that the publishers meet.
const KEYS: usize = 40;

pub type Fields = Vec<(String, String)>;

/// One publisher.
pub struct Load {
    connection: redis::Connection,
    chance: fastrand::Rng,
    who: usize,
    count: usize,
    last: Option<String>,
}

impl Load {
    pub fn new(server: &Server, who: usize, seed: u64) -> Result<Load> {
        let chance = fastrand::Rng::with_seed(seed.wrapping_add(who as u64));
        Ok(Load { connection: server.connect()?, chance, who, count: 0, last: None })
    }

    /// Appends until it is over; answers with the revisions of all entries.
    pub fn publish_until(mut self, is_over: &AtomicBool) -> Result<Vec<String>> {
        let mut appended = Vec::new();
        while !is_over.load(Relaxed) {
            let begun = Instant::now();
            for _ in 0..BURST {
                let fields = self.entry();
                let mut command = redis::cmd("XADD");
                let revision: String =
                    command.arg("sluice:{shop}:log").arg("*").arg(&fields).query(&mut self.connection)?;
                self.last = Some(revision.clone());
                appended.push(revision);
            }
            wait_for("the next beat", || (begun.elapsed() >= BEAT).then_some(()));
        }
        Ok(appended)
    }

    /// One to four edits; some entries have a typo, a base that may be overtaken, a token used before.
    fn entry(&mut self) -> Fields {
        self.count += 1;
        let mut numbers: Vec<usize> = (0..KEYS).collect();
        self.chance.shuffle(&mut numbers);
        let edits = self.chance.usize(1..=4);
        let mut fields: Fields = numbers[..edits].iter().map(|number| self.edit(*number)).collect();
        if self.chance.u8(..) < 40 {
            let base = self.last.clone().filter(|_| self.chance.bool()).unwrap_or_else(|| "0".to_owned());
            fields.push((format!("base:{}", key(numbers[0])), base));
        }
        if self.chance.u8(..) < 60 {
            let number = self.count - self.chance.usize(..self.count.min(4));
            fields.push(("token".to_owned(), format!("{}-{number}", self.who)));
        }
        if self.chance.u8(..) < 12 {
            fields.push((format!("putt:{}", key(numbers[0])), "typo".to_owned()));
        }
        fields
    }

    fn edit(&mut self, number: usize) -> (String, String) {
        if self.chance.u8(..) < 60 {
            return (format!("del:{}", key(number)), String::new());
        }
        let max = self.chance.u32(..120);
        (format!("put:{}", key(number)), format!("{{\"max\": {max}, \"by\": \"{}-{}\"}}", self.who, self.count))
    }
}

/// A third of the keys is under a validator.
fn key(number: usize) -> String {
    if number.is_multiple_of(3) { format!("checked/{number}") } else { format!("free/{number}") }
}

/// The whole log, as Redis has it.
pub fn log(server: &Server) -> Result<Vec<(String, Fields)>> {
    let mut connection = server.connect()?;
    Ok(redis::cmd("XRANGE").arg("sluice:{shop}:log").arg("-").arg("+").query(&mut connection)?)
}
