//! One who publishes whatever the weather: by the command line, over a host's HTTP, and by plain redis-cli.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use serde_json::Value;

use crate::http;
use crate::process::Process;
use crate::storm::history::{Change, Told};
use crate::storm::stage::{HOSTS, PUBLISHERS, Stage, TOKEN, within};
use crate::wait::wait_for;

/// From one change to the next, at least: room for others on the machine.
const BEAT: Duration = Duration::from_millis(50);
/// How long redis-cli may take, which has no such bound itself; and sluice, which has.
const CLI_PATIENCE: Duration = Duration::from_secs(3);
const SLUICE_PATIENCE: &str = "6s";
/// How often a change is tried until it counts as indeterminate.
const ATTEMPTS_MAX: u32 = 4;
/// Keys of each kind, so few that the publishers meet.
pub const KEYS: usize = 12;
/// Keys of this kind are there from the beginning and are never deleted.
pub const STEADY: &str = "steady";
pub const KINDS: [&str; 3] = [STEADY, "checked", "free"];

/// One of them.
pub struct Publisher<'a> {
    pub who: usize,
    pub stage: &'a Stage,
    chance: Rng,
    last: Option<String>,
}

/// A change before it is published.
struct Draft {
    id: String,
    key: String,
    value: Option<String>,
    /// More fields, for ways that have room for them.
    more: Vec<(String, String)>,
}

impl<'a> Publisher<'a> {
    pub fn new(who: usize, stage: &'a Stage, seed: u64) -> Publisher<'a> {
        Publisher { who, stage, chance: Rng::with_seed(seed ^ (who as u64 + 1) << 32), last: None }
    }

    /// Publishes until it is over.
    pub fn publish_until(mut self, round: usize, is_over: &AtomicBool) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        while !is_over.load(Relaxed) {
            let begun = Instant::now();
            let draft = self.draft(format!("{}-{round}-{}", self.who, changes.len()));
            let mut change = Change { id: draft.id.clone(), ..Change::default() };
            let way = self.chance.u8(..20);
            while change.told.is_none() && change.attempts < ATTEMPTS_MAX && !is_over.load(Relaxed) {
                change.attempts += 1;
                change.told = match way {
                    0 | 1 => self.by_command(&draft)?,
                    2..6 => self.by_http(&draft),
                    _ => self.by_redis(&draft)?,
                };
            }
            self.last = change.told.as_ref().map(|told| told.revision.clone()).or(self.last.take());
            changes.push(change);
            wait_for("the next beat", || (begun.elapsed() >= BEAT || is_over.load(Relaxed)).then_some(()));
        }
        Ok(changes)
    }

    fn draft(&mut self, id: String) -> Draft {
        let chance = &mut self.chance;
        let kind = chance.choice(KINDS).expect("there are kinds");
        let key = format!("{kind}/{}", chance.usize(..KEYS));
        let is_delete = kind != STEADY && chance.u8(..5) == 0;
        let filling = "x".repeat(if chance.u8(..10) == 0 { chance.usize(..9_000) } else { chance.usize(..60) });
        let value = format!(r#"{{"max":{},"by":"{id}","filling":"{filling}"}}"#, chance.u32(..120));
        let mut more = Vec::new();
        match chance.u8(..12) {
            // Another key in the same change, a base that may be overtaken, a typo.
            0..3 => more.push((format!("put:{STEADY}/also-{}", self.who), value.clone())),
            3 | 4 => {
                let base = self.last.clone().filter(|_| chance.bool()).unwrap_or_else(|| "0".to_owned());
                more.push((format!("base:{key}"), base));
            }
            5 if chance.bool() => more.push((format!("putt:{key}"), "typo".to_owned())),
            _ => (),
        }
        Draft { key, value: (!is_delete).then_some(value), more, id }
    }

    fn by_redis(&mut self, draft: &Draft) -> Result<Option<Told>> {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.stage.lines[self.who].port().to_string(), "-e", "XADD", "sluice:{shop}:log", "*"]);
        match &draft.value {
            Some(value) => command.arg(format!("put:{}", draft.key)).arg(value),
            None => command.arg(format!("del:{}", draft.key)).arg(""),
        };
        command.args(["reason", &draft.id, "token", &draft.id, "author", "redis-cli"]);
        command.args(draft.more.iter().flat_map(|(name, value)| [name, value]));
        let printed = within(CLI_PATIENCE, &mut command)?;
        // Anything but a revision is an error that redis-cli ended well with.
        let revision = printed.filter(|text| crate::host::order(text) > (0, 0));
        Ok(revision.map(|revision| Told { revision, outcome: None }))
    }

    fn by_command(&mut self, draft: &Draft) -> Result<Option<Told>> {
        let sluice = self.stage.sluice.over(&self.stage.lines[self.who].url());
        let notes =
            ["--token", &draft.id, "--reason", &draft.id, "--as", "sluice", "--timeout", SLUICE_PATIENCE, "-o", "json"];
        let verb = match &draft.value {
            Some(value) => vec!["put", &draft.key, value],
            None => vec!["delete", &draft.key],
        };
        let mut command = sluice.command(&[&verb[..], &notes[..]].concat())?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start(&mut command)?;
        wait_for("sluice to end", || process.ended().transpose())?;
        let mut printed = String::new();
        let stdout = process.child().stdout.as_mut().expect("stdout is piped");
        std::io::Read::read_to_string(stdout, &mut printed)?;
        Ok(told(&serde_json::from_str(&printed).unwrap_or_default()))
    }

    fn by_http(&mut self, draft: &Draft) -> Option<Told> {
        let url = self.stage.seats[self.chance.usize(..HOSTS)].url(&format!("/v1/keys/{}", draft.key))?;
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("Authorization", &*bearer), ("Idempotency-Key", &draft.id), ("Sluice-Reason", &draft.id)];
        let method = if draft.value.is_some() { "PUT" } else { "DELETE" };
        let reply = http::ask(method, &url, &headers, draft.value.as_deref().unwrap_or_default().as_bytes()).ok()?;
        told(&reply.json())
    }
}

/// The values every key that is never deleted begins with.
pub fn first_fields() -> Vec<String> {
    let keys = (0..KEYS).map(|at| at.to_string()).chain((0..PUBLISHERS).map(|who| format!("also-{who}")));
    keys.flat_map(|name| [format!("put:{STEADY}/{name}"), "{}".to_owned()]).collect()
}

/// What an answer in JSON acknowledges. One that is still pending or held acknowledges nothing yet.
fn told(answer: &Value) -> Option<Told> {
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let outcome = text("outcome").filter(|outcome| !["pending", "held", "unknown"].contains(&outcome.as_str()))?;
    Some(Told { revision: text("revision")?, outcome: Some(outcome) })
}
