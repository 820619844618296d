import { NotMirroredError } from '@cloud-mirror/cache-manager';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { QueueError } from '@cloud-mirror/job-queue';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeBackend } from './support/fake-cache-manager.ts';
import { base64url, bearer, json, ORIGIN_URL, startFrontend, TOKENS } from './support/frontend-under-test.ts';
import type { FrontendUnderTest } from './support/frontend-under-test.ts';

const OBJECT = `s3/us-west-1/${base64url(ORIGIN_URL)}`;
const EVERYWHERE = `s3/all/${base64url(ORIGIN_URL)}`;
const purgedTooSoon = async () => {
  throw new QueueError('purge_in_progress', 'queue http://10.0.0.7/ says no', { retryAfterSeconds: 41.5 });
};

let frontend: FrontendUnderTest;
beforeAll(async () => {
  frontend = await startFrontend({
    backends: [
      fakeBackend('s3/us-west-1', {
        queue: {
          purge: async () => undefined,
          deadLetters: async () => [
            { id: 'm1', body: '{"v":1}', sentAt: new Date(0), receiveCount: 6, reason: 'malformed' },
          ],
          redriveDeadLetters: async () => 3,
          purgeDeadLetters: async () => undefined,
        },
      }),
      fakeBackend('s3/eu-west-1', {
        queue: {
          purge: purgedTooSoon,
          purgeDeadLetters: purgedTooSoon,
          redriveDeadLetters: async () => {
            throw new QueueError('queue_unavailable', 'connect ECONNREFUSED 10.0.0.7:9324');
          },
        },
      }),
    ],
  });
});
afterAll(() => frontend[Symbol.asyncDispose]());

const call = (method: string, path: string, token: string | null = TOKENS.all) =>
  frontend.fetch(path, { method, ...(token === null ? {} : bearer(token)) });

const CALLS = [
  ['DELETE', `/v1/purge/${OBJECT}`, 'purge'],
  ['DELETE', `/v1/purge/${EVERYWHERE}`, 'purge'],
  ['DELETE', '/v1/cache', 'flush'],
  ['DELETE', '/v1/cache/s3', 'flush'],
  ['DELETE', '/v1/cache/s3/us-west-1', 'flush'],
  ['GET', `/v1/status/${OBJECT}`, 'read'],
  ['DELETE', '/v1/queue/s3/us-west-1', 'queue'],
  ['GET', '/v1/dead-letters/s3/us-west-1', 'queue'],
  ['POST', '/v1/dead-letters/s3/us-west-1/redrive', 'queue'],
  ['DELETE', '/v1/dead-letters/s3/us-west-1', 'queue'],
] as const;

describe.each(CALLS)('%s %s', (method, path, scope) => {
  test.each([null, '', 'wrong', TOKENS.all.slice(0, -1), `${TOKENS.all}x`])(
    'token %j: 401',
    async (token) => {
      const response = await call(method, path, token);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="cloud-mirror"/);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      await response.text();
    },
  );

  test('another authentication scheme is a 401', async () => {
    const response = await frontend.fetch(path, {
      method,
      headers: { Authorization: `Basic ${btoa(`oncall:${TOKENS.all}`)}` },
    });
    expect(response.status).toBe(401);
  });

  test('a token without the scope is a 403', async () => {
    const response = await call(method, path, TOKENS.readOnly);
    if (scope === 'read') return expect(response.status).toBe(200);
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain(`scope="${scope}"`);
    expect(await json(response)).toMatchObject({ code: 'insufficient_scope' });
  });

  test('has an audit line with the operator', async () => {
    const before = frontend.log.length;
    const response = await call(method, path);
    expect(response.status).toBeLessThan(300);
    expect(frontend.log.slice(before)).toContainEqual(
      expect.objectContaining({
        audit: true,
        operator: 'oncall',
        scope,
        result: 'done',
        status: response.status,
      }),
    );
  });
});

test('a change that is interrupted has left its begun line, which names what it was about', async () => {
  await using interrupted = await startFrontend();
  const begun = Promise.withResolvers<void>();
  const never = Promise.withResolvers<number>();
  interrupted.cacheManager.flush = () => {
    begun.resolve();
    return never.promise;
  };
  const call = interrupted.fetch('/v1/cache/s3', { method: 'DELETE', ...bearer(TOKENS.all) });
  await begun.promise;
  expect(interrupted.log.filter(({ audit }) => audit === true)).toMatchObject([
    { event: 'begun', call: 'flush', operator: 'oncall', service: 's3' },
  ]);
  never.resolve(0);
  expect((await call).status).toBe(200);
});

