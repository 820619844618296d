import { PRELUDE } from './prelude.ts';

/**
 * Records a failed copy; see EntryStore.fail.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token of the writer
 * ARGV[4] time to live in ms
 * ARGV[5] first back-off in ms
 * ARGV[6] longest back-off in ms
 * ARGV[7] delay of the next try in ms; empty to use the back-off
 * ARGV[8] further fields of the error: the JSON of an object without its braces
 * Returns 1 if recorded, now or before with this token; 0 if refused
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
  .. checked_field(entry.checkedAt)
  .. '}', now + ttl)
return 1
`;
