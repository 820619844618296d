/**
 * What every script begins with. KEYS[1] is the entry; ARGV[1] and ARGV[2] are the channel on which changes are told
 * and the name under which this object is told there.
 *
 * Numbers are written by `whole`, since cjson writes 14 digits and sizes have up to 16. Everything that is not
 * counted by the server itself arrives as JSON text and is put into the entry as it is, so that null stays null.
 * What is no entry counts as absent, and the next claim writes over it: text that is none, an entry that lacks what the scripts
 * calculate with, and a key of another type. (Whether an entry is whole is for entry-schema.ts to say; claims that were refused
 * because of one that is not are repeated when it is gone.)
 *
 * An entry that is pending, now or still, is told as such: who waits for the end of it need not look.
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

local function announce(told)
  redis.call('PUBLISH', channel, told or name)
end

local function write(json, ends, told)
  redis.call('SET', key, json, 'PXAT', whole(ends))
  announce(told)
end

local function write_pending(token, phase, since, bytes, lease_end, attempts, own_claim)
  write('{"state":"pending","token":' .. cjson.encode(token)
    .. ',"phase":"' .. phase
    .. '","since":' .. whole(since)
    .. ',"bytes":' .. whole(bytes)
    .. ',"leaseEnd":' .. whole(lease_end)
    .. ',"attempts":' .. whole(attempts)
    .. ',"ownClaim":' .. tostring(own_claim)
    .. '}', lease_end, name .. ' pending')
end

local function attempts_so_far()
  return entry and entry.attempts or 0
end
`;
