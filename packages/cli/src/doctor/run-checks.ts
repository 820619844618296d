import { runWithin } from '@cloud-mirror/waiting';
import { failure, messageOf } from './check-group.ts';
import type { CheckContext, CheckGroup, Finding } from './check-group.ts';
import { clockChecks } from './clock-checks.ts';
import { entriesChecks } from './entries-checks.ts';
import { queueChecks } from './queue-checks.ts';
import { registryChecks } from './registry-checks.ts';
import { signingChecks } from './signing-checks.ts';
import { publicReadChecks, storeChecks } from './store-checks.ts';

/** All groups of checks, in the order of the report. To add a group, write it in a `*-checks.ts` file and list it here. */
export const CHECK_GROUPS: readonly CheckGroup[] = [
  entriesChecks,
  registryChecks,
  queueChecks,
  storeChecks,
  publicReadChecks,
  signingChecks,
  clockChecks,
];

/** The time limit of one group. Each call within it has its own, shorter limit. */
const GROUP_LIMIT_MS = 120_000;

/**
 * Runs all groups concurrently. A group that throws, or exceeds the time limit, becomes a failure.
 * @throws the reason of `context.signal` if it is aborted
 */
export async function runChecks(
  groups: readonly CheckGroup[],
  context: CheckContext,
  limitMs = GROUP_LIMIT_MS,
): Promise<readonly Finding[]> {
  const found = await Promise.all(groups.map((group) => runGroup(group, context, limitMs)));
  context.signal.throwIfAborted();
  return found.flat();
}

async function runGroup(
  group: CheckGroup,
  context: CheckContext,
  limitMs: number,
): Promise<readonly Finding[]> {
  const reason = (): Error => new Error(`no result within ${limitMs} ms`);
  try {
    return await runWithin({ limitMs, reason, signals: [context.signal] }, (signal) =>
      group.run({ ...context, signal }),
    );
  } catch (error) {
    return [
      failure(
        group.name,
        'checked',
        messageOf(error),
        'fix the cause and run doctor again; the remaining checks of this part were skipped',
      ),
    ];
  }
}
