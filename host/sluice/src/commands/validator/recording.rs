//! `sluice validator record`: changes that hosts have seen, with the state before each, as a file.

pub mod tape;

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, VecDeque};

use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value, json};
use sluice_core::key::VALIDATORS;
use sluice_core::{Change, Digest, Entry, Globs, Key, Outcome, Refusal, State};

use super::component::Component;
use super::decision::Decision;
use super::proposal::Proposal;
use crate::cli::ValidatorRecord;
use crate::exit::{Ended, usage};
use crate::replica::Replica;
use crate::space::{Context, Space};
use crate::told::shown;
use crate::wiring::edges::{Binding, Glob, Library, library};
use tape::{By, Head, Moment, Recorded, Tape};

/// An entry of interest, as the fold saw it.
struct Sighting {
    entry: Entry,
    outcome: Outcome,
    before: State,
}

/// Where changes are judged again: few components judged many of them.
struct Rehearing {
    library: Library,
    space: Space,
    components: BTreeMap<Digest, Component>,
}

pub async fn record(context: &Context, args: &ValidatorRecord) -> Result<Ended> {
    let space = context.space()?;
    let replica = space.replica()?;
    let head = head(&context.reach.space, &replica, args).await?;
    let found = sightings(&replica, args, &globs(&head.proposal.keys)?).await?;
    let mut moments = Vec::with_capacity(found.len());
    let mut rehearing = Rehearing { library: library()?, space, components: BTreeMap::new() };
    for sighting in &found {
        let recorded = rehearing.recorded(args.binding.as_deref(), sighting).await?;
        moments.push(Moment::new(
            &sighting.entry,
            &sighting.outcome,
            &sighting.before,
            &head.proposal.reads,
            recorded,
        )?);
    }
    let count = moments.len();
    Tape { head, moments }.write(&args.out)?;
    let fields = [("path", json!(args.out)), ("changes", json!(count))];
    context.output.one("Recording", Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))?;
    if count == 0 {
        context.output.remark("no change of the log that came before validators is of these keys");
    }
    Ok(if count == 0 { Ended::No } else { Ended::Yes })
}

/// What a replay binds: the binding as it stands at the end of the log, or nothing but keys.
async fn head(space: &str, replica: &Replica, args: &ValidatorRecord) -> Result<Head> {
    let mut proposal = match &args.binding {
        Some(name) => bound(&replica.fold(None, |_: &Entry, _: &Outcome, _: &State| ()).await?, name)?,
        None => Proposal { keys: args.keys.clone(), reads: Vec::new(), settings: None, limits: Map::new() },
    };
    proposal.reads.extend(args.reads.iter().cloned());
    globs(&proposal.reads)?;
    Ok(Head::new(space, args.binding.clone(), proposal))
}

/// What a binding in force says.
pub fn bound(state: &State, name: &str) -> Result<Proposal> {
    let key = Key::parse(format!("{VALIDATORS}{name}").as_bytes()).map_err(usage)?;
    let absent = || usage(format!("no validator is bound as {name}: sluice validator ls shows those that are"));
    let document: Value = serde_json::from_slice(&state.item(&key).ok_or_else(absent)?.bytes)?;
    let list = |field: &str| document[field].as_array().into_iter().flatten();
    let texts = |field: &str| list(field).filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(Proposal {
        keys: texts("keys"),
        reads: texts("reads"),
        settings: document.get("settings").cloned(),
        limits: document["limits"].as_object().cloned().unwrap_or_default(),
    })
}

/// The newest entries that edit one of these keys and were put before validators.
async fn sightings(replica: &Replica, args: &ValidatorRecord, keys: &Globs) -> Result<VecDeque<Sighting>> {
    let mut found = VecDeque::new();
    let mut before = State::default();
    let see = |entry: &Entry, outcome: &Outcome, after: &State| {
        let before = std::mem::replace(&mut before, after.clone());
        let was_judged = match outcome {
            Outcome::Applied(_) | Outcome::Refused(Refusal::Rejected(..)) => true,
            Outcome::Scheduled(_) | Outcome::Staged | Outcome::Refused(_) => false,
        };
        let is_wanted = |change: &Change| change.edits.iter().any(|edit| keys.matches(&segments(&edit.key)));
        if was_judged
            && args.since.is_none_or(|since| entry.revision > since)
            && entry.content.as_ref().is_ok_and(is_wanted)
        {
            found.push_back(Sighting { entry: entry.clone(), outcome: outcome.clone(), before });
            // States share what they have in common, but the newest entries are what was asked for.
            if found.len() > args.limit {
                found.pop_front();
            }
        }
    };
    replica.fold(None, see).await?;
    Ok(found)
}

impl Rehearing {
    /// The verdict of the binding of that moment; where there was none, what became of the entry.
    async fn recorded(&mut self, name: Option<&str>, sighting: &Sighting) -> Result<Recorded> {
        let Sighting { entry, outcome, before } = sighting;
        let binding = name.and_then(|name| at_work(before, name, entry));
        let Some(binding) = binding else {
            let is_applied = matches!(outcome, Outcome::Applied(_));
            return Ok(Recorded {
                by: By::Outcome,
                component: None,
                decision: if is_applied { "accept" } else { "reject" }.to_owned(),
                findings: outcome.findings().iter().map(|finding| Value::Object(shown(finding))).collect(),
            });
        };
        let component = match self.components.entry(binding.component) {
            Place::Occupied(found) => found.into_mut(),
            Place::Vacant(room) => room.insert(Component::find(&binding.component.to_string(), &self.space).await?),
        };
        let trial = tokio::task::block_in_place(|| self.library.try_out(&component.bytes, binding, entry, before));
        let trial = trial.map_err(|unfit| anyhow!("the component of {}: it {}", binding.name, unfit.0))?;
        let (decision, findings) = Decision::of(&trial);
        if let Decision::Fault(why) = &decision {
            bail!("no verdict about {}: {why}", entry.revision);
        }
        Ok(Recorded {
            by: By::Binding,
            component: Some(component.digest.to_string()),
            decision: decision.word().to_owned(),
            findings: findings.iter().map(|finding| Value::Object(shown(finding))).collect(),
        })
    }
}

/// The binding of this name, if it was asked about the entry.
fn at_work<'s>(before: &'s State, name: &str, entry: &Entry) -> Option<&'s Binding> {
    let key = Key::parse(format!("{VALIDATORS}{name}").as_bytes()).ok()?;
    let binding = before.bindings().get(&key)?.as_ref().as_ref().ok()?;
    let change = entry.content.as_ref().ok()?;
    (binding.is_on() && change.edits.iter().any(|edit| binding.names(&segments(&edit.key)))).then_some(binding)
}

/// The globs, read.
pub fn globs(texts: &[String]) -> Result<Globs> {
    texts.iter().map(|text| Glob::parse(text)).collect::<Result<_, _>>().map_err(usage)
}

fn segments(key: &Key) -> Vec<&str> {
    key.as_str().split('/').collect()
}
