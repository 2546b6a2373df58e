//! Publishes with a base, by racing publishers at several hosts, are one register with compare-and-set: each history is
//! linearizable (Herlihy and Wing 1990, "Linearizability: a correctness condition for concurrent objects"), also
//! while connections are cut and nobody can tell what became of a publish.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use sluice_live::host::order;
use sluice_live::proxy::End;
use sluice_live::{Fleet, Host, Proxy, Weather};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const PUBLISHERS: usize = 4;
const ROUNDS: usize = 6;
const TRIES: usize = 12;

/// A revision of the one key; none: absent.
type At = Option<(u64, u64)>;

/// The key as all publishers should see it: one place, one operation after the other.
#[derive(Clone, Debug, Default)]
struct Register(At);

#[derive(Clone, Debug, PartialEq)]
struct CompareAndSet {
    base: At,
    /// What it becomes at, by the log; none where the entry never got there.
    revision: At,
}

#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Applied,
    Conflict { found: At },
}

impl SequentialSpec for Register {
    type Op = CompareAndSet;
    type Ret = Answer;

    fn invoke(&mut self, op: &CompareAndSet) -> Answer {
        if self.0 != op.base || op.revision.is_none() {
            return Answer::Conflict { found: self.0 };
        }
        self.0 = op.revision;
        Answer::Applied
    }
}

/// What a publisher saw, in the order of real time.
enum Seen {
    Asked { who: usize, token: String, base: At },
    Answered { who: usize, answer: Answer },
}

/// One key, its publishers, and what they saw.
struct Round<'a> {
    fleet: &'a Fleet,
    key: String,
    seen: Mutex<Vec<Seen>>,
    /// Who never heard what became of a publish is somebody else from then on.
    names: AtomicUsize,
}

impl Round<'_> {
    fn publisher(&self, at: usize) -> Result<()> {
        let mut random = fastrand::Rng::with_seed(at as u64);
        let (mut who, mut known): (usize, At) = (self.names.fetch_add(1, Ordering::Relaxed), None);
        for attempt in 0..TRIES {
            let token = format!("{} {at} {attempt}", self.key);
            // Mostly what it knows; sometimes what nobody can have, which only reads.
            let base = if random.u8(0..5) == 0 { Some((9, 9)) } else { known };
            self.see(Seen::Asked { who, token: token.clone(), base });
            match self.publish(&self.fleet.hosts[at % self.fleet.hosts.len()], &token, base)? {
                Some((answer, now)) => {
                    known = now;
                    self.see(Seen::Answered { who, answer });
                }
                None => who = self.names.fetch_add(1, Ordering::Relaxed),
            }
        }
        Ok(())
    }

    /// The answer, and what the key is at as far as it tells; none when the host could not tell.
    fn publish(&self, host: &Host, token: &str, base: At) -> Result<Option<(Answer, At)>> {
        let edit = json!({ "key": self.key, "value": token, "base": written(base) });
        let change = json!({ "edits": [edit], "token": token }).to_string();
        let headers = [("Authorization", &*format!("Bearer {TOKEN}")), ("Content-Type", "application/json")];
        let reply = host.ask("POST", "/v1/changes", &headers, change.as_bytes())?;
        let answer = reply.json();
        match (reply.code, answer["outcome"].as_str()) {
            (200, Some("applied")) => Ok(Some((Answer::Applied, read(&answer["revision"])))),
            (409, Some("conflict")) => {
                let found = read(&answer["errors"][0]["found"]);
                Ok(Some((Answer::Conflict { found }, found)))
            }
            (202 | 503, _) => Ok(None),
            (status, _) => bail!("{status}: {answer}"),
        }
    }

    fn see(&self, seen: Seen) {
        self.seen.lock().expect("no publisher panics").push(seen);
    }

    /// Whether what was seen could have happened in one place, one operation after the other.
    fn check(self, log: &BTreeMap<String, (u64, u64)>) -> Result<(usize, usize)> {
        let mut history = LinearizabilityTester::new(Register::default());
        let (mut asked, mut answered) = (0, 0);
        for seen in self.seen.into_inner()? {
            match seen {
                Seen::Asked { who, token, base } => {
                    asked += 1;
                    let op = CompareAndSet { base, revision: log.get(&token).copied() };
                    history.on_invoke(who, op).map_err(anyhow::Error::msg)?;
                }
                Seen::Answered { who, answer } => {
                    answered += 1;
                    history.on_return(who, answer).map_err(anyhow::Error::msg)?;
                }
            }
        }
        ensure!(history.is_consistent(), "no order of these explains what was seen: {history:#?}");
        Ok((asked, answered))
    }
}

