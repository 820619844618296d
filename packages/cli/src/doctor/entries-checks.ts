import { type EntryStore, EntryStoreError, type EntryStoreRefusal } from '@cloud-mirror/entry-store';
import type { Config } from '@cloud-mirror/mirror';
import { settleWithin } from '@cloud-mirror/waiting';
import { failure, messageOf, ok, warning } from './check-group.ts';
import type { CheckGroup, Finding } from './check-group.ts';

const PART = 'entries';
/** The first Redis version with SET … PXAT, which the scripts use. */
const OLDEST = [6, 2] as const;

/** Checks that the entry store answers, has a supported version, and permits the commands that the programs use. */
export const entriesChecks: CheckGroup = {
  name: 'entries',
  async run({ config, adapters, signal }) {
    if (config.entries.kind === 'memory')
      return [
        warning(
          PART,
          'shared',
          'entries are kept in the memory of one process and are lost when it ends',
          'use entries.kind redis for front ends and copiers that run apart',
        ),
      ];
    const findings: Finding[] = [];
    try {
      await subscribed(adapters.entries, signal);
      await adapters.entries.check();
      findings.push(
        ok(PART, 'reachable', 'Redis answers and accepts writes'),
        ok(PART, 'permitted', `${userOf(config)} has all permissions that the programs need`),
      );
    } catch (error) {
      const refusal = error instanceof EntryStoreError ? error.refusal : null;
      findings.push(refusal === null ? unreachable(error) : refused(error, refusal));
    }
    return [...findings, ...(await serverFindings(adapters.entries))];
  },
};

/** The time limit for a subscription: connection, authentication and SUBSCRIBE. */
const SUBSCRIPTION_MS = 5_000;

/** Waits for a subscription, which front ends need. If Redis refuses it, `check` reports the refusal. */
async function subscribed(entries: Pick<EntryStore, 'subscribe'>, signal: AbortSignal): Promise<void> {
  const established = Promise.withResolvers<void>();
  using _subscription = entries.subscribe(() => established.resolve());
  await settleWithin(established.promise, SUBSCRIPTION_MS, undefined, signal);
}

function userOf({ entries }: Config): string {
  return entries.username === null ? 'the Redis user' : `the Redis user ${entries.username}`;
}

function unreachable(error: unknown): Finding {
  const remedy = 'check entries.url (or sentinels, cluster), the network, TLS and whether Redis runs';
  return failure(PART, 'reachable', messageOf(error), remedy);
}

/** Redis answers but refuses, which needs another remedy than a Redis that does not answer. */
function refused(error: unknown, { word, advice }: EntryStoreRefusal): Finding {
  return failure(PART, 'permitted', `Redis refuses: ${word} (${messageOf(error)})`, advice);
}

async function serverFindings(entries: {
  server?: () => Promise<{ readonly version: string | null; readonly evictionPolicy: string | null }>;
}): Promise<readonly Finding[]> {
  // If the server does not answer, the check above has reported it.
  const server = await entries.server?.().catch(() => null);
  if (server === undefined || server === null) return [];
  return [...versionFindings(server.version), ...evictionFindings(server.evictionPolicy)];
}

function versionFindings(version: string | null): Finding[] {
  const [major = NaN, minor = NaN] = (version ?? '').split('.').map(Number);
  if (version === null || Number.isNaN(major) || Number.isNaN(minor)) return [];
  const tooOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (!tooOld) return [ok(PART, 'version', `Redis ${version}`)];
  return [failure(PART, 'version', `Redis ${version} is too old`, `use Redis ${OLDEST.join('.')} or later`)];
}

function evictionFindings(policy: string | null): Finding[] {
  if (policy !== 'noeviction') return [];
  return [
    warning(
      PART,
      'eviction',
      'Redis has a memory limit and refuses writes when it is reached (maxmemory-policy noeviction)',
      'set maxmemory-policy allkeys-lru if this Redis contains nothing else: entries may be lost at any time',
    ),
  ];
}
