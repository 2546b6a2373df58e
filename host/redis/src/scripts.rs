//! What has to happen in one step on the server: leases, and what they protect. Decision 18 says why this is the one
//! place for scripts, and none of them touches the log.

/// Takes a lease that nobody holds. The token is the server's clock in microseconds, or one more than the last when that
/// is higher: so it rises also across a failover that lost the last of them.
///
/// `KEYS` lease, fence; `ARGV` word, ms. Gives the token, or 0.
pub(crate) const ACQUIRE: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local now = redis.call('TIME')
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now[1] * 1000000 + now[2])
redis.call('SET', KEYS[2], string.format('%.0f', token))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return token";

/// `KEYS` lease; `ARGV` word, ms. Gives 1 when it was still held.
pub(crate) const RENEW: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// `KEYS` lease; `ARGV` word. Gives 1 when it was still held.
pub(crate) const RELEASE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// Claims blobs as chunks of a snapshot before anybody relies on them, and tells which are there. One that is there and
/// was never claimed belongs to somebody else: it is used, and not claimed, so it is never swept.
///
/// `KEYS` snapshots; `ARGV` number, prefix of blobs, prefix of snapshots, names. Gives a 1 or 0 for each name.
pub(crate) const CLAIM: &str = "
local numbers = redis.call('ZRANGE', KEYS[1], 0, -1)
local found = {}
for i = 4, #ARGV do
  local is_there = redis.call('EXISTS', ARGV[2] .. ARGV[i])
  local is_ours = is_there == 0
  for _, n in ipairs(numbers) do
    if is_ours then break end
    is_ours = redis.call('SISMEMBER', ARGV[3] .. n .. ':chunks', ARGV[i]) == 1
  end
  if is_ours then redis.call('SADD', ARGV[3] .. ARGV[1] .. ':chunks', ARGV[i]) end
  found[i - 3] = is_there
end
return found";

/// Makes a snapshot the newest, unless one with a newer fencing token is.
///
/// `KEYS` pointer, snapshot; `ARGV` fence, number. Gives 0, or the token that is newer.
pub(crate) const POINT: &str = "
local have = redis.call('HGET', KEYS[1], 'fence')
if have and tonumber(have) > tonumber(ARGV[1]) then return tonumber(have) end
local previous = redis.call('HGET', KEYS[1], 'number')
if previous and previous ~= ARGV[2] then redis.call('HSET', KEYS[2], 'previous', previous) end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(redis.call('HGETALL', KEYS[2])))
return 0";

/// Deletes those chunks of an old snapshot that no other names. Gives how many, or -1 when it is not old any more.
///
/// `KEYS` snapshots, pointer; `ARGV` number, prefix of blobs, prefix of snapshots, names.
pub(crate) const SWEEP: &str = "
local kept = redis.call('HMGET', KEYS[2], 'number', 'previous')
if kept[1] == ARGV[1] or kept[2] == ARGV[1] then return -1 end
local numbers = redis.call('ZRANGE', KEYS[1], 0, -1)
local gone = 0
for i = 4, #ARGV do
  local is_named = false
  for _, n in ipairs(numbers) do
    if n ~= ARGV[1] and redis.call('SISMEMBER', ARGV[3] .. n .. ':chunks', ARGV[i]) == 1 then
      is_named = true
      break
    end
  end
  if not is_named then gone = gone + redis.call('UNLINK', ARGV[2] .. ARGV[i]) end
end
return gone";

/// Makes an index the history, unless one with a newer fencing token is.
///
/// `KEYS` history; `ARGV` fence, then fields with their values. Gives 0, or the token that is newer.
pub(crate) const HISTORY: &str = "
local have = redis.call('HGET', KEYS[1], 'fence')
if have and tonumber(have) > tonumber(ARGV[1]) then return tonumber(have) end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'fence', unpack(ARGV))
return 0";
