import { PRELUDE } from './prelude.ts';

/**
 * The copy failed; see EntryStore.fail.
 *
 * KEYS[1] entry
 * ARGV[1] channel, ARGV[2] name of the object, ARGV[3] token, ARGV[4] time to live in ms,
 * ARGV[5] first and ARGV[6] longest backoff in ms, ARGV[7] time to the next try in ms, empty for the backoff,
 * ARGV[8] further fields of the error: the JSON of an object without its braces
 * Returns 1 when noted now or before with this token, 0 when refused
 */
export const FAIL = `${PRELUDE}
local token, ttl, first, longest = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local retry_after, fields = tonumber(ARGV[7]), ARGV[8]

if not entry or entry.token ~= token or entry.state == 'present' then
  return 0
end
if entry.state == 'error' then
  return 1
end

local attempts = entry.attempts + 1
local delay = retry_after or math.min(longest, first * 2 ^ (attempts - 1))
write('{"state":"error","token":' .. cjson.encode(token)
  .. ',"since":' .. whole(now)
  .. ',"attempts":' .. whole(attempts)
  .. ',"retryAt":' .. whole(now + math.floor(delay))
  .. ',' .. fields
  .. '}', now + ttl)
return 1
`;