fn written(at: At) -> String {
    at.map_or("0".to_owned(), |(ms, seq)| format!("{ms}-{seq}"))
}

fn read(revision: &Value) -> At {
    revision.as_str().filter(|text| *text != "0-0").map(order)
}

/// The revision of each token's first entry.
fn tokens(fleet: &Fleet) -> Result<BTreeMap<String, (u64, u64)>> {
    let mut connection = fleet.server.connect()?;
    let entries: Vec<(String, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg("sluice:{shop}:log").arg("-").arg("+").query(&mut connection)?;
    let mut tokens = BTreeMap::new();
    for (id, fields) in entries {
        if let Some((_, token)) = fields.into_iter().find(|(name, _)| name == "token") {
            tokens.entry(token).or_insert(order(&id));
        }
    }
    Ok(tokens)
}

#[test]
fn racing_publishes_with_bases_are_linearizable() -> Result<()> {
    let mut fleet = Fleet::start(0)?;
    let secret = fleet.file("token", TOKEN)?;
    let settings = fleet.file("sluice.toml", format!("publish_token_file = \"{secret}\"\n"))?;
    let line = Proxy::start(fleet.server.port(), 11)?;
    for (id, url) in [("near", fleet.server.url()), ("far", line.url())] {
        let data = fleet.folder.path().join(id);
        fleet.hosts.push(Host::start(&fleet.sluice.over(&url), id, data, &["--settings", &settings])?);
    }
    let mut sums = (0, 0);
    for round in 0..ROUNDS {
        let round =
            Round { fleet: &fleet, key: format!("k/{round}"), seen: Mutex::default(), names: AtomicUsize::new(0) };
        let publish = |at| round.publisher(at);
        thread::scope(|scope| -> Result<()> {
            let publish = &publish;
            let racers: Vec<_> = (0..PUBLISHERS).map(|at| scope.spawn(move || publish(at))).collect();
            // The far one loses its line again and again while they race.
            while racers.iter().any(|racer| !racer.is_finished()) {
                line.end(End::Reset);
                thread::yield_now();
                let before = line.accepted();
                sluice_live::wait_for("the far host to come back, or the race to end", || {
                    let is_over = racers.iter().all(thread::ScopedJoinHandle::is_finished);
                    (is_over || (line.accepted() > before && line.open() > 0)).then_some(())
                });
            }
            racers.into_iter().try_for_each(|racer| racer.join().expect("a publisher does not panic"))
        })?;
        line.set(Weather::default());
        let (asked, answered) = round.check(&tokens(&fleet)?)?;
        sums = (sums.0 + asked, sums.1 + answered);
    }
    println!("{} publishes, {} with an answer", sums.0, sums.1);
    ensure!(sums.1 * 2 > sums.0, "hardly any publish was answered: the test shows nothing");
    Ok(())
}

#[test]
fn a_history_with_a_lost_update_is_not_taken_for_linearizable() {
    let mut history = LinearizabilityTester::new(Register::default());
    let at = |ms| Some((ms, 0));
    for (who, ms) in [(1, 5), (2, 6)] {
        history.on_invoke(who, CompareAndSet { base: None, revision: at(ms) }).unwrap();
        history.on_return(who, Answer::Applied).unwrap();
    }
    assert!(!history.is_consistent(), "two publishers won with one base");
}
