import { PRELUDE } from './prelude.ts';

/**
 * Gives up a claim or take; see EntryStore.release.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token of the writer
 * Returns 1 if released, 0 if refused
 */
export const RELEASE = `${PRELUDE}
local token = ARGV[3]

if not entry or entry.state ~= 'pending' or entry.token ~= token then
  return 0
end

redis.call('DEL', key)
announce()
return 1
`;
