//! What a lock's master does in one step. `sluice_lock::Memory` is the same in Rust; a test compares them.
//!
//! A lock is a string under the name as given, with a time to live, as all Redlock clients keep it: they exclude each
//! other. Beside it stand the register of the name, and one mark for all names: a hash with the run in which this master
//! was admitted, the floor of its tokens, and the highest it granted.

use std::fmt::Write as _;

use redis::Value;
use sluice_lock::{Ask, Names, Reply};

use crate::trouble::Trouble;

/// What this master remembers for all names.
const MARK: &str = "sluice:lock:mark";
/// Before a name: the highest token granted for it.
pub(super) const REGISTER: &str = "sluice:lock:fence:";
/// How long a register outlives its last grant, in ms. After it the clock alone keeps tokens rising.
const REGISTER_MS: u64 = 24 * 60 * 60 * 1000;
/// Left of a lock that never runs out.
const FOR_EVER_MS: i64 = i64::MAX;

/// In all scripts: `KEYS` are the mark, then for each name its lock and its register.
const SHARED: &str = "
local function grant(mark, token)
  local register = tonumber(mark[2] or '0')
  for i = 3, #KEYS, 2 do register = math.max(register, tonumber(redis.call('GET', KEYS[i]) or '0')) end
  if tonumber(token) <= register then return {1, 0, register} end
  for i = 3, #KEYS, 2 do redis.call('SET', KEYS[i], token, 'PX', REGISTER_MS) end
  if tonumber(token) > tonumber(mark[3] or '0') then redis.call('HSET', KEYS[1], 'high', token) end
  return {1, 1, tonumber(token)}
end
local function marked() return redis.call('HMGET', KEYS[1], 'run', 'floor', 'high') end
-- 0: the word is under all names; 1: one has none; 2: somebody else has one. What is no string is somebody else's.
local function astray(word)
  local worst = 0
  for i = 2, #KEYS, 2 do
    local set = redis.pcall('GET', KEYS[i])
    if not set then worst = math.max(worst, 1) elseif set ~= word then worst = 2 end
  end
  return worst
end
";

/// One script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Take,
    Raise,
    Extend,
    TopUp,
    Release,
    Admit,
    Witness,
}

/// All of them, in the order in which a connection loads them.
pub(super) const ALL: [Script; 7] =
    [Script::Take, Script::Raise, Script::Extend, Script::TopUp, Script::Release, Script::Admit, Script::Witness];

impl Script {
    /// Its text.
    pub fn text(self) -> String {
        let body = match self {
            // ARGV: run, word, ms, token.
            Script::Take => {
                "
local mark = marked() if mark[1] ~= ARGV[1] then return {-1} end
local left = -3
for i = 2, #KEYS, 2 do
  local ms = redis.call('PTTL', KEYS[i])
  if ms == -1 then return {0, -1} end
  left = math.max(left, ms)
end
if left >= 0 then return {0, left} end
for i = 2, #KEYS, 2 do redis.call('SET', KEYS[i], ARGV[2], 'PX', ARGV[3]) end
return grant(mark, ARGV[4])"
            }
            // ARGV: run, word, token.
            Script::Raise => {
                "
local mark = marked() if mark[1] ~= ARGV[1] then return {-1} end
local stray = astray(ARGV[2])
if stray > 0 then return {0, stray - 1} end
return grant(mark, ARGV[3])"
            }
            // ARGV: word, ms.
            Script::Extend => {
                "
local stray = astray(ARGV[1])
if stray > 0 then return {0, stray - 1} end
for i = 2, #KEYS, 2 do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
end
local now = redis.call('TIME')
return {1, now[1] * 1000000 + now[2]}"
            }
            // ARGV: word, ms.
            Script::TopUp => {
                "
for i = 2, #KEYS, 2 do redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2], 'NX') end
return {astray(ARGV[1]) == 0 and 1 or 0}"
            }
            // ARGV: word.
            Script::Release => {
                "
local gone = 0
for i = 2, #KEYS, 2 do
  if redis.pcall('GET', KEYS[i]) == ARGV[1] then gone = gone + redis.call('DEL', KEYS[i]) end
end
return {gone > 0 and 1 or 0}"
            }
            // ARGV: run, floor.
            Script::Admit => {
                "
local mark = marked()
local floor, high = ARGV[2], ARGV[2]
if tonumber(mark[2] or '0') > tonumber(floor) then floor = mark[2] end
if tonumber(mark[3] or '0') > tonumber(high) then high = mark[3] end
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'floor', floor, 'high', high)
return {1}"
            }
            // ARGV: run.
            Script::Witness => {
                "
local mark = marked()
return {mark[1] == ARGV[1] and 1 or 0, math.max(tonumber(mark[2] or '0'), tonumber(mark[3] or '0'))}"
            }
        };
        SHARED.replace("REGISTER_MS", &REGISTER_MS.to_string()) + body
    }

    fn place(self) -> usize {
        ALL.iter().position(|script| *script == self).expect("all scripts are in the list")
    }
}

