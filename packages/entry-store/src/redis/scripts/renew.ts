import { PRELUDE } from './prelude.ts';

/**
 * Extends a lease; see EntryStore.renew.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token of the writer
 * ARGV[4] lease in ms
 * ARGV[5] bytes copied so far
 * Returns 1 if renewed, 0 if refused
 */
export const RENEW = `${PRELUDE}
local token, lease, bytes = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

if not entry or entry.state ~= 'pending' or entry.token ~= token then
  return 0
end

write_pending(token, entry.phase, entry.since, bytes, now + lease, entry.attempts, entry.ownClaim == true)
return 1
`;
