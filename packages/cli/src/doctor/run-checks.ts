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
  const limit = new AbortController();
  const signal = AbortSignal.any([context.signal, limit.signal]);
  const late = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => late.reject(signal.reason), { once: true });
  const timer = setTimeout(() => limit.abort(new Error(`not done within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([group.run({ ...context, signal }), late.promise]);
  } catch (error) {
    return [
      failure(
        group.name,
        'checked',
        messageOf(error),
        'mend the cause and run doctor again; this part was not checked further',
      ),
    ];
  } finally {
    clearTimeout(timer);
  }
}
