import { PRELUDE } from './prelude.ts';

/**
 * Claims an object for copying; see EntryStore.claim.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token of the claim
 * ARGV[4] lease in ms
 * ARGV[5] copying lease in ms
 * Returns {1, attempts} if claimed, now or before with this token; {0, entry as JSON} if refused
 */
export const CLAIM = `${PRELUDE}
local token, lease, copying_lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

if entry then
  if entry.state == 'pending' and entry.token == token then
    return {1, entry.attempts}
  end
  local overdue = entry.state == 'error' and now > entry.retryAt + copying_lease
  if not overdue then
    return {0, raw}
  end
end

local attempts = attempts_so_far()
write_pending(token, 'queued', now, 0, now + lease, attempts, false)
return {1, attempts}
`;
