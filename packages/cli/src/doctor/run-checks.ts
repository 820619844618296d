import { runWithin } from '@cloud-mirror/waiting';
import type { CheckContext, CheckGroup } from './check-group.ts';
import type { Finding } from './finding.ts';
import { failure } from './finding.ts';
import { messageOf } from './message-of.ts';

/** Of one group: each call that it makes has its own, shorter limit as well. */
const GROUP_LIMIT_MS = 120_000;

/**
 * Runs every group at the same time. A group that throws, or does not end in time, becomes a failure.
 * @throws the reason of `context.signal` once that is aborted
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
  const reason = (): Error => new Error(`not done within ${limitMs} ms`);
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
        'mend the cause and run doctor again; this part was not checked further',
      ),
    ];
  }
}
