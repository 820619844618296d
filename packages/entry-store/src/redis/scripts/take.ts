import { PRELUDE } from './prelude.ts';

/**
 * Makes an entry a copier's; see EntryStore.take.
 *
 * KEYS[1] entry
 * ARGV[1] channel
 * ARGV[2] message that names the object
 * ARGV[3] token of the take
 * ARGV[4] token of the job
 * ARGV[5] lease in ms
 * Returns {1, 1 if the claim was the job's own else 0, attempts} if taken, now or before with this token;
 *         {0, entry as JSON, remaining lease of the copying copier in ms} if refused
 */
export const TAKE = `${PRELUDE}
local token, job_token, lease = ARGV[3], ARGV[4], tonumber(ARGV[5])

local own_claim = false
if entry then
  if entry.state == 'pending' and entry.token == token then
    return {1, entry.ownClaim and 1 or 0, entry.attempts}
  end
  if entry.state == 'present' then
    return {0, raw, 0}
  end
  if entry.state == 'pending' and entry.phase == 'copying' then
    return {0, raw, math.max(0, entry.leaseEnd - now)}
  end
  own_claim = entry.state == 'pending' and entry.token == job_token
end

local attempts = attempts_so_far()
write_pending(token, 'copying', now, 0, now + lease, attempts, own_claim)
return {1, own_claim and 1 or 0, attempts}
`;
