/**
 * The beginning of every script: it reads the entry and defines the functions that write one.
 *
 * KEYS[1] entry
 * ARGV[1] channel on which changes are published
 * ARGV[2] message that names the object
 * Further arguments, and the return value, are each script's own.
 *
 * Numbers are written by `whole`, because cjson writes 14 digits and sizes have up to 16. Fields that the script does not
 * compute arrive as JSON text and go into the entry unchanged, so that null stays null.
 *
 * An invalid entry counts as absent, and the next claim overwrites it. Invalid are text that is no entry, an entry without
 * the fields that the scripts compute with, and a key of another type. The full validation is in entry-schema.ts: a claim
 * that was refused because of an entry that fails it is repeated after that entry is dropped.
 *
 * `checkedAt` is when a front end last began to check the entry for a client's no-cache. Readers of entries ignore it.
 *
 * The message for a pending entry says so, so that a request that waits for the outcome need not read the entry.
 */
export const PRELUDE = `
local key, channel, name = KEYS[1], ARGV[1], ARGV[2]

local raw = redis.pcall('GET', key)
if type(raw) == 'table' and raw.err then
  if not string.find(raw.err, 'WRONGTYPE', 1, true) then return raw end
  raw = false
end

local function numbers(fields, ...)
  for _, name in ipairs({...}) do
    if type(fields[name]) ~= 'number' then return false end
  end
  return true
end

local function is_entry(decoded)
  if type(decoded) ~= 'table' or type(decoded.token) ~= 'string' then return false end
  if decoded.state == 'pending' then
    return type(decoded.phase) == 'string' and numbers(decoded, 'since', 'bytes', 'leaseEnd', 'attempts')
  end
  if decoded.state == 'error' then return numbers(decoded, 'retryAt', 'attempts') end
  return decoded.state == 'present'
end

local entry = nil
if raw then
  local ok, decoded = pcall(cjson.decode, raw)
  if ok and is_entry(decoded) then entry = decoded end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function whole(number)
  return string.format('%.0f', number)
end

local function announce(message)
  redis.call('PUBLISH', channel, message or name)
end

local function write(json, expires_at, message)
  redis.call('SET', key, json, 'PXAT', whole(expires_at))
  announce(message)
end

local function checked_field(checked_at)
  if type(checked_at) ~= 'number' then return '' end
  return ',"checkedAt":' .. whole(checked_at)
end

local function checked_within(interval)
  return type(entry.checkedAt) == 'number' and math.abs(now - entry.checkedAt) < interval
end

local function write_pending(token, phase, since, bytes, lease_end, attempts, own_claim, checked_at)
  write('{"state":"pending","token":' .. cjson.encode(token)
    .. ',"phase":"' .. phase
    .. '","since":' .. whole(since)
    .. ',"bytes":' .. whole(bytes)
    .. ',"leaseEnd":' .. whole(lease_end)
    .. ',"attempts":' .. whole(attempts)
    .. ',"ownClaim":' .. tostring(own_claim)
    .. checked_field(checked_at)
    .. '}', lease_end, name .. ' pending')
end

local function attempts_so_far()
  return entry and entry.attempts or 0
end
`;
