import type { Backend } from '@cloud-mirror/cache-manager';
import type { CheckGroup } from './check-group.ts';
import type { Finding } from './finding.ts';
import { failure, ok } from './finding.ts';
import { messageOf } from './message-of.ts';

/** Whether each back end's bucket or folder is there. */
export const storeChecks: CheckGroup = {
  name: 'stores',
  async run({ adapters, signal }) {
    const found = await Promise.all(
      [...adapters.backends.values()].map((backend) => checkStore(backend, signal)),
    );
    return found.flat();
  },
};

async function checkStore(backend: Backend, signal: AbortSignal): Promise<readonly Finding[]> {
  const part = `${backend.name} store`;
  try {
    await backend.store.check({ signal });
  } catch (error) {
    signal.throwIfAborted();
    return [
      failure(
        part,
        'reachable',
        messageOf(error),
        'run setup to make a missing bucket; check bucket, region, endpoint and the credentials',
      ),
    ];
  }
  return [ok(part, 'reachable', 'the store answers and the place for copies exists')];
}
