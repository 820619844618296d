import { PRELUDE } from './prelude.ts';

/**
 * Drops an entry; see EntryStore.drop. Without a token the change is announced even if there was no entry: listeners may
 * still hold an entry that Redis has lost.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token that the entry must have; omitted to drop any entry
 * Returns 1 if an entry was removed, else 0
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
