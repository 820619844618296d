import { runWithin } from '@cloud-mirror/waiting';
import type { CheckContext, CheckGroup } from './check-group.ts';
import type { Finding } from './finding.ts';
import { failure } from './finding.ts';
import { messageOf } from './message-of.ts';

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
