import { PRELUDE } from './prelude.ts';

/**
 * Makes an entry present; see EntryStore.commit.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token of the writer
 * ARGV[4] time to live in ms
 * ARGV[5] fields of the copy: the JSON of an object without its braces
 * Returns 1 if committed, now or before with this token; 0 if refused
 */
export const COMMIT = `${PRELUDE}
local token, ttl, copy = ARGV[3], tonumber(ARGV[4]), ARGV[5]

if not entry or entry.token ~= token or entry.state == 'error' then
  return 0
end
if entry.state == 'present' then
  return 1
end

write('{"state":"present","token":' .. cjson.encode(token)
  .. ',"since":' .. whole(now)
  .. ',' .. copy
  .. '}', now + ttl)
return 1
`;
