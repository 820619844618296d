import { PRELUDE } from './prelude.ts';

/**
 * The claim won could not be used; see EntryStore.release.
 *
 * KEYS[1] entry
 * ARGV[1] channel, ARGV[2] name of the object, ARGV[3] token
 * Returns 1 when released, 0 when refused
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
