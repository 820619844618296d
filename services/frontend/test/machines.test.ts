import { EntryStoreError } from '@cloud-mirror/entry-store';
import { QueueError } from '@cloud-mirror/job-queue';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { PublicRead } from '@cloud-mirror/storage-provider';
import { describe, expect, test } from 'vitest';
import { PartProbe } from '../src/machines/part-states.ts';
import { fakeBackend } from './support/fake-cache-manager.ts';
import { json, ORIGIN_URL, redirectPath, startFrontend } from './support/frontend-under-test.ts';

const lostStore = {
  check: async () => {
    throw new StorageError('store_unavailable', 'connect ECONNREFUSED 10.0.0.7:9000');
  },
};
const lostQueue = {
  depth: async () => {
    throw new QueueError('queue_unavailable', 'connect ECONNREFUSED 10.0.0.7:9324');
  },
};
const lostEntries = {
  check: async () => {
    throw new EntryStoreError('connect ECONNREFUSED 10.0.0.7:6379');
  },
};

test('ping and livez check no part', async () => {
  await using frontend = await startFrontend({
    entries: lostEntries,
    backends: [fakeBackend('s3/us-west-1', { store: lostStore, queue: lostQueue })],
  });
  const ping = await json(await frontend.fetch('/v1/ping'));
  expect(ping).toEqual({ alive: true, uptime: expect.any(Number) as number });
  expect((await frontend.fetch('/livez')).status).toBe(200);
});

describe('a public back end that clients may not read', () => {
  const store = (read: PublicRead, reads = { count: 0 }) => ({
    access: 'public' as const,
    checkPublicRead: async () => {
      reads.count += 1;
      return read;
    },
  });
  const refused: PublicRead = { state: 'refused', status: 403, host: 'bucket.example.com' };

  test('is reported, and makes the front end unready if it is the only one', async () => {
    await using frontend = await startFrontend({
      backends: [fakeBackend('s3/us-west-1', { store: store(refused) })],
    });
    const response = await frontend.fetch('/readyz');
    expect(response.status).toBe(503);
    expect(await json(response)).toMatchObject({
      failing: ['store s3/us-west-1'],
      parts: { 'store s3/us-west-1': { status: 'failing', cause: 'public_read_refused' } },
    });
  });

  test('is reported as degraded if there are other back ends', async () => {
    await using frontend = await startFrontend({
      backends: [fakeBackend('s3/us-west-1', { store: store(refused) }), fakeBackend('s3/eu-west-1')],
    });
    const response = await frontend.fetch('/readyz');
    expect(response.status).toBe(200);
    expect(await json(response)).toMatchObject({ status: 'degraded', failing: ['store s3/us-west-1'] });
  });

  test.each<PublicRead>([{ state: 'readable' }, { state: 'untried', why: 'no copy yet' }])(
    'is not assumed if the read is %j, and a probe does not repeat the read',
    async (read) => {
      const reads = { count: 0 };
      const probe = new PartProbe(
        { check: async () => undefined },
        new Map([['s3/us-west-1', fakeBackend('s3/us-west-1', { store: store(read, reads) })]]),
        0,
      );
      for (let time = 1; time <= 3; time += 1) {
        const { backends } = await probe.states();
        expect(backends[0]?.store).toEqual({ status: 'ok' });
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      expect(reads.count).toBe(1);
    },
  );

  test('is ok again as soon as clients may read it', async () => {
    const answers: PublicRead[] = [refused, { state: 'readable' }];
    const backend = fakeBackend('s3/us-west-1', {
      store: { access: 'public', checkPublicRead: async () => answers.shift() ?? { state: 'readable' } },
    });
    const probe = new PartProbe({ check: async () => undefined }, new Map([['s3/us-west-1', backend]]), 0);
    expect((await probe.states()).backends[0]?.store).toMatchObject({ cause: 'public_read_refused' });
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect((await probe.states()).backends[0]?.store).toEqual({ status: 'ok' });
  });
});

describe('readyz', () => {
  test('answers 200 if all parts answer', async () => {
    await using frontend = await startFrontend();
    const response = await frontend.fetch('/readyz');
    expect(response.status).toBe(200);
    expect(await json(response)).toMatchObject({
      status: 'ready',
      failing: [],
      parts: {
        entries: { status: 'ok' },
        'store s3/us-west-1': { status: 'ok' },
        'queue s3/eu-west-1': { status: 'ok' },
      },
    });
  });

  test.each([
    [90_000_000, '90000 s ahead of', 90_000],
    [-60_000, '60 s behind', -60],
  ])('and the metrics say if the clock is off a store by %i ms', async (aheadMs, said, seconds) => {
    const clock = { aheadMs, nowMs: () => Date.now() - aheadMs };
    await using frontend = await startFrontend({
      backends: [fakeBackend('s3/us-west-1', { store: { clock } }), fakeBackend('s3/eu-west-1')],
    });
    const response = await frontend.fetch('/readyz');
    expect(response.status).toBe(200);
    expect(await json(response)).toMatchObject({
      status: 'degraded',
      failing: ['clock s3/us-west-1'],
      parts: {
        'clock s3/us-west-1': {
          status: 'failing',
          cause: 'clock_skew',
          detail: `this machine's clock is ${said} the store's: synchronise it (NTP)`,
        },
        'store s3/us-west-1': { status: 'ok' },
      },
    });
    const metrics = await (await frontend.fetch('/metrics')).text();
    const gauge = 'cloud_mirror_store_clock_ahead_seconds';
    expect(metrics).toContain(`${gauge}{service="s3",region="us-west-1"} ${seconds}\n`);
    expect(metrics).toContain(`${gauge}{service="s3",region="eu-west-1"} 0\n`);
  });

  test('a clock that is off by less than a minute is not reported', async () => {
    const clock = { aheadMs: 59_999, nowMs: () => Date.now() };
    await using frontend = await startFrontend({
      backends: [fakeBackend('s3/us-west-1', { store: { clock } })],
    });
    expect(await json(await frontend.fetch('/readyz'))).toMatchObject({ status: 'ready', failing: [] });
  });

  test('says why the entry store refuses, without its own message', async () => {
    const refusal = { word: 'NOPERM', advice: 'the ACL lacks something' };
    const entries = {
      check: () => Promise.reject(new EntryStoreError('User s3cret lacks 10.0.0.7', { refusal })),
    };
    await using frontend = await startFrontend({ entries });
    const text = await (await frontend.fetch('/readyz')).text();
    expect(JSON.parse(text)).toMatchObject({
      status: 'degraded',
      failing: ['entries'],
      parts: {
        entries: {
          status: 'failing',
          cause: 'entry_store_unavailable',
          detail: 'NOPERM: the ACL lacks something',
        },
      },
    });
    expect(text).not.toMatch(/s3cret|10\.0\.0\.7/);
  });

  test('answers 200 and degraded without entries and a queue, since redirects still work', async () => {
    await using frontend = await startFrontend({
      entries: lostEntries,
      backends: [fakeBackend('s3/us-west-1', { queue: lostQueue }), fakeBackend('s3/eu-west-1')],
    });
    const response = await frontend.fetch('/readyz');
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      status: 'degraded',
      failing: ['entries', 'queue s3/us-west-1'],
    });
    expect(text).not.toContain('10.0.0.7');
  });

  test('answers 200 and degraded if one store of two fails', async () => {
    await using frontend = await startFrontend({
      backends: [fakeBackend('s3/us-west-1', { store: lostStore }), fakeBackend('s3/eu-west-1')],
    });
    const response = await frontend.fetch('/readyz');
    expect(response.status).toBe(200);
    expect(await json(response)).toMatchObject({ status: 'degraded', failing: ['store s3/us-west-1'] });
  });

  test('answers 503 with the names of the failing parts if no store answers', async () => {
    await using frontend = await startFrontend({
      backends: [fakeBackend('s3/us-west-1', { store: lostStore })],
    });
    const response = await frontend.fetch('/readyz');
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await json(response)).toMatchObject({
      status: 503,
      code: 'no_store',
      failing: ['store s3/us-west-1'],
      parts: { 'store s3/us-west-1': { status: 'failing', cause: 'store_unavailable' } },
    });
  });
});

