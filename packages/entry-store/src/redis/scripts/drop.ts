import { PRELUDE } from './prelude.ts';

/**
 * Forgets an entry; see EntryStore.drop. Without a token the change is told even where nothing was removed: listeners
 * may hold what Redis has lost.
 *
 * KEYS[1] entry
 * ARGV[1] channel, ARGV[2] name of the object, ARGV[3] token, or none
 * Returns 1 when an entry was removed, 0 otherwise
 */
export const DROP = `${PRELUDE}
local token = ARGV[3]

if token and (not entry or entry.token ~= token) then
  return 0
end

local removed = redis.call('DEL', key)
announce()
return removed
`;
