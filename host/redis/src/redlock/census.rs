//! What stands on a lock's masters, for people who look and who clear up. It has connections of its own and no vote.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::time::timeout;

use super::{LockSettings, addresses, scripts};
use crate::address::Address;
use crate::settings::SettingsError;
use crate::trouble::Trouble;
use crate::wire::{Wire, late};

/// Registers asked for in one step of a walk over all keys.
const PAGE: usize = 1_000;
/// How long what is noted beside a lock outlives it, in ms: as long as its register.
const NOTE_MS: u64 = 24 * 60 * 60 * 1000;
/// Before a word: who holds by it.
const HOLDER: &str = "sluice:lock:holder:";
/// Before a name: how many slots it has, for all who share it.
const SLOTS: &str = "sluice:lock:slots:";
/// Before a name: why it was taken away last.
const BROKEN: &str = "sluice:lock:broken:";

/// `KEYS` for each lock its name and its register. Gives for each: value, time left, token.
const LOOK: &str = "
local found = {}
for i = 1, #KEYS, 2 do
  local value = redis.pcall('GET', KEYS[i])
  if type(value) == 'table' then value = '(no string)' end
  found[#found + 1] = value or ''
  found[#found + 1] = redis.call('PTTL', KEYS[i])
  found[#found + 1] = redis.call('GET', KEYS[i + 1]) or ''
end
return found";
/// `KEYS` lock, note; `ARGV` word, note, ms. Gives 1 when the word was there.
const BREAK: &str = "
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[1])";
/// `KEYS` slots; `ARGV` how many, ms. Gives how many it has for all.
const AGREE: &str = "
local have = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], have, 'PX', ARGV[2])
return have";

/// The masters, one by one.
#[derive(Clone)]
pub struct Census {
    masters: Arc<[Arc<Address>]>,
    limit: Duration,
}

/// One name on one master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockSeen {
    /// What stands under it; none when nobody has it there.
    pub value: Option<String>,
    /// How long that stays, in ms; none for ever.
    pub left_ms: Option<u64>,
    /// The highest token granted for it; none when its register ran out.
    pub token: Option<u64>,
}

/// What each master says, in the order of the settings: an answer, or why there is none.
pub type Said<T> = Vec<Result<T, String>>;

impl Census {
    /// Of these masters. Nothing is connected before it is needed.
    ///
    /// # Errors
    /// As for [`super::Redlock::new`].
    pub fn new(settings: &LockSettings) -> Result<Census, SettingsError> {
        let masters = addresses(settings)?.into_iter().map(Arc::new).collect();
        Ok(Census { masters, limit: Duration::from_millis(settings.connect_ms) })
    }

    /// The masters' addresses, without passwords.
    pub fn shown(&self) -> Vec<String> {
        self.masters.iter().map(|master| master.shown().to_owned()).collect()
    }

    /// All names that were granted within a day, and what is under them.
    pub async fn all(&self) -> Said<BTreeMap<String, LockSeen>> {
        self.each(|mut wire| async move {
            let (mut found, mut cursor) = (BTreeMap::new(), "0".to_owned());
            loop {
                let page = PAGE.to_string();
                let pattern = format!("{}*", scripts::REGISTER);
                let scanned = wire.ask_once(&["SCAN", &cursor, "MATCH", &pattern, "COUNT", &page]).await?;
                let (next, keys): (String, Vec<String>) = read("SCAN", scanned)?;
                let names: Vec<String> =
                    keys.iter().filter_map(|key| key.strip_prefix(scripts::REGISTER)).map(str::to_owned).collect();
                let seen = look(&mut wire, &names).await?;
                found.extend(names.into_iter().zip(seen));
                cursor = next;
                if cursor == "0" {
                    return Ok(found);
                }
            }
        })
        .await
    }

    /// What is under these names.
    pub async fn of(&self, names: &[String]) -> Said<Vec<LockSeen>> {
        let names: Arc<[String]> = names.into();
        self.each(move |mut wire| {
            let names = names.clone();
            async move { look(&mut wire, &names).await }
        })
        .await
    }

    /// Deletes the lock where this word is under it, and leaves a note why. Whether it was there.
    pub async fn take_away(&self, name: &str, word: &str, why: &str) -> Said<bool> {
        let (note, ms) = (format!("{BROKEN}{name}"), NOTE_MS.to_string());
        let gone = self.ask(&["EVAL", BREAK, "2", name, &note, word, why, &ms]).await;
        gone.into_iter().map(|said| said.map(|value| value == Value::Int(1))).collect()
    }

