//! `sluice lock ls` and `show`: what stands on the masters, put together.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::exit::{Ended, away, usage};
use crate::output::Table;
use crate::space::Context;
use crate::utc::ago;
use crate::wiring::edges::{Census, CensusSaid, LockSeen, LockSettings};

/// One lock, over all masters.
#[derive(Debug, Default)]
pub struct Seen {
    /// On each master that answers.
    on: Vec<(String, Result<LockSeen, String>)>,
    /// What most of them have under the name.
    pub value: Option<String>,
    /// Who that is, if it was noted.
    pub holder: Option<String>,
}

impl Seen {
    fn of(on: Vec<(String, Result<LockSeen, String>)>) -> Seen {
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for value in on.iter().filter_map(|(_, seen)| seen.as_ref().ok()?.value.as_ref()) {
            *counts.entry(value).or_default() += 1;
        }
        let value = counts.into_iter().max_by_key(|(_, count)| *count).map(|(value, _)| value.clone());
        Seen { on, value, holder: None }
    }

    fn its(&self) -> impl Iterator<Item = &LockSeen> {
        let seen = self.on.iter().filter_map(|(_, seen)| seen.as_ref().ok());
        seen.filter(|seen| seen.value.is_some() && seen.value == self.value)
    }

    /// How many masters have it.
    pub fn held(&self) -> usize {
        self.its().count()
    }

    /// The same, of how many: `3/5`.
    pub fn votes(&self) -> String {
        format!("{}/{}", self.held(), self.on.len())
    }

    fn is_held(&self) -> bool {
        self.held() > self.on.len() / 2
    }

    /// How long a majority still has it, in ms; `u64::MAX` for ever, none when it has not.
    fn left_ms(&self) -> Option<u64> {
        let mut left: Vec<u64> = self.its().map(|seen| seen.left_ms.unwrap_or(u64::MAX)).collect();
        left.sort_unstable_by_key(|ms| std::cmp::Reverse(*ms));
        left.get(self.on.len() / 2).copied()
    }

    fn token(&self) -> Option<u64> {
        self.on.iter().filter_map(|(_, seen)| seen.as_ref().ok()?.token).max()
    }
}

/// One name.
pub async fn look(census: &Census, name: &str) -> Result<Seen> {
    let said = census.of(&[name.to_owned()]).await;
    reachable(census, &said)?;
    let on = said.into_iter().map(|said| said.map(|mut seen| seen.pop().unwrap_or_default()));
    let mut seen = Seen::of(census.shown().into_iter().zip(on).collect());
    if let Some(value) = &seen.value {
        seen.holder = census.holders(std::slice::from_ref(value)).await.pop().flatten();
    }
    Ok(seen)
}

pub fn list(context: &Context, settings: &LockSettings) -> Result<Ended> {
    let (names, found) = context.run(async {
        let census = Census::new(settings).map_err(usage)?;
        let all = census.all().await;
        reachable(&census, &all)?;
        for (master, said) in census.shown().iter().zip(&all) {
            if let Err(why) = said {
                context.output.remark(format_args!("{master}: {why}"));
            }
        }
        let names: BTreeSet<&String> = all.iter().flatten().flat_map(BTreeMap::keys).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let mut found = Vec::new();
        for name in &names {
            let on = all.iter().map(|said| said.clone().map(|names| names.get(name).cloned().unwrap_or_default()));
            found.push(Seen::of(census.shown().into_iter().zip(on).collect()));
        }
        let words: Vec<String> = found.iter().map(|seen| seen.value.clone().unwrap_or_default()).collect();
        for (seen, holder) in found.iter_mut().zip(census.holders(&words).await) {
            seen.holder = holder;
        }
        Ok((names, found))
    })?;
    let held = names.iter().zip(&found).filter(|(_, seen)| seen.value.is_some());
    let row = |(name, seen): (&String, &Seen)| {
        vec![
            json!(name),
            json!(seen.votes()),
            left(context, seen.left_ms()),
            json!(seen.token()),
            json!(seen.holder),
            json!(seen.value),
        ]
    };
    let columns = vec!["name", "votes", "left", "token", "holder", "value"];
    context.output.many("Locks", &Table { columns, wide_from: 5, rows: held.map(row).collect() })?;
    Ok(Ended::Yes)
}

