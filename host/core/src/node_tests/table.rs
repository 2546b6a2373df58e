//! A node on a table: scripts go in line by line, and what it asks for comes out.
//!
//! ```text
//! log 3 put:a=1 token=t     there is an entry 3-0 with these fields; bind:w=app/*<tls/* binds w to app/*, and it may
//!                           look up tls/*; bind-blob:w=… does so by a blob, which fetched-bind brings
//! pulled 0: 1 2 3           the log answers the pull behind 0 with entries 1, 2 and 3; or `pulled 0: lost`,
//!                           or how it came apart from this host: trimmed, reset, forked
//! judged 1 2: accept        the validators answer; also reject, fault, and `other` for another entry's digest
//! fetched pear: pear        the blob named after these bytes comes, with these bytes; or `lost`
//! persisted 1: ok           the store answers; or `lost`
//! restored 7                a snapshot of the first entries up to 7-0 comes; or `restored none`, `restored lost`
//! reported / tick / stop
//! at 50                     it is 50 ms now
//! deadline / served / held / values / source     shows something
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use expect_test::Expect;

use crate::change::BlobRef;
use crate::digest::Digest;
use crate::effect::{Apart, Batch, Effect, Event, Judged, Lost, Millis, PullError, Rift, Snapshot, Step};
use crate::entry::Entry;
use crate::fold;
use crate::key::Key;
use crate::media::Media;
use crate::node::{Node, Settings};
use crate::outcome::Outcome;
use crate::revision::Revision;
use crate::state::{Item, State};
use crate::verdict::{Cause, Fault, Verdict};

pub struct Table {
    pub node: Node,
    pub now: Millis,
    log: BTreeMap<u64, Arc<Entry>>,
    effects: Vec<Effect>,
}

/// Small bounds that tests can reach; reports only where a script waits for them.
pub fn settings() -> Settings {
    Settings {
        line_entries_max: 8,
        line_bytes_max: 1 << 20,
        held_max: 2,
        restore_wait_ms: 5_000,
        pull_wait_ms: 1_000,
        answer_wait_ms: 2_000,
        retry_min_ms: 50,
        retry_max_ms: 400,
        pull_retry_max_ms: 500,
        report_min_ms: 1_000_000,
        report_max_ms: 2_000_000,
    }
}

/// A state in which one validator is bound to all keys, so that verdicts are asked for.
pub fn bound() -> State {
    bound_to(&binding("**", ""))
}

/// A binding to the keys of one glob that may look up those of another; none if that is empty.
pub fn binding(keys: &str, reads: &str) -> String {
    let reads = if reads.is_empty() { String::new() } else { format!("\"{reads}\"") };
    format!(r#"{{"keys":["{keys}"],"reads":[{reads}],"component":"{}"}}"#, Digest::ZERO)
}

/// A state in which this document is bound as `v`.
pub fn bound_to(document: &str) -> State {
    let bytes = Bytes::copy_from_slice(document.as_bytes());
    let item = Item { revision: Revision::ZERO, media: Media::BYTES, digest: Digest::of(&bytes), bytes };
    let mut state = State::default();
    state.set(&Key::parse(b"_sluice/validators/v").unwrap(), Some(item));
    state
}

#[track_caller]
pub fn check(script: &str, expected: Expect) {
    check_on(settings(), bound(), script, expected);
}

#[track_caller]
pub fn check_on(settings: Settings, state: State, script: &str, expected: Expect) {
    let (mut node, mut effects) = Node::start(settings, state, Millis(0));
    // There is no snapshot; what becomes of one is a table of its own.
    effects.retain(|effect| !matches!(effect, Effect::Restore { .. }));
    effects.splice(0..0, node.handle(Millis(0), Event::Restored(Ok(None))));
    run(node, effects, script, expected);
}

/// A script from the very first effect on.
#[track_caller]
pub fn check_from_start(state: State, script: &str, expected: Expect) {
    let (node, effects) = Node::start(settings(), state, Millis(0));
    run(node, effects, script, expected);
}

#[track_caller]
fn run(node: Node, effects: Vec<Effect>, script: &str, expected: Expect) {
    let mut table = Table { node, now: Millis(0), log: BTreeMap::new(), effects };
    let mut shown = table.shown();
    for line in script.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty()) {
        let told = table.run(line);
        if !line.starts_with("log ") {
            shown += &format!("> {line}\n{told}{}", table.shown());
        }
    }
    expected.assert_eq(&shown);
}

impl Table {
    fn run(&mut self, line: &str) -> String {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (object, answer) = rest.split_once(':').unwrap_or((rest, ""));
        let answer = answer.trim();
        let event = match verb {
            "log" => return self.append(rest),
            "at" => {
                self.now = Millis(number(rest));
                return String::new();
            }
            "deadline" | "served" | "held" | "values" | "source" => return self.look(verb),
            "pulled" => Event::Pulled { after: revision(object), result: self.pulled(answer) },
            "judged" => Event::Judged(object.split(' ').map(|name| self.judged(name, answer)).collect()),
            "fetched" => Event::Fetched { blob: blob(object), result: bytes(answer) },
            "fetched-bind" => Event::Fetched { blob: blob(&written(object)), result: Ok(Bytes::from(written(object))) },
            "persisted" => Event::Persisted { number: number(object), result: bytes(answer).map(drop) },
            "restored" => Event::Restored(self.restored(object)),
            "reported" => Event::Reported,
            "tick" => Event::Tick,
            "stop" => Event::Stop,
            _ => panic!("not a line of a script: {line}"),
        };
        self.effects = self.node.handle(self.now, event);
        String::new()
    }

