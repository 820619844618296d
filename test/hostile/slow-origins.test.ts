import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { openMirrorInProcess, type MirrorInProcess } from './mirror-in-process.ts';

const SLOTS = 8;
const SLOW_OBJECTS = 64;
const SMALL_BYTES = 1_000;

/** Objects of 100 MB that arrive at 25 kB/s, which is above the least rate, beside small ones at once. */
interface SlowOrigin extends AsyncDisposable {
  readonly baseUrl: string;
  /** Bodies that are being sent. */
  readonly open: () => number;
}

async function startSlowOrigin(): Promise<SlowOrigin> {
  let open = 0;
  const server = createServer(({ method, url = '' }, response) => {
    const isSmall = url.startsWith('/small/');
    response.writeHead(200, { 'content-length': isSmall ? SMALL_BYTES : 1e8, etag: '"one"' });
    if (method === 'HEAD') return void response.end();
    if (isSmall) return void response.end(Buffer.alloc(SMALL_BYTES));
    open += 1;
    const drip = setInterval(() => response.write(Buffer.alloc(2_500)), 100);
    response.once('close', () => {
      open -= 1;
      clearInterval(drip);
    });
  });
  await listen(server);
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => open,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

/** Requests more slow objects than there are slots, without waiting, until every slot has one. */
async function takeEverySlot(mirror: MirrorInProcess, slow: SlowOrigin, region: string): Promise<void> {
  await Promise.all(
    Array.from({ length: SLOW_OBJECTS }, (_, index) =>
      fetchOnWire(mirror.url(redirectPath('local', region, `${slow.baseUrl}/drip/${index}`)), {
        headers: { prefer: 'wait=0' },
      }),
    ),
  );
  await expect.poll(() => slow.open()).toBeGreaterThanOrEqual(SLOTS);
  await expect.poll(() => metric(mirror, 'cloud_mirror_copies_running')).toBe(SLOTS);
}

async function metric(mirror: MirrorInProcess, name: string): Promise<number> {
  const text = await mirror.registry.metrics();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))].map(([, value]) =>
    Number(value),
  );
  return values.reduce((sum, value) => sum + value, 0);
}

test.each([
  ['of another host', 'here', 'good', 12],
  ['of another host in another region', 'there', 'good', 12],
  ['of the same host', 'here', 'slow', 3],
])('slow copies do not keep copies %s from being made', async (_what, region, tenant, requests) => {
  await using slow = await startSlowOrigin();
  await using good = await startOriginServer();
  await using mirror = await openMirrorInProcess({
    allow: [slow.baseUrl, good.baseUrl].map((origin) => ({
      prefix: `${origin}/`,
      tls: 'optional',
      privateAddresses: true,
    })),
    overrides: {
      services: { local: { regions: { here: {}, there: {} } } },
      copier: { concurrency: SLOTS, graceSeconds: 0 },
    },
  });
  await takeEverySlot(mirror, slow, 'here');
  // Beside its own host's copies, a new job waits until those that came with them have had a slot or were given back.
  const paused = `cloud_mirror_copy_turns\\{service="local",region="here",state="paused"\\}`;
  if (tenant === 'slow') await expect.poll(() => metric(mirror, paused)).toBe(SLOTS);
  const url = (index: number): string =>
    tenant === 'good' ? good.url(`/bytes/${SMALL_BYTES}?seed=${index}`) : `${slow.baseUrl}/small/${index}`;
  for (let index = 0; index < requests; index += 1) {
    const answer = await fetchOnWire(mirror.url(redirectPath('local', region, url(index))));
    expect(answer.headers['cache-status']).toMatch(/; (?:hit|fwd=miss; stored)/);
  }
  expect(slow.open()).toBeGreaterThan(0);
  expect(await metric(mirror, 'cloud_mirror_copies_paused_total')).toBeGreaterThan(0);
  const warned = mirror.log.some(({ msg }) => String(msg).includes('more than its share'));
  expect(warned).toBe(tenant === 'good');
  const failed = mirror.log.filter(({ outcome }) =>
    ['failed', 'will_retry', 'dead_letter'].includes(String(outcome)),
  );
  expect(failed).toEqual([]);
});