pub fn show(context: &Context, settings: &LockSettings, name: &str) -> Result<Ended> {
    let seen = context.run(async { look(&Census::new(settings).map_err(usage)?, name).await })?;
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(name));
    fields.insert("held".to_owned(), json!(seen.is_held()));
    fields.insert("holder".to_owned(), json!(seen.holder));
    fields.insert("votes".to_owned(), json!(seen.votes()));
    fields.insert("left".to_owned(), left(context, seen.left_ms()));
    fields.insert("token".to_owned(), json!(seen.token()));
    fields.insert("value".to_owned(), json!(seen.value));
    let master = |(master, seen): &(String, Result<LockSeen, String>)| match seen {
        Ok(LockSeen { value, left_ms, token }) => {
            json!({"master": master, "value": value, "leftMs": left_ms, "token": token})
        }
        Err(why) => json!({"master": master, "why": why}),
    };
    if context.output.is_document() {
        fields.insert("masters".to_owned(), seen.on.iter().map(master).collect());
        context.output.one("Lock", fields)?;
    } else {
        context.output.one("Lock", fields)?;
        for (master, seen) in &seen.on {
            let said = match seen {
                Ok(LockSeen { value: Some(value), left_ms, .. }) => {
                    format!("{value} for {}", left_ms.map_or_else(|| "ever".to_owned(), ago))
                }
                Ok(LockSeen { value: None, .. }) => "nothing".to_owned(),
                Err(why) => why.clone(),
            };
            context.output.line(&format!("{master}\t{said}"))?;
        }
    }
    Ok(if seen.is_held() { Ended::Yes } else { Ended::No })
}

/// For people `8s`, in documents a number of ms.
fn left(context: &Context, left_ms: Option<u64>) -> Value {
    match left_ms {
        None => Value::Null,
        Some(left_ms) if context.output.is_document() => json!(left_ms),
        Some(u64::MAX) => json!("for ever"),
        Some(left_ms) => json!(ago(left_ms)),
    }
}

/// Nobody can tell what a minority says of a lock.
fn reachable<T>(census: &Census, said: &CensusSaid<T>) -> Result<()> {
    let answered = said.iter().filter(|said| said.is_ok()).count();
    if answered > said.len() / 2 {
        return Ok(());
    }
    let silent = census.shown().into_iter().zip(said).filter_map(|(master, said)| Some((master, said.as_ref().err()?)));
    let silent: Vec<String> = silent.map(|(master, why)| format!("{master}: {why}")).collect();
    Err(away(format!("{answered} of {} masters answer: {}", said.len(), silent.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(master: &str, value: Option<&str>, left_ms: u64) -> (String, Result<LockSeen, String>) {
        let seen = LockSeen { value: value.map(str::to_owned), left_ms: Some(left_ms), token: Some(left_ms) };
        (master.to_owned(), Ok(seen))
    }

    #[test]
    fn a_lock_is_held_by_whom_a_majority_names_and_for_as_long_as_it_does() {
        let away = ("e".to_owned(), Err("away".to_owned()));
        let seen = Seen::of(vec![
            on("a", Some("x"), 900),
            on("b", Some("y"), 800),
            on("c", Some("x"), 700),
            on("d", Some("x"), 5),
            away.clone(),
        ]);
        assert_eq!((seen.value.as_deref(), seen.votes().as_str(), seen.is_held()), (Some("x"), "3/5", true));
        assert_eq!((seen.left_ms(), seen.token()), (Some(5), Some(900)));
        let torn = Seen::of(vec![on("a", Some("x"), 9), on("b", Some("y"), 8), away]);
        assert_eq!((torn.votes().as_str(), torn.is_held(), torn.left_ms()), ("1/3", false, None));
        assert_eq!((Seen::of(vec![on("a", None, 0)]).value, Seen::default().left_ms()), (None, None));
    }
}
