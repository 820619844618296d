import type { CrossFault } from './cross-fault.ts';
import { isMapping, numberAt, valueAt } from '@cloud-mirror/config';

const DAY_SECONDS = 86_400;

/**
 * Checks time limits that depend on each other. If one exceeds another, the program would start but not behave as
 * configured.
 */
export function timeLimitFaults(config: unknown): CrossFault[] {
  const faults: CrossFault[] = [];
  const wait = numberAt(config, 'server', 'maxWaitSeconds');
  const drain = numberAt(config, 'server', 'drainSeconds');
  if (wait !== null && drain !== null && wait >= drain)
    faults.push({
      path: ['server', 'drainSeconds'],
      found: String(drain),
      expected: `more than server.maxWaitSeconds (${wait}), so that waiting clients get an answer before the program stops`,
    });
  const lease = numberAt(config, 'entries', 'copyingLeaseSeconds');
  const visibility = numberAt(config, 'queue', 'visibilityTimeoutSeconds');
  if (lease !== null && visibility !== null && lease !== visibility)
    faults.push({
      path: ['queue', 'visibilityTimeoutSeconds'],
      found: String(visibility),
      expected: `the same value as entries.copyingLeaseSeconds (${lease}): a copier renews both together`,
    });
  const first = numberAt(config, 'entries', 'errorSeconds', 'first');
  const longest = numberAt(config, 'entries', 'errorSeconds', 'longest');
  if (first !== null && longest !== null && first > longest)
    faults.push({
      path: ['entries', 'errorSeconds', 'longest'],
      found: String(longest),
      expected: `at least entries.errorSeconds.first (${first})`,
    });
  return [...faults, ...lifeFaults(config), ...leaseFaults(config)];
}

function lifeFaults(config: unknown): CrossFault[] {
  const margin = numberAt(config, 'entries', 'expiryMarginSeconds');
  if (margin === null) return [];
  const path = ['entries', 'expiryMarginSeconds'];
  const found = String(margin);
  const ttl = numberAt(config, 'entries', 'ttlSeconds');
  if (ttl !== null && margin >= ttl) {
    const expected = `less than entries.ttlSeconds (${ttl}): the margin is only the last part of that time`;
    return [{ path, found, expected }];
  }
  const services = valueAt(config, 'services');
  return Object.entries(isMapping(services) ? services : {}).flatMap(([service, settings]) => {
    const days = numberAt(settings, 'lifespanDays');
    if (days === null || margin < days * DAY_SECONDS) return [];
    const expected = `less than services.${service}.lifespanDays (${days}, so ${days * DAY_SECONDS} s): otherwise every copy counts as expired`;
    return [{ path, found, expected }];
  });
}

function leaseFaults(config: unknown): CrossFault[] {
  const faults: CrossFault[] = [];
  const lease = numberAt(config, 'entries', 'copyingLeaseSeconds');
  const command = numberAt(config, 'entries', 'commandTimeoutMs');
  if (lease !== null && command !== null && command >= lease * 1000)
    faults.push({
      path: ['entries', 'commandTimeoutMs'],
      found: String(command),
      expected: `less than entries.copyingLeaseSeconds (${lease} s): a copier must be able to renew a lease before it ends`,
    });
  const sweep = numberAt(config, 'copier', 'sweepUploadsAfterHours');
  const total = numberAt(config, 'sources', 'timeouts', 'totalSeconds');
  if (sweep !== null && total !== null && total > sweep * 3600)
    faults.push({
      path: ['copier', 'sweepUploadsAfterHours'],
      found: String(sweep),
      expected: `at least sources.timeouts.totalSeconds (${total} s, ${Math.ceil(total / 3600)} h): otherwise the sweep would abort uploads that are still in progress`,
    });
  return faults;
}
