/**
 * What every script begins with. KEYS[1] is the entry; ARGV[1] and ARGV[2] are the channel on which changes are told
 * and the name under which this object is told there.
 *
 * Numbers are written by `whole`, since cjson writes 14 digits and sizes have up to 16. Everything that is not
 * counted by the server itself arrives as JSON text and is put into the entry as it is, so that null stays null.
 * Text that is no entry counts as absent: the next claim writes over it.
 *
 * An entry that is pending, now or still, is told as such: who waits for the end of it need not look.
 */
export const PRELUDE = `
local key, channel, name = KEYS[1], ARGV[1], ARGV[2]

local raw = redis.call('GET', key)
local entry = nil
if raw then
  local ok, decoded = pcall(cjson.decode, raw)
  if ok and type(decoded) == 'table' then entry = decoded end
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
