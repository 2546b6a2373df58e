//! `sluice rollback`: keys become what they were, in one new change.

use anyhow::{Result, bail};
use sluice_core::key::{FENCES, RESERVED, SCHEDULED};
use sluice_core::{Item, Key, Revision, State};
use sluice_node::Log;

use super::apply::{bases, edit, fits, unchanged};
use super::diff;
use crate::cli::{Form, Rollback};
use crate::exit::{Ended, away, usage};
use crate::past::{self, Chronicle, before};
use crate::plan::{Difference, between};
use crate::prefix::prefix;
use crate::publish;
use crate::space::{Context, Space, key};
use crate::way::Way;

/// What is to go back, and how far.
enum Target {
    /// These keys, each to what it was before its newest change.
    Before(Vec<Key>),
    /// These keys, to what they were then.
    Keys(Vec<Key>, Revision),
    /// All keys with a prefix, to what they were then.
    All(String, Revision),
    /// The keys of one change, to what they were before it.
    Change(Revision),
}

/// What keys are now, what they shall be, and why.
struct Plan {
    now: State,
    wanted: Vec<(Key, Option<Item>)>,
    reason: String,
}

pub fn run(context: &Context, args: &Rollback) -> Result<Ended> {
    let target = target(args)?;
    let space = context.space()?;
    context.run(async {
        let plan = match &target {
            Target::Before(keys) => steps(&space, keys).await?,
            Target::Keys(keys, to) => back(&space, keys, *to).await?,
            Target::All(prefix, to) => all(&space, prefix, *to).await?,
            Target::Change(revision) => undone(&space, *revision, args.discard_later).await?,
        };
        published(context, space, plan, args).await
    })
}

fn target(args: &Rollback) -> Result<Target> {
    let mut keys = args.keys.iter().map(|text| key(text)).collect::<Result<Vec<Key>>>()?;
    let (revisions, names): (Vec<&String>, Vec<&String>) = args.what.iter().partition(|text| is_revision(text));
    for name in names {
        keys.push(key(name)?);
    }
    if args.discard_later && revisions.is_empty() {
        return Err(usage("--discard-later is for undoing the change of a revision: leave it out"));
    }
    if let Some(key) = keys.iter().find(|key| key.as_str().starts_with(FENCES)) {
        return Err(usage(format!(
            "\"{key}\" follows from entries: publish with --fence and --override fence to set it"
        )));
    }
    if let Some(key) = keys.iter().find(|key| is_planned(key)) {
        return Err(usage(format!(
            "\"{key}\" keeps a change for its time: sluice schedule cancel, or publish it again with --from"
        )));
    }
    match (revisions[..].as_ref(), args.to) {
        ([], Some(to)) if keys.is_empty() => {
            let prefix = prefix(args.prefix.as_deref().unwrap_or_default())?;
            match prefix.starts_with(SCHEDULED) {
                true => Err(usage(format!("{prefix}: what is planned is no matter of rollbacks: sluice schedule"))),
                false => Ok(Target::All(prefix.to_owned(), to)),
            }
        }
        ([], Some(to)) => Ok(Target::Keys(keys, to)),
        ([], None) => Ok(Target::Before(keys)),
        ([one], None) if keys.is_empty() => Ok(Target::Change(one.parse().map_err(usage)?)),
        ([one, ..], _) => Err(usage(format!(
            "{one} is a revision: give it alone to undo its change, --to REV to go back to one, or --key {one} if it is a key"
        ))),
    }
}

/// Hosts put and delete these in their time; nobody else can put one.
fn is_planned(key: &Key) -> bool {
    key.as_str().starts_with(SCHEDULED)
}

/// As revisions are printed: `ms-seq`. A key may look like that, too, and then has a flag of its own.
fn is_revision(text: &str) -> bool {
    text.contains('-') && text.parse::<Revision>().is_ok()
}

async fn steps(space: &Space, keys: &[Key]) -> Result<Plan> {
    let chronicle = Chronicle::of(space, keys).await?;
    let mut wanted = Vec::new();
    for key in keys {
        let Some(newest) = chronicle.newest(key) else {
            bail!("nothing is kept of what key \"{key}\" was before: look with sluice history {key}");
        };
        wanted.push((key.clone(), before(space, newest).await?));
    }
    let reason = match &wanted[..] {
        [(key, Some(item))] => format!("rollback of {key} to {}", item.revision),
        _ => "rollback to the version before".to_owned(),
    };
    Ok(Plan { now: chronicle.now, wanted, reason })
}

async fn back(space: &Space, keys: &[Key], to: Revision) -> Result<Plan> {
    let chronicle = Chronicle::of(space, keys).await?;
    let mut wanted = Vec::new();
    for key in keys {
        wanted.push((key.clone(), chronicle.item(space, key, to).await?));
    }
    Ok(Plan { now: chronicle.now, wanted, reason: format!("rollback to {to}") })
}

