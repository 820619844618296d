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
 * ARGV[6] token of the error that the claim replaces because a client wants it checked; empty for none
 * ARGV[7] such an error is not replaced if a check of it began less than this time ago, in ms
 * Returns {1, attempts} if claimed, now or before with this token; {0, entry as JSON} if refused
 */
export const CLAIM = `${PRELUDE}
local token, lease, copying_lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local checked_at = nil

if entry then
  if entry.state == 'pending' and entry.token == token then
    return {1, entry.attempts}
  end
  local overdue = entry.state == 'error' and now > entry.retryAt + copying_lease
  local check = entry.state == 'error' and entry.token == ARGV[6] and not checked_within(tonumber(ARGV[7]))
  if not overdue and not check then
    return {0, raw}
  end
  if check then checked_at = now end
end

local attempts = checked_at and 0 or attempts_so_far()
write_pending(token, 'queued', now, 0, now + lease, attempts, false, checked_at)
return {1, attempts}
`;