test('every call is a 401 if no tokens are configured', async () => {
  await using closed = await startFrontend({ tokens: [] });
  for (const [method, path] of CALLS)
    expect((await closed.fetch(path, { method, ...bearer(TOKENS.all) })).status).toBe(401);
  expect(closed.cacheManager.purges).toEqual([]);
});

test('refused calls have an audit line without the token', async () => {
  await call('DELETE', `/v1/purge/${OBJECT}`, 'a-wrong-token');
  expect(frontend.log).toContainEqual(
    expect.objectContaining({
      audit: true,
      operator: null,
      call: 'purge',
      status: 401,
      result: 'token_unknown',
    }),
  );
  expect(JSON.stringify(frontend.log)).not.toMatch(/a-wrong-token|token-of-/);
});

describe('purge', () => {
  test('of one region is a 204', async () => {
    const response = await call('DELETE', `/v1/purge/${OBJECT}`);
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    expect(frontend.cacheManager.purges.at(-1)).toEqual({
      service: 's3',
      region: 'us-west-1',
      url: ORIGIN_URL,
    });
  });

  test('of a URL that was never mirrored is a 204 that says so', async () => {
    expect((await call('DELETE', `/v1/purge/${OBJECT}`)).headers.get('Cloud-Mirror-Purged')).toBeNull();
    frontend.cacheManager.purgeFindsNothing = true;
    try {
      const response = await call('DELETE', `/v1/purge/${OBJECT}`);
      expect(response.status).toBe(204);
      expect(response.headers.get('Cloud-Mirror-Purged')).toBe('nothing');
      expect(await json(await call('DELETE', `/v1/purge/${EVERYWHERE}`))).toMatchObject({
        results: [{ found: false }, { found: false }],
      });
    } finally {
      frontend.cacheManager.purgeFindsNothing = false;
    }
  });

  test('accepts every spelling of the URL, and a file name', async () => {
    await call('DELETE', `/v1/purge/s3/us-west-1/${encodeURIComponent(ORIGIN_URL)}`);
    expect(frontend.cacheManager.purges.at(-1)?.url).toBe(ORIGIN_URL);
    await call('DELETE', `/v1/purge/${OBJECT}/app.tar.gz`);
    expect(frontend.cacheManager.purges.at(-1)?.url).toBe(ORIGIN_URL);
  });

  test('of every region is a 200 with the result of each', async () => {
    const response = await call('DELETE', `/v1/purge/${EVERYWHERE}`);
    expect(response.status).toBe(200);
    expect(await json(response)).toEqual({
      results: [
        { backend: 's3/us-west-1', purged: true, error: null },
        { backend: 's3/eu-west-1', purged: true, error: null },
      ],
    });
  });

  test.each([OBJECT, EVERYWHERE])('of %.12s that fails is never reported as done', async (object) => {
    frontend.cacheManager.purgeError = 'the store is unreachable';
    const regions = object === OBJECT ? ['s3/us-west-1'] : ['s3/us-west-1', 's3/eu-west-1'];
    const failed = regions.map((backend) => ({ backend, purged: false, error: 'the store is unreachable' }));
    try {
      const response = await call('DELETE', `/v1/purge/${object}`);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await json(response)).toMatchObject({
        code: 'purge_incomplete',
        results: failed,
      });
    } finally {
      frontend.cacheManager.purgeError = null;
    }
  });

  test('of a URL that no rule allows and of which nothing is stored is a 404', async () => {
    await using strict = await startFrontend();
    strict.cacheManager.purge = () => Promise.reject(new NotMirroredError());
    for (const object of [OBJECT, EVERYWHERE]) {
      const response = await strict.fetch(`/v1/purge/${object}`, { method: 'DELETE', ...bearer(TOKENS.all) });
      expect(response.status).toBe(404);
      expect(await json(response)).toMatchObject({ code: 'not_mirrored' });
    }
  });

  test('works for sources that are no longer allowed', async () => {
    await using strict = await startFrontend({
      policy: { decide: () => ({ allowed: false, reason: 'no' }), identify: (url: URL) => url },
    });
    expect(
      (await strict.fetch(`/v1/purge/${OBJECT}`, { method: 'DELETE', ...bearer(TOKENS.all) })).status,
    ).toBe(204);
  });
});

