import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { copyOf, copyKey } from '@cloud-mirror/mirrored-objects';
import { RedisEntryStore } from '@cloud-mirror/entry-store';

const PATH = '/bytes/100';
const ENQUEUE = { part: 'queue here', method: 'enqueue' };
const LEASE_MS = 60_000;

let opened: AsyncDisposableStack;
let redis: RedisServer;
let entries: RedisEntryStore;
let mirror: MirrorFixture;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  redis = opened.use(await startRedis());
  entries = opened.use(
    new RedisEntryStore({
      connection: { url: redis.url },
      keyPrefix: `test-${randomUUID()}`,
      commandTimeoutMs: 2_000,
    }),
  );
  mirror = opened.use(await openMirror({ entries, pollMs: 50 }));
  await expect
    .poll(
      () =>
        entries.check().then(
          () => 'up',
          () => 'down',
        ),
      { timeout: 20_000 },
    )
    .toBe('up');
  await mirror.redirect('/status/404');
});
afterEach(() => opened.disposeAsync());

/** A waiting request whose job was sent. */
async function waitingRequest() {
  const outcome = mirror.redirect(PATH);
  await mirror.gate.seen(ENQUEUE);
  return { outcome };
}

test('a request whose Redis dies during the wait is redirected to the origin without another job', async () => {
  const { outcome } = await waitingRequest();
  redis.signal('SIGKILL');
  await redis.exit;
  expect(await outcome).toMatchObject({ kind: 'origin', reason: 'entries_unavailable' });
  // Other requests of this process send no job within the next minute either.
  expect(await mirror.redirect(PATH, { requestId: 'request-2' })).toMatchObject({ kind: 'origin' });
  expect(mirror.gate.count(ENQUEUE)).toBe(1);
});

test('a request whose Redis loses its data during the wait gets the copy of the job already sent', async () => {
  const { outcome } = await waitingRequest();
  const { id } = mirror.object(PATH);
  const before = await entries.get(id);
  const operator = new Redis(redis.url);
  await operator.flushall();
  operator.disconnect();
  // The request claims the object again, because its entry is gone.
  await expect
    .poll(async () => {
      const now = await entries.get(id);
      return now !== null && now.token !== before?.token;
    })
    .toBe(true);

  const { job, delivery } = await mirror.nextJob();
  const token = 'of the copier';
  expect(await entries.take(id, { token, jobToken: job.token, leaseMs: LEASE_MS })).toMatchObject({
    taken: true,
  });
  await mirror.store(PATH, job.generation);
  const stored = await mirror.here.objects.head(copyKey(mirror.object(PATH), job.generation));
  if (stored === null) throw new Error('what was stored is not there');
  await entries.commit(id, token, copyOf(mirror.here, stored, job.generation), LEASE_MS);
  await delivery.acknowledge();
  expect(await outcome).toMatchObject({ kind: 'present', how: 'stored' });
  expect(mirror.gate.count(ENQUEUE)).toBe(1);
});

test('a request whose object is purged during the wait sends a job for the new generation', async () => {
  const { outcome } = await waitingRequest();
  await mirror.nextJob();
  await mirror.gate.seen(ENQUEUE);
  const [purged] = await mirror.manager.purge('local', 'here', new URL(mirror.origin.url(PATH)));
  expect(purged).toMatchObject({ purged: true });
  await expect.poll(() => mirror.gate.count(ENQUEUE)).toBe(2);
  const { job } = await mirror.nextJob();
  expect(job.generation).toBe(await mirror.generationOf(PATH));
  redis.signal('SIGKILL');
  await outcome;
});