    fn append(&mut self, rest: &str) -> String {
        let (ms, fields) = rest.split_once(' ').unwrap();
        let fields = fields.split(' ').map(|field| field.split_once('=').unwrap_or((field, "")));
        let blob = |value: &str| format!("{} {}", Digest::of(value.as_bytes()), value.len());
        let fields = fields.map(|(name, value)| match name.split_once(':') {
            Some(("put-blob", _)) => (name.to_owned(), blob(value)),
            Some(("bind", of)) => (format!("put:_sluice/validators/{of}"), written(value)),
            Some(("bind-blob", of)) => (format!("put-blob:_sluice/validators/{of}"), blob(&written(value))),
            Some(_) | None => (name.to_owned(), value.to_owned()),
        });
        let fields = fields.map(|(name, value)| (Bytes::from(name), Bytes::from(value)));
        self.log.insert(number(ms), Arc::new(Entry::read(revision(ms), fields.collect())));
        String::new()
    }

    fn restored(&self, answer: &str) -> Result<Option<Box<Snapshot>>, Lost> {
        match answer {
            "lost" => Err(Lost("away".to_owned())),
            "none" => Ok(None),
            until => {
                let mut state = State::default();
                let entries = self.log.range(..=number(until)).map(|(_, entry)| entry);
                entries.for_each(|entry| drop(fold::fold(&mut state, entry, |_, _| Verdict::accept())));
                Ok(Some(Box::new(Snapshot { state })))
            }
        }
    }

    fn pulled(&self, answer: &str) -> Result<Vec<Arc<Entry>>, PullError> {
        let apart = |rift: Rift| Err(PullError::Apart(Apart { rift, why: rift.as_str().to_owned() }));
        match answer {
            "trimmed" => apart(Rift::Trimmed),
            "reset" => apart(Rift::Reset),
            "forked" => apart(Rift::Forked),
            "hole" => apart(Rift::Hole),
            "lost" => Err(PullError::Away(Lost("away".to_owned()))),
            "" => Ok(Vec::new()),
            names => Ok(names.split(' ').map(|name| self.log[&number(name)].clone()).collect()),
        }
    }

    fn judged(&self, name: &str, answer: &str) -> Judged {
        let digest = if answer == "other" { Digest::ZERO } else { self.log[&number(name)].digest };
        let result = match answer {
            "accept" | "other" => Ok(Verdict::accept()),
            "reject" => Ok(Verdict::Reject(Cause::Verdict, Arc::new([]))),
            "fault" => Err((Fault::Time, "overloaded".to_owned())),
            _ => panic!("not a verdict: {answer}"),
        };
        Judged { revision: revision(name), digest, result }
    }

    fn look(&self, verb: &str) -> String {
        let served = self.node.served();
        match verb {
            "deadline" => match self.node.deadline() {
                Some(due) => format!("  deadline {}\n", due.0),
                None => "  no deadline\n".to_owned(),
            },
            "served" => format!("  served {}\n", served.cursor),
            "source" => {
                let standing = self.node.standing();
                format!("  {:?} {:?}\n", standing.rift, standing.source.map(|lost| lost.0))
            }
            "held" => {
                let held = self.node.standing().held;
                let shown = held.iter().map(|held| match &held.fault {
                    Some((fault, why)) => format!("  {} tried {}: {fault}, {why}\n", held.revision, held.tries),
                    None => format!("  {} waits behind another\n", held.revision),
                });
                shown.collect()
            }
            _ => {
                let own = served.range("", None).filter(|(key, _)| !key.is_reserved());
                own.map(|(key, item)| format!("  {key} = {}\n", item.bytes.escape_ascii())).collect()
            }
        }
    }

    fn shown(&mut self) -> String {
        self.effects.drain(..).map(|effect| format!("  {}\n", shown(&effect))).collect()
    }
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Pull { after } => format!("pull {}", after.revision.ms),
        Effect::Rejoin => "rejoin".to_owned(),
        Effect::Restore { beyond } => format!("restore beyond {}", beyond.revision.ms),
        Effect::Fetch { blob } => format!("fetch {} bytes", blob.length),
        Effect::Judge(ask) => {
            let entries: Vec<String> = ask.entries.iter().map(|entry| entry.revision.ms.to_string()).collect();
            format!("judge {} on {}", entries.join(" "), ask.before.cursor.ms)
        }
        Effect::Persist(batch) => format!("persist {}", shown_batch(batch)),
        Effect::Install(batch) => format!("install #{}", batch.number),
        Effect::Report(standing) => format!("report {}, {} held", standing.state.cursor.ms, standing.held.len()),
    }
}

fn shown_batch(batch: &Batch) -> String {
    let class = |outcome: &Outcome| outcome.class();
    let steps = batch.steps.iter().map(|step| match step {
        Step::Folded(settled) => format!("{} {}", settled.entry.revision.ms, class(&settled.outcome)),
        Step::Held(entry) => format!("{} held", entry.revision.ms),
        Step::Released(settled) => format!("{} released {}", settled.entry.revision.ms, class(&settled.outcome)),
    });
    match batch.is_restored {
        true => format!("#{}: all of {}", batch.number, batch.state.cursor.ms),
        false => format!("#{}: {}", batch.number, steps.collect::<Vec<_>>().join(", ")),
    }
}

/// The document of `app/*<tls/*`.
pub fn written(text: &str) -> String {
    let (keys, reads) = text.split_once('<').unwrap_or((text, ""));
    binding(keys, reads)
}

pub fn revision(text: &str) -> Revision {
    text.parse().unwrap()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn blob(text: &str) -> BlobRef {
    BlobRef { digest: Digest::of(text.as_bytes()), length: text.len() as u64 }
}

fn bytes(answer: &str) -> Result<Bytes, Lost> {
    match answer {
        "lost" => Err(Lost("away".to_owned())),
        text => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}