describe('status', () => {
  test('of one region', async () => {
    const response = await call('GET', `/v1/status/${OBJECT}`, TOKENS.readOnly);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await json(response)).toMatchObject({
      service: 's3',
      region: 'us-west-1',
      url: ORIGIN_URL,
      entry: null,
    });
  });

  test('of every region', async () => {
    const response = await call('GET', `/v1/status/${EVERYWHERE}`, TOKENS.readOnly);
    expect(await json(response)).toMatchObject({
      regions: [{ region: 'us-west-1' }, { region: 'eu-west-1' }],
    });
  });
});

test('flush returns the number of dropped entries', async () => {
  expect(await json(await call('DELETE', '/v1/cache/s3/us-west-1'))).toEqual({ forgotten: 7 });
});

test('flush without an entry store is a 503', async () => {
  await using lost = await startFrontend();
  lost.cacheManager.flush = () => Promise.reject(new EntryStoreError('connect ECONNREFUSED 10.0.0.7:6379'));
  const response = await lost.fetch('/v1/cache', { method: 'DELETE', ...bearer(TOKENS.all) });
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
  const body = await response.text();
  expect(JSON.parse(body)).toMatchObject({ code: 'entry_store_unavailable' });
  expect(body).not.toContain('10.0.0.7');
});

test('operators can drop the queue, and list, redrive and drop dead letters', async () => {
  expect(await json(await call('DELETE', '/v1/queue/s3/us-west-1'))).toEqual({
    backend: 's3/us-west-1',
    dropped: true,
  });
  expect(await json(await call('GET', '/v1/dead-letters/s3/us-west-1'))).toEqual({
    backend: 's3/us-west-1',
    deadLetters: [
      { id: 'm1', body: '{"v":1}', sentAt: '1970-01-01T00:00:00.000Z', receiveCount: 6, reason: 'malformed' },
    ],
  });
  expect(await json(await call('POST', '/v1/dead-letters/s3/us-west-1/redrive'))).toMatchObject({
    redriven: 3,
  });
  expect(await json(await call('DELETE', '/v1/dead-letters/s3/us-west-1'))).toMatchObject({ dropped: true });
});

test.each(['/v1/queue/s3/eu-west-1', '/v1/dead-letters/s3/eu-west-1'])(
  'DELETE %s too soon: 409',
  async (path) => {
    const response = await call('DELETE', path);
    expect(response.status).toBe(409);
    expect(response.headers.get('retry-after')).toBe('42');
    expect(await response.text()).not.toContain('10.0.0.7');
  },
);

test('an unreachable queue is a 503', async () => {
  const response = await call('POST', '/v1/dead-letters/s3/eu-west-1/redrive');
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await response.text()).not.toContain('10.0.0.7');
});

test.each([
  ['DELETE', `/v1/purge/s3/nowhere/${base64url(ORIGIN_URL)}`],
  ['DELETE', `/v1/purge/nothing/all/${base64url(ORIGIN_URL)}`],
  ['GET', `/v1/status/nothing/us-west-1/${base64url(ORIGIN_URL)}`],
  ['DELETE', '/v1/cache/nothing'],
  ['DELETE', '/v1/cache/s3/nowhere'],
  ['DELETE', '/v1/queue/s3/nowhere'],
  ['DELETE', '/v1/queue/s3%2Fus-west-1/x'],
  ['GET', '/v1/dead-letters/s3/%zz'],
])('%s %s is a 404 that lists the known back ends', async (method, path) => {
  const response = await call(method, path);
  expect(response.status).toBe(404);
  expect(await json(response)).toMatchObject({
    code: 'unknown_backend',
    known: ['s3/us-west-1', 's3/eu-west-1'],
  });
});

test.each([
  ['GET', `/v1/purge/${OBJECT}`, 'DELETE'],
  ['OPTIONS', `/v1/purge/${OBJECT}`, 'DELETE'],
  ['DELETE', `/v1/status/${OBJECT}`, 'GET, HEAD'],
  ['GET', '/v1/cache', 'DELETE'],
  ['OPTIONS', '/v1/cache/s3', 'DELETE'],
  ['PUT', '/v1/dead-letters/s3/us-west-1', 'DELETE, GET, HEAD'],
  ['GET', '/v1/dead-letters/s3/us-west-1/redrive', 'POST'],
  ['POST', '/v1/ping', 'GET, HEAD'],
  ['OPTIONS', '/', 'GET, HEAD'],
  ['DELETE', '/metrics', 'GET, HEAD'],
])('%s %s is a 405', async (method, path, allow) => {
  const response = await call(method, path, null);
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe(allow);
  expect(await json(response)).toMatchObject({ code: 'method_not_allowed' });
});