test('a part that never answers is failing after the time limit, and concurrent callers share one check', async () => {
  let checks = 0;
  const entries = {
    check: () => {
      checks += 1;
      return new Promise<void>(() => undefined);
    },
  };
  const probe = new PartProbe(entries, new Map());
  const [one, other] = await Promise.all([probe.states(), probe.states()]);
  expect(one.entries).toEqual({ status: 'failing', cause: 'time_limit' });
  expect(other).toBe(one);
  expect(checks).toBe(1);
});

test('/v1/backends is public, with state and depth, and contains no addresses', async () => {
  await using frontend = await startFrontend({
    backends: [fakeBackend('s3/us-west-1'), fakeBackend('s3/eu-west-1', { queue: lostQueue })],
  });
  const response = await frontend.fetch('/v1/backends');
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text).not.toContain('10.0.0.7');
  expect(JSON.parse(text)).toEqual({
    backends: [
      {
        name: 's3/us-west-1',
        service: 's3',
        region: 'us-west-1',
        kind: 's3',
        access: 'public',
        lifespanDays: 1,
        state: 'ok',
        store: { status: 'ok' },
        queue: { status: 'ok', waiting: 1, inFlight: 2, deadLetters: 3 },
      },
      expect.objectContaining({
        name: 's3/eu-west-1',
        state: 'degraded',
        queue: { status: 'failing', cause: 'queue_unavailable' },
      }),
    ],
  });
});

test('metrics count redirects by back end and outcome, and contain no URL and no invented name', async () => {
  await using frontend = await startFrontend();
  await (await frontend.fetch(redirectPath(ORIGIN_URL))).text();
  await (await frontend.fetch(redirectPath(ORIGIN_URL, 's3/made-up'))).text();
  await (await frontend.fetch('/v1/no-such-route')).text();
  const response = await frontend.fetch('/metrics');
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
  const text = await response.text();
  expect(text).toContain('cloud_mirror_redirects_total{service="s3",region="us-west-1",outcome="hit"} 1');
  expect(text).toContain('cloud_mirror_http_requests_total{route="redirect",method="GET",status="302"} 2');
  expect(text).toContain('cloud_mirror_http_request_duration_seconds_count{route="redirect"} 2');
  expect(text).toContain('cloud_mirror_queue_jobs{service="s3",region="us-west-1",state="dead"} 3');
  expect(text).toContain('cloud_mirror_requests_waiting 0');
  expect(text).toContain('cloud_mirror_part_up{part="entries",service="",region=""} 1');
  expect(text).not.toMatch(/made-up|no-such-route|artifacts\.example/);
  for (const line of text.split('\n')) expect(line).toMatch(/^(?:# (?:HELP|TYPE) )?cloud_mirror_|^$/);
});

test('the front page allows no scripts', async () => {
  await using frontend = await startFrontend();
  const response = await frontend.fetch('/');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await response.text()).toContain('/v1/openapi.json');
});

test.each(['/nothing', '/v1', '/v1/redirects/x', '/v1/openapi.json/x', '//', '/%', '/v1/ping%2F'])(
  '%s: 404',
  async (path) => {
    await using frontend = await startFrontend();
    const response = await frontend.fetch(path);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await json(response)).toMatchObject({ code: 'no_such_route', status: 404 });
  },
);
