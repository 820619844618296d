import { PRELUDE } from './prelude.ts';

/**
 * Notes that a check of a present entry begins; see EntryStore.noteCheck. The rest of the entry stays as it is, so nothing is
 * announced.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token that the entry must have
 * ARGV[4] least time between two checks in ms
 * Returns 1 if the check may begin, else 0
 */
export const NOTE_CHECK = `${PRELUDE}
local token, interval = ARGV[3], tonumber(ARGV[4])

if not entry or entry.state ~= 'present' or entry.token ~= token or checked_within(interval) then
  return 0
end
if string.sub(raw, -1) == '}' then
  local unchecked = string.gsub(raw, ',"checkedAt":%d+}$', '}')
  redis.call('SET', key, string.sub(unchecked, 1, -2) .. checked_field(now) .. '}', 'KEEPTTL')
end
return 1
`;