    /// Why the lock was taken away last, if that was lately.
    pub async fn why_taken_away(&self, name: &str) -> Option<String> {
        texts(self.ask(&["GET", &format!("{BROKEN}{name}")]).await).into_iter().flatten().next()
    }

    /// Notes who holds by a word, for as long as a lock may last without another note.
    pub async fn note_holder(&self, word: &str, who: &str) {
        self.ask(&["SET", &format!("{HOLDER}{word}"), who, "PX", &NOTE_MS.to_string()]).await;
    }

    /// Forgets that note.
    pub async fn forget_holder(&self, word: &str) {
        self.ask(&["DEL", &format!("{HOLDER}{word}")]).await;
    }

    /// Who holds by these words, as far as anybody noted it.
    pub async fn holders(&self, words: &[String]) -> Vec<Option<String>> {
        if words.is_empty() {
            return Vec::new();
        }
        let keys: Vec<String> = words.iter().map(|word| format!("{HOLDER}{word}")).collect();
        let command: Vec<&str> = std::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
        let mut holders = vec![None; words.len()];
        for said in self.ask(&command).await.into_iter().flatten() {
            let noted: Vec<Option<String>> = redis::from_redis_value(said).unwrap_or_default();
            for (holder, noted) in holders.iter_mut().zip(noted) {
                *holder = holder.take().or(noted);
            }
        }
        holders
    }

    /// Says that a name has so many slots, unless others have said a number before; gives what counts on each master.
    pub async fn agree_on_slots(&self, name: &str, slots: u64) -> Vec<u64> {
        let (key, slots, ms) = (format!("{SLOTS}{name}"), slots.to_string(), NOTE_MS.to_string());
        let said = texts(self.ask(&["EVAL", AGREE, "1", &key, &slots, &ms]).await);
        said.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
    }

    /// Forgets how many slots a name has. Whether any master knew.
    pub async fn forget_slots(&self, name: &str) -> bool {
        let said = self.ask(&["DEL", &format!("{SLOTS}{name}")]).await;
        said.into_iter().any(|said| said == Ok(Value::Int(1)))
    }

    /// One command to each.
    async fn ask(&self, words: &[&str]) -> Said<Value> {
        let words: Arc<[String]> = words.iter().map(|word| (*word).to_owned()).collect();
        self.each(move |mut wire| {
            let words = words.clone();
            async move { wire.ask_once(&words.iter().map(String::as_str).collect::<Vec<_>>()).await }
        })
        .await
    }

    /// Does something over a new connection to each, all at once, and waits for each no longer than its limit.
    async fn each<T, F>(&self, work: impl Fn(Wire) -> F + Send + Sync + 'static) -> Said<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let (limit, work) = (self.limit, Arc::new(work));
        let mut asked = Vec::new();
        for master in self.masters.iter() {
            let (master, work) = (master.clone(), work.clone());
            asked.push(tokio::spawn(async move {
                let wire = Wire::open(&master, limit, "sluice-lock-census").await?;
                timeout(limit, work(wire)).await.unwrap_or_else(|_| Err(late(limit)))
            }));
        }
        let mut said = Vec::new();
        for asked in asked {
            said.push(match asked.await {
                Ok(answer) => answer.map_err(|trouble| trouble.words()),
                Err(panicked) => Err(panicked.to_string()),
            });
        }
        said
    }
}

/// A master's texts; what is none, and who does not answer, is left out.
fn texts(said: Said<Value>) -> Vec<Option<String>> {
    said.into_iter().flatten().map(|value| redis::from_redis_value(value).ok().flatten()).collect()
}

fn read<T: redis::FromRedisValue>(command: &str, value: Value) -> Result<T, Trouble> {
    redis::from_redis_value(value)
        .map_err(|error| Trouble::Broken(format!("{command} was answered oddly: {error}: is it a Redis?")))
}

async fn look(wire: &mut Wire, names: &[String]) -> Result<Vec<LockSeen>, Trouble> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> =
        names.iter().flat_map(|name| [name.clone(), format!("{}{name}", scripts::REGISTER)]).collect();
    let count = keys.len().to_string();
    let command: Vec<&str> = ["EVAL", LOOK, &count].into_iter().chain(keys.iter().map(String::as_str)).collect();
    // The values of other clients need not be text.
    let found: Vec<(Vec<u8>, i64, String)> = read("EVAL", wire.ask_once(&command).await?)?;
    let seen = |(value, ms, token): (Vec<u8>, i64, String)| LockSeen {
        value: (ms != -2).then(|| String::from_utf8_lossy(&value).into_owned()),
        left_ms: u64::try_from(ms).ok(),
        token: token.parse().ok(),
    };
    Ok(found.into_iter().map(seen).collect())
}