/// A script with what it is about.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub script: Script,
    keys: Vec<String>,
    args: Vec<String>,
}

impl Call {
    /// A question to a master that is in this run.
    pub fn ask(ask: &Ask, run: &str) -> Call {
        let run = run.to_owned();
        let (script, names, args) = match ask {
            Ask::Take { names, word, ttl_ms, token } => {
                (Script::Take, names, vec![run, word.to_string(), ttl_ms.to_string(), token.to_string()])
            }
            Ask::Raise { names, word, token } => (Script::Raise, names, vec![run, word.to_string(), token.to_string()]),
            Ask::Extend { names, word, ttl_ms } => (Script::Extend, names, vec![word.to_string(), ttl_ms.to_string()]),
            Ask::TopUp { names, word, ttl_ms } => (Script::TopUp, names, vec![word.to_string(), ttl_ms.to_string()]),
            Ask::Release { names, word } => (Script::Release, names, vec![word.to_string()]),
        };
        Call { script, keys: keys(names), args }
    }

    /// Gives a master a vote.
    pub fn admit(run: &str, floor: u64) -> Call {
        Call { script: Script::Admit, keys: vec![MARK.to_owned()], args: vec![run.to_owned(), floor.to_string()] }
    }

    /// Asks what tokens a master knows of.
    pub fn witness(run: &str) -> Call {
        Call { script: Script::Witness, keys: vec![MARK.to_owned()], args: vec![run.to_owned()] }
    }

    /// The command, by the hash under which the server has the script, or with all of it.
    pub fn packed(&self, hashes: Option<&[String]>) -> Vec<u8> {
        let mut command = match hashes {
            Some(_) => redis::cmd("EVALSHA"),
            None => redis::cmd("EVAL"),
        };
        match hashes {
            Some(hashes) => command.arg(&hashes[self.script.place()]),
            None => command.arg(self.script.text()),
        };
        command.arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command.get_packed_command()
    }
}

fn keys(names: &Names) -> Vec<String> {
    let mut keys = vec![MARK.to_owned()];
    for name in names.iter() {
        let mut register = REGISTER.to_owned();
        write!(register, "{name}").expect("a string takes all");
        keys.extend([name.to_owned(), register]);
    }
    keys
}

/// The numbers that a script gives.
pub(super) fn numbers(value: &Value) -> Result<Vec<i64>, Trouble> {
    let odd = || Trouble::Broken("a script of locks gave what is no list of numbers: is it a Redis?".to_owned());
    let Value::Array(items) = value else { return Err(odd()) };
    let number = |item: &Value| match item {
        Value::Int(number) => Ok(*number),
        _ => Err(odd()),
    };
    items.iter().map(number).collect()
}

/// What the numbers mean.
pub(super) fn reply(script: Script, numbers: &[i64]) -> Reply {
    let register = |number: i64| number.unsigned_abs();
    match (script, numbers) {
        (Script::Take, [1, granted, known]) => Reply::Taken { granted: *granted == 1, register: register(*known) },
        (Script::Take, [0, left]) => {
            Reply::Held { left_ms: if *left < 0 { FOR_EVER_MS } else { *left }.unsigned_abs() }
        }
        (Script::Raise, [1, granted, known]) => Reply::Raised { granted: *granted == 1, register: register(*known) },
        (Script::Take | Script::Raise, [-1]) => Reply::Unadmitted,
        (Script::Extend, [1, clock]) => Reply::Extended { clock_us: clock.unsigned_abs() },
        (Script::Raise | Script::Extend, [0, others]) => Reply::NotYours { is_anothers: *others == 1 },
        (Script::TopUp, [set]) => Reply::ToppedUp(*set == 1),
        (Script::Release, [gone]) => Reply::Released(*gone == 1),
        _ => Reply::Failed,
    }
}

#[cfg(test)]
#[path = "scripts_tests.rs"]
mod tests;
