import { randomUUID } from 'node:crypto';
import { KEY_LAYOUT, type Backend } from '@cloud-mirror/mirrored-objects';
import type { CheckGroup } from './check-group.ts';
import type { Finding } from './finding.ts';
import { failure, ok, warning } from './finding.ts';
import { messageOf } from './message-of.ts';

/** S3 refuses requests that are signed so far from its own time: RequestTimeTooSkewed. */
const REFUSED_SECONDS = 900;
/** Less than a signed address lives by default. Stores tell whole seconds. */
const WARNED_SECONDS = 30;

/** Whether this machine's clock is right, by the time that each store gives to an object that is written now. */
export const clockChecks: CheckGroup = {
  name: 'clock',
  async run({ adapters, signal }) {
    const stores = [...adapters.backends.values()].filter(({ kind }) => kind === 's3');
    return (await Promise.all(stores.map((backend) => checkClock(backend, signal)))).flat();
  },
};

async function checkClock(backend: Backend, signal: AbortSignal): Promise<readonly Finding[]> {
  const part = `${backend.name} store`;
  let aheadSeconds: number;
  try {
    aheadSeconds = await secondsAhead(backend, signal);
  } catch (error) {
    signal.throwIfAborted();
    return [warning(part, 'clock', `the clocks were not compared: ${messageOf(error)}`, null)];
  }
  const off = `this machine's clock is ${Math.abs(aheadSeconds)} s ${aheadSeconds > 0 ? 'ahead of' : 'behind'} the store's`;
  const remedy = 'synchronise the clock of this machine (NTP)';
  if (Math.abs(aheadSeconds) >= REFUSED_SECONDS) return [failure(part, 'clock', off, remedy)];
  if (Math.abs(aheadSeconds) >= WARNED_SECONDS) return [warning(part, 'clock', off, remedy)];
  return [ok(part, 'clock', `this machine and the store agree on the time`)];
}

/** Whole seconds, by an object that is written and removed again; its key begins as those of copies do. */
async function secondsAhead({ store }: Backend, signal: AbortSignal): Promise<number> {
  const key = `${KEY_LAYOUT.trialPrefix}${randomUUID()}/clock`;
  const body = Buffer.from('a trial of cloud-mirror, to be removed');
  const before = Date.now();
  await store.put(key, once(body), {
    headers: { contentType: 'text/plain' },
    sizeBytes: body.length,
    metadata: () => ({}),
    signal,
  });
  const after = Date.now();
  try {
    const stored = await store.head(key, { signal });
    if (stored === null) throw new Error('the store does not find what it has just taken');
    // The store's time lies between the two, whatever the call took.
    const told = stored.storedAt.getTime();
    const offMs = told > after ? after - told : told + 1000 < before ? before - told - 1000 : 0;
    return Math.round(offMs / 1000);
  } finally {
    await store.delete(key);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