/// Validators, components and policy stay as they are unless the prefix names them: values go back under the rules of
/// today. What is planned stays planned.
async fn all(space: &Space, prefix: &str, to: Revision) -> Result<Plan> {
    let (now, then) = (space.state(None).await?, past::state(space, to, prefix).await?);
    let is_meant = |key: &Key| !key.is_reserved() || (prefix.starts_with(RESERVED) && !key.is_of_fold());
    let old = then.range(prefix, None).map(|(key, item)| (key.clone(), Some(item.clone())));
    let gone = now.range(prefix, None).filter(|(key, _)| then.item(key).is_none()).map(|(key, _)| (key.clone(), None));
    let wanted = old.chain(gone).filter(|(key, _)| is_meant(key)).collect();
    Ok(Plan { now, wanted, reason: format!("rollback to {to}") })
}

async fn undone(space: &Space, revision: Revision, discards: bool) -> Result<Plan> {
    let keys: Vec<Key> = keys_of(space, revision).await?.into_iter().filter(|key| !is_planned(key)).collect();
    // What the change left for a time to come goes with it.
    let left = key(&format!("{SCHEDULED}{revision}"))?;
    let chronicle = Chronicle::of(space, &[&keys[..], std::slice::from_ref(&left)].concat()).await?;
    let (mut wanted, mut later) = (Vec::new(), Vec::new());
    if chronicle.now.item(&left).is_some() {
        wanted.push((left.clone(), None));
    }
    for key in &keys {
        let Some(event) = chronicle.change(key, revision) else { continue };
        if let Some(newest) = chronicle.newest(key).filter(|newest| newest.revision > revision) {
            later.push(format!("\"{key}\" at {}", newest.revision));
        }
        wanted.push((key.clone(), before(space, event).await?));
    }
    if wanted.is_empty() {
        if let Some(turn) = chronicle.newest(&left) {
            bail!(
                "{revision} was planned, and begun or called off at {0}: sluice show {0}, sluice rollback {0}",
                turn.revision
            );
        }
        bail!(
            "{revision} changed nothing, or what was before it is not kept any more: look with sluice show {revision}"
        );
    }
    if !later.is_empty() && !discards {
        bail!(
            "keys were changed again since {revision}: {}: roll those back first, or give --discard-later",
            later.join(", ")
        );
    }
    Ok(Plan { now: chronicle.now, wanted, reason: format!("rollback of {revision}") })
}

async fn keys_of(space: &Space, revision: Revision) -> Result<Vec<Key>> {
    if let Some((note, _)) = past::note(space, revision).await? {
        return Ok(note.edits.into_iter().map(|(key, _)| key).collect());
    }
    let found = space.redis.read(revision, 1).await.map_err(|lost| away(lost.0))?;
    match found.first().filter(|entry| entry.revision == revision) {
        Some(entry) => Ok(entry.content.iter().flat_map(|change| &change.edits).map(|edit| edit.key.clone()).collect()),
        None => bail!("neither the log nor the history has an entry {revision}: look for it with sluice history KEY"),
    }
}

async fn published(context: &Context, space: Space, plan: Plan, args: &Rollback) -> Result<Ended> {
    let Plan { now, wanted, reason } = plan;
    let mut differences: Vec<Difference> =
        wanted.iter().filter_map(|(key, item)| between(key, now.item(key), item.as_ref())).collect();
    differences.sort_by(|a, b| a.key.cmp(&b.key));
    differences.dedup_by(|a, b| a.key == b.key);
    if differences.is_empty() {
        return unchanged(context, &now, wanted.len());
    }
    if args.publish.dry_run && matches!(context.output.form(), Form::Table | Form::Wide) {
        diff::show(&context.output, &differences)?;
    }
    for difference in &differences {
        context.output.remark(format_args!("{:8} {}", difference.word(), difference.key));
    }
    let edits: Vec<_> = differences.iter().map(edit).collect();
    fits(&edits)?;
    let mut publish = args.publish.clone();
    publish.reason.get_or_insert(reason);
    publish::publish(context, &Way::Redis(space), &edits, &bases(&differences, &now), &publish).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(what: &[&str], to: Option<&str>) -> Result<String> {
        let what = what.iter().map(|text| (*text).to_owned()).collect();
        let to = to.map(|to| to.parse().unwrap());
        let args = Rollback { what, to, keys: vec![], prefix: None, discard_later: false, publish: Default::default() };
        Ok(match target(&args)? {
            Target::Before(keys) => format!("before {}", keys.len()),
            Target::Keys(keys, to) => format!("{} keys to {to}", keys.len()),
            Target::All(prefix, to) => format!("all {prefix:?} to {to}"),
            Target::Change(revision) => format!("change {revision}"),
        })
    }

    #[test]
    fn what_is_typed_means_one_thing() {
        assert_eq!(meant(&["a", "b"], None).unwrap(), "before 2");
        assert_eq!(meant(&["a"], Some("7-1")).unwrap(), "1 keys to 7-1");
        assert_eq!(meant(&[], Some("7-1")).unwrap(), "all \"\" to 7-1");
        assert_eq!(meant(&["7-1"], None).unwrap(), "change 7-1");
        assert_eq!(meant(&["7"], None).unwrap(), "before 1", "a key, as no revision is printed so");
        for (what, to) in [(&["7-1"][..], Some("6-0")), (&["7-1", "8-1"], None), (&["7-1", "a"], None)] {
            let told = meant(what, to).unwrap_err().to_string();
            assert!(told.contains("--key 7-1"), "{told}");
        }
    }
}
