import { randomUUID } from 'node:crypto';
import { type Backend, KEY_LAYOUT } from '@cloud-mirror/mirrored-objects';
import { hasSigningLife } from '@cloud-mirror/storage-provider';
import { checkEach, failure, messageOf, ok, warning } from './check-group.ts';
import type { CheckGroup, Finding } from './check-group.ts';

/** S3 refuses requests whose signing time differs by this much from its own time: RequestTimeTooSkewed. */
const REFUSED_SECONDS = 900;
/** Less than the default lifetime of a signed URL. Stores report times in whole seconds. */
const WARNED_SECONDS = 30;

/**
 * Compares this machine's clock with the time that each store gives to a newly written object. Only for stores whose
 * requests are signed: a signature contains the time.
 */
export const clockChecks: CheckGroup = {
  name: 'clock',
  async run({ adapters, signal }) {
    const stores = [...adapters.backends.values()].filter(({ store }) => hasSigningLife(store));
    return checkEach(stores, (backend) => checkClock(backend, signal));
  },
};

async function checkClock(backend: Backend, signal: AbortSignal): Promise<readonly Finding[]> {
  const part = `${backend.name} store`;
  let aheadSeconds: number;
  try {
    aheadSeconds = await secondsAhead(backend, signal);
  } catch (error) {
    signal.throwIfAborted();
    return [warning(part, 'clock', `the clocks could not be compared: ${messageOf(error)}`, null)];
  }
  const off = `this machine's clock is ${Math.abs(aheadSeconds)} s ${aheadSeconds > 0 ? 'ahead of' : 'behind'} the store's`;
  const remedy = 'synchronise the clock of this machine (NTP)';
  if (Math.abs(aheadSeconds) >= REFUSED_SECONDS) return [failure(part, 'clock', off, remedy)];
  if (Math.abs(aheadSeconds) >= WARNED_SECONDS) return [warning(part, 'clock', off, remedy)];
  return [ok(part, 'clock', `this machine and the store agree on the time`)];
}

/**
 * How far this machine's clock is ahead of the store's, in whole seconds (negative: behind). Writes and deletes a trial
 * object, whose key has the prefix of copies so that the same permissions suffice.
 */
async function secondsAhead({ store }: Backend, signal: AbortSignal): Promise<number> {
  const key = `${KEY_LAYOUT.trialPrefix}${randomUUID()}/clock`;
  const body = Buffer.from('a trial object of cloud-mirror, which may be deleted');
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
    if (stored === null) throw new Error('the store does not find an object that was just written');
    // If the clocks agree, the store's time is between `before` and `after`, however long the call took.
    const storedAtMs = stored.storedAt.getTime();
    const offMs =
      storedAtMs > after ? after - storedAtMs : storedAtMs + 1000 < before ? before - storedAtMs - 1000 : 0;
    return Math.round(offMs / 1000);
  } finally {
    await store.delete(key);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
